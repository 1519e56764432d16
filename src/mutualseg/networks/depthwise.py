"""Depthwise convolutions computed another way on CPUs: the same values, a much faster backward pass.

Two gaps in oneDNN's kernels for processors without AMX cost an EfficientNet-Lite0 almost half of its
training time: grouped convolutions are slow backwards in bfloat16, and dilated ones in any precision.
So here they stay in float32, and a dilation of d is computed as plain convolutions of the d x d
subsampled images that it never mixes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

_FEW_PHASES = 4
"""Largest dilation that is split: beyond it the pieces get too small to be worth copying."""


def dilated_by_phases(images: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    """Return the depthwise convolution of stride 1, padded to keep the size, for a dilation d.

    Args:
        images: [B,C,H,W].
        weight: [C,1,k,k] with odd k.
        bias: [C] or None.
        dilation: d.

    Returns:
        [B,C,H,W], what `conv2d(..., padding=d * (k // 2), dilation=d, groups=C)` returns.
    """
    batch, channels, height, width = images.shape
    padded = F.pad(images, (0, -width % dilation, 0, -height % dilation))
    rows, columns = padded.shape[2] // dilation, padded.shape[3] // dilation
    # Channels last all the way, so that every copy moves whole pixels.
    split = padded.permute(0, 2, 3, 1).reshape(batch, rows, dilation, columns, dilation, channels)
    phases = split.permute(2, 4, 0, 1, 3, 5).reshape(-1, rows, columns, channels).permute(0, 3, 1, 2)
    convolved = F.conv2d(phases, weight, bias, padding=weight.shape[-1] // 2, groups=channels)
    joined = convolved.permute(0, 2, 3, 1).reshape(dilation, dilation, batch, rows, columns, channels)
    whole = joined.permute(2, 3, 0, 4, 1, 5).reshape(batch, rows * dilation, columns * dilation, channels)
    return whole.permute(0, 3, 1, 2)[..., :height, :width]


class _ComputedForCpu(nn.Conv2d):
    """Mixed into a depthwise convolution: its own way on a CPU, the ordinary one elsewhere."""

    def forward(self, images: Tensor) -> Tensor:
        """Convolve [B,C,H,W]."""
        if images.device.type != "cpu":
            return self._convolve(images)
        with torch.autocast("cpu", enabled=False):
            images = images.float()
            dilation = self._splittable_dilation()
            if dilation is not None:
                return dilated_by_phases(images, self.weight, self.bias, dilation)
            return self._convolve(images)

    def _convolve(self, images: Tensor) -> Tensor:
        convolved: Tensor = super().forward(images)
        return convolved

    def _splittable_dilation(self) -> int | None:
        """Return d if this is a size-keeping, purely depthwise convolution of small dilation d > 1."""
        d, k = self.dilation[0], self.kernel_size[0]
        keeps_size = self.stride == (1, 1) and self.padding == (d * (k // 2),) * 2 and k % 2 == 1
        uniform = self.dilation == (d, d) and self.kernel_size == (k, k)
        depthwise = self.groups == self.in_channels == self.out_channels
        return d if keeps_size and uniform and depthwise and 1 < d <= _FEW_PHASES else None


class CpuDepthwise(_ComputedForCpu, nn.Conv2d):
    """A depthwise convolution."""


class CpuDepthwiseSame(_ComputedForCpu, Conv2dSame):
    """The same with TensorFlow's padding, which is drawn up in the forward pass."""

    def _splittable_dilation(self) -> int | None:
        return None


_COUNTERPARTS: dict[type[nn.Conv2d], type[nn.Conv2d]] = {
    nn.Conv2d: CpuDepthwise,
    Conv2dSame: CpuDepthwiseSame,
}


def speed_up_depthwise(network: nn.Module) -> None:
    """Turn a network's depthwise convolutions into such ones, in place; weights and names stay."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            # The class alone changes: a wrapper would rename the weights.
            module.__class__ = _COUNTERPARTS.get(type(module), type(module))
