"""Depthwise convolutions that stay in float32 on CPUs, where their bfloat16 backward pass is slow.

oneDNN has no fast bfloat16 kernel for the backward pass of grouped convolutions without AMX: an
EfficientNet-Lite0 trains 1.5 times faster if only its dense convolutions run in bfloat16.
"""

from __future__ import annotations

import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn


class _IgnoresAutocast(nn.Module):
    """Mixed into a convolution: computes in float32 on a CPU, elsewhere as asked."""

    def forward(self, images: Tensor) -> Tensor:
        """Convolve [B,C,H,W]."""
        if images.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return self._convolve(images)
        with torch.autocast("cpu", enabled=False):
            return self._convolve(images.float())

    def _convolve(self, images: Tensor) -> Tensor:
        convolved: Tensor = super().forward(images)
        return convolved


class Float32Conv2d(_IgnoresAutocast, nn.Conv2d):
    """A convolution that ignores autocast on a CPU."""


class Float32Conv2dSame(_IgnoresAutocast, Conv2dSame):
    """The same with TensorFlow's padding."""


_COUNTERPARTS: dict[type[nn.Conv2d], type[nn.Conv2d]] = {
    nn.Conv2d: Float32Conv2d,
    Conv2dSame: Float32Conv2dSame,
}


def keep_depthwise_float32(network: nn.Module) -> None:
    """Turn a network's depthwise convolutions into such ones, in place; weights and names stay."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            # The class alone changes: a wrapper would rename the weights.
            module.__class__ = _COUNTERPARTS.get(type(module), type(module))
