"""The two forms of images between a file and a network: uint8 levels, and float32 of range [0, 1]."""

from __future__ import annotations

import torch
from torch import Tensor


def is_rgb(images: Tensor) -> bool:
    """Tell whether images [...,C,H,W] are 8-bit RGB."""
    return images.dtype == torch.uint8 and images.shape[-3] == 3


def to_unit(images: Tensor) -> Tensor:
    """Return images of any shape as float32: uint8 levels divided by 255, floats as they are."""
    return images.float().div_(255) if images.dtype == torch.uint8 else images.float()
