"""Segmentation networks with a 1x1 classifier, their pretrained weights and their mean teachers."""
