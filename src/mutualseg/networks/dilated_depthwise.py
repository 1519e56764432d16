"""Dilated depthwise convolutions as plain ones or products, without oneDNN's slow dilated kernels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mutualseg.networks.depthwise_gradient import depthwise

_FEW_PHASES = 4
"""Largest dilation that is split: beyond it the pieces get too small to be worth copying."""


def dilated_depthwise(images: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    """Return the depthwise convolution of stride 1, padded to keep the size, for a dilation d.

    Args:
        images: [B,C,H,W].
        weight: [C,1,k,k] with odd k, of the images' dtype.
        bias: [C] or None.
        dilation: d.

    Returns:
        [B,C,H,W], what `conv2d(..., padding=d * (k // 2), dilation=d, groups=C)` returns.
    """
    kernel = weight.shape[-1]
    if max(images.shape[2:]) <= dilation:  # wherever it stands, all but a kernel's middle sees padding
        middle = weight[:, 0, kernel // 2, kernel // 2, None, None]
        return images * middle if bias is None else images * middle + bias[:, None, None]
    if dilation <= _FEW_PHASES:
        return _by_phases(images, weight, bias, dilation)
    return F.conv2d(images, weight, bias, 1, dilation * (kernel // 2), dilation, len(weight))


def _by_phases(images: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    """Convolve each of the d x d subsampled images, which a dilation of d never mixes."""
    batch, channels, height, width = images.shape
    padded = F.pad(images, (0, -width % dilation, 0, -height % dilation))
    rows, columns = padded.shape[2] // dilation, padded.shape[3] // dilation
    # Channels last all the way, so that every copy moves whole pixels.
    split = padded.permute(0, 2, 3, 1).reshape(batch, rows, dilation, columns, dilation, channels)
    phases = split.permute(2, 4, 0, 1, 3, 5).reshape(-1, rows, columns, channels).permute(0, 3, 1, 2)
    convolved = depthwise(phases, weight, bias, (1, 1), (weight.shape[-1] // 2,) * 2)
    joined = convolved.permute(0, 2, 3, 1).reshape(dilation, dilation, batch, rows, columns, channels)
    whole = joined.permute(2, 3, 0, 4, 1, 5).reshape(batch, rows * dilation, columns * dilation, channels)
    cropped = whole.permute(0, 3, 1, 2)[..., :height, :width]
    return cropped.contiguous(memory_format=torch.channels_last)  # a slice would be slow to normalize
