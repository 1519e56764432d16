"""Depthwise convolutions of a network, computed another way on a CPU.

In float32 the values are the same but for the order of sums. Gaps in oneDNN's kernels (torch 2.14, seen on
AMD and Intel processors with AVX-512), in its backward passes above all, would cost an EfficientNet-Lite0
more than a third of its training time. Under autocast they are in bfloat16 like other convolutions: a step
is a fifth to a third faster for it, and 21 pairs of trainings showed no loss that they could tell from noise
(docs/experiments.md).
"""

from __future__ import annotations

import torch
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.padding import pad_same
from torch import Tensor, nn

from mutualseg.networks.depthwise_gradient import depthwise
from mutualseg.networks.dilated_depthwise import dilated_depthwise


class _ComputedForCpu(nn.Conv2d):
    """Mixed into a depthwise convolution: its own way on a CPU, the ordinary one elsewhere."""

    def forward(self, images: Tensor) -> Tensor:
        """Convolve [B,C,H,W]."""
        # An export must not depend on the size of its example.
        # The check is silenced because torch.jit neither exports nor types is_tracing.
        exported = torch.compiler.is_exporting() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        if images.device.type != "cpu" or images.dim() != 4 or exported:
            return self._convolve(images)
        weight, bias = self.weight, self.bias
        eligible = images.is_floating_point() and images.dtype != torch.float64  # as autocast has it
        if eligible and torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
            images, weight = images.to(dtype), weight.to(dtype)
            bias = None if bias is None else bias.to(dtype)
        with torch.autocast("cpu", enabled=False):
            return self._convolve_on_cpu(images, weight, bias)

    def _convolve_on_cpu(self, images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.dilation == (1, 1) and not isinstance(self.padding, str):
            stride, padding = (self.stride[0], self.stride[1]), (self.padding[0], self.padding[1])
            return depthwise(images, weight, bias, stride, padding)
        if self._is_dilated_and_keeps_the_size():
            return dilated_depthwise(images, weight, bias, self.dilation[0])
        convolved: Tensor = nn.Conv2d._conv_forward(self, images, weight, bias)
        return convolved

    def _is_dilated_and_keeps_the_size(self) -> bool:
        d, k = self.dilation[0], self.kernel_size[0]
        square = self.dilation == (d, d) and self.kernel_size == (k, k)
        return square and k % 2 == 1 and self.stride == (1, 1) and self.padding == (d * (k // 2),) * 2

    def _convolve(self, images: Tensor) -> Tensor:
        convolved: Tensor = super().forward(images)
        return convolved


class CpuDepthwise(_ComputedForCpu, nn.Conv2d):
    """A depthwise convolution."""


class CpuDepthwiseSame(_ComputedForCpu, Conv2dSame):
    """The same with TensorFlow's padding, which is drawn up in the forward pass."""

    def _convolve_on_cpu(self, images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padded = pad_same(images, list(self.kernel_size), list(self.stride), list(self.dilation))
        return super()._convolve_on_cpu(padded, weight, bias)


_COUNTERPARTS: dict[type[nn.Conv2d], type[nn.Conv2d]] = {
    nn.Conv2d: CpuDepthwise,
    Conv2dSame: CpuDepthwiseSame,
}


def speed_up_depthwise(network: nn.Module) -> None:
    """Turn a network's depthwise convolutions into such ones, in place; weights and names stay."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and _is_depthwise(module):
            # The class alone changes: a wrapper would rename the weights.
            module.__class__ = _COUNTERPARTS.get(type(module), type(module))


def _is_depthwise(module: nn.Conv2d) -> bool:
    """Other grouped convolutions are about as fast in bfloat16 as in float32, and stay as they are."""
    one_each = module.groups == module.in_channels == module.out_channels > 1
    return one_each and module.padding_mode == "zeros"
