"""Convolutions padded like TensorFlow's, with whole numbers alone: a pt2 file has no quotient to round up."""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor

from mutualseg.networks.segmenter import Segmenter


class WholeNumberSame(Conv2dSame):
    """The same convolution; how much is padded is computed in integers."""

    def forward(self, images: Tensor) -> Tensor:
        """Convolve [B,C,H,W]."""
        (above, below), (left, right) = (self._padding_along(axis, images.shape[2 + axis]) for axis in (0, 1))
        padded = F.pad(images, (left, right, above, below))
        return F.conv2d(padded, self.weight, self.bias, self.stride, (0, 0), self.dilation, self.groups)

    def _padding_along(self, axis: int, side: int) -> tuple[int, int]:
        """Return the pixels before and after; what is odd goes after."""
        stride, seen = self.stride[axis], (self.kernel_size[axis] - 1) * self.dilation[axis] + 1
        if seen == 1:
            return 0, 0
        total: Any = ((side + stride - 1) // stride - 1) * stride + seen - side
        if seen < stride:  # else it cannot be negative
            total = torch.sym_max(total, 0)
        return total // 2, total - total // 2


def with_whole_number_padding(network: Segmenter) -> Segmenter:
    """Return a copy of a network whose convolutions of that kind are such ones."""
    other = copy.deepcopy(network)
    for module in other.modules():
        if isinstance(module, Conv2dSame):
            module.__class__ = WholeNumberSame
    return other
