"""A depthwise convolution whose gradients avoid two slow kernels of oneDNN (torch 2.14, AVX-512)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

_COLUMNS = 3
"""Widest kernel whose weights' gradient is fast: with five columns it takes up to twenty times as long."""

Pair = tuple[int, int]


def depthwise(images: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair) -> Tensor:
    """Convolve each channel with its own kernel, without dilation.

    Args:
        images: [B,C,H,W].
        weight: [C,1,kh,kw] of the images' dtype.
        bias: [C] or None.
        stride: down and across.
        padding: rows and columns of zeros on each side.

    Returns:
        what `conv2d(images, weight, bias, stride, padding, groups=C)` returns. Gradients are of first order
        alone, and `torch.func` does not take them.
    """
    wide = weight.shape[-1] > _COLUMNS
    strided_bf16 = stride != (1, 1) and images.dtype == torch.bfloat16
    if (wide or strided_bf16) and torch.is_grad_enabled():
        convolved: Tensor = _Depthwise.apply(images, weight, bias, stride, padding)
        return convolved
    return F.conv2d(images, weight, bias, stride, padding, 1, len(weight))


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, images: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair
    ) -> Tensor:
        ctx.save_for_backward(images, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(images, weight, bias, stride, padding, 1, len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        images, weight = ctx.saved_tensors
        of_images = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_images = _of_images(gradient, images, weight, ctx.stride, ctx.padding)
        if ctx.needs_input_grad[1]:
            of_weight = _of_weight(gradient, images, weight, ctx.stride, ctx.padding)
        if ctx.needs_input_grad[2]:
            of_bias = gradient.sum((0, 2, 3))
        return of_images, of_weight, of_bias, None, None


def _of_images(gradient: Tensor, images: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """With a stride this kernel is ten times as slow in bfloat16 as in float32; so it runs in that."""
    if stride == (1, 1) or images.dtype != torch.bfloat16:
        return _backward(gradient, images, weight, stride, padding, of_images=True)
    like_images = torch.empty_like(images, dtype=torch.float32)  # only its shape and strides are used
    exact = _backward(gradient.float(), like_images, weight.float(), stride, padding, of_images=True)
    return exact.to(images.dtype)


def _of_weight(gradient: Tensor, images: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """A few columns of the kernel at a time, each as a narrow kernel over images that are shifted for it."""
    if weight.shape[-1] <= _COLUMNS:
        return _backward(gradient, images, weight, stride, padding, of_images=False)
    parts = []
    for first in range(0, weight.shape[-1], _COLUMNS):
        narrow = weight[..., first : first + _COLUMNS]
        seen = (gradient.shape[-1] - 1) * stride[1] + narrow.shape[-1]
        left = padding[1] - first
        visible = images[..., max(-left, 0) : max(seen - left, 0)]
        before = min(max(left, 0), seen)
        shifted = F.pad(visible, (before, seen - before - visible.shape[-1]))
        parts.append(_backward(gradient, shifted, narrow, stride, (padding[0], 0), of_images=False))
    return torch.cat(parts, dim=-1)


def _backward(
    gradient: Tensor, images: Tensor, weight: Tensor, stride: Pair, padding: Pair, *, of_images: bool
) -> Tensor:
    of_both: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
        *(gradient, images, weight, None, stride, padding, (1, 1), False, (0, 0), len(weight)),
        (of_images, not of_images, False),
    )
    return of_both[0 if of_images else 1]
