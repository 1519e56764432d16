"""Adaptive average pooling whose gradient is the same on every call, where that is asked for.

PyTorch has no deterministic gradient of it on CUDA, but for one cell, which is a mean. UPerNet pools to
2 x 2, 3 x 3 and 6 x 6 cells. A mean over rectangles is a product with one matrix along each axis.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AverageByProducts(nn.AdaptiveAvgPool2d):
    """An adaptive average pooling of [B,C,H,W], by matrix products where PyTorch's own way would refuse."""

    def forward(self, images: Tensor) -> Tensor:
        """Pool."""
        cells = self._cells(images)
        # An exported pooling must not depend on the size of its example.
        if torch.compiler.is_exporting() and cells != (1, 1):
            return _products(images, cells)
        if would_be_refused(images):
            return average_by_products(images, cells)
        pooled: Tensor = super().forward(images)
        return pooled

    def _cells(self, images: Tensor) -> tuple[int, int]:
        size = self.output_size
        down, right = size if isinstance(size, tuple) else (size, size)
        return down or images.shape[-2], right or images.shape[-1]


def would_be_refused(images: Tensor) -> bool:
    """Whether PyTorch would refuse to differentiate an adaptive pooling of these images."""
    return images.is_cuda and torch.are_deterministic_algorithms_enabled()


def average_by_products(images: Tensor, cells: tuple[int, int]) -> Tensor:
    """Return what `adaptive_avg_pool2d` does, up to the order of sums.

    Args:
        images: floating [B,C,H,W].
        cells: rows and columns (h, w) of the result.

    Returns:
        [B,C,h,w].
    """
    values = images.to(torch.promote_types(images.dtype, torch.float32))
    with torch.autocast(images.device.type, enabled=False):  # a share of a pixel needs more bits
        return _products(values, cells).to(images.dtype)


def _products(values: Tensor, cells: tuple[int, int]) -> Tensor:
    down = _shares(values.shape[-2], cells[0]).to(values)
    right = _shares(values.shape[-1], cells[1]).to(values)
    return down @ values @ right.T


def make_pooling_deterministic(network: nn.Module) -> None:
    """Turn a network's adaptive average poolings into such ones, in place."""
    for module in network.modules():
        if type(module) is nn.AdaptiveAvgPool2d:
            module.__class__ = AverageByProducts


def _shares(side: int, cells: int) -> Tensor:
    """Return float64 [cells,side]: the share of each pixel in the mean of each cell."""
    cell = torch.arange(cells)[:, None]
    first, end = cell * side // cells, ((cell + 1) * side + cells - 1) // cells  # neighbors may overlap
    pixel = torch.arange(side)
    return ((first <= pixel) & (pixel < end)).double() / (end - first)
