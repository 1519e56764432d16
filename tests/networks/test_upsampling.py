"""Upsampling with its gradient channels last: the same values and gradients."""

from __future__ import annotations

import copy

import torch
from torch import nn

from mutualseg.networks.upsampling import CpuUpsample, speed_up_upsampling


def test_a_slice_of_channels_has_the_gradient_of_plain_upsampling() -> None:
    plain = nn.Sequential(nn.Upsample(scale_factor=4, mode="bilinear", align_corners=True))
    other = copy.deepcopy(plain)
    speed_up_upsampling(other)
    assert type(other[0]) is CpuUpsample
    images = torch.randn(2, 8, 3, 5).contiguous(memory_format=torch.channels_last)
    weighting = torch.randn(2, 11, 12, 20).contiguous(memory_format=torch.channels_last)
    gradients = []
    for module in (plain, other):
        seen = images.clone().requires_grad_()
        joined = torch.cat([module(seen), torch.zeros(2, 3, 12, 20)], dim=1)
        (joined * weighting).sum().backward()
        gradients.append(seen.grad)
    torch.testing.assert_close(gradients[1], gradients[0])


def test_other_upsampling_stays_as_it_is() -> None:
    module = nn.Sequential(nn.Upsample(scale_factor=2))
    speed_up_upsampling(module)
    assert type(module[0]) is nn.Upsample


def test_channels_first_stay_so() -> None:
    module = nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"))
    speed_up_upsampling(module)
    images = torch.randn(2, 3, 4, 5, requires_grad=True)
    module(images).sum().backward()
    assert images.grad is not None
    assert images.grad.is_contiguous()
