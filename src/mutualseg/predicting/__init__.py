"""Segmenting files: which ones, what is written of each, and how images that are too large are looked at."""
