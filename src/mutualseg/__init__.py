"""Semantic segmentation from a few labeled and many unlabeled images, by mutual knowledge distillation."""
