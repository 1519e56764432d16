"""Depthwise convolutions that stay in float32 on a CPU: faster, and otherwise the same network."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

from mutualseg.networks.depthwise import CpuDepthwise, CpuDepthwiseSame, speed_up_depthwise


@pytest.fixture(params=[nn.Conv2d, Conv2dSame])
def network(request: pytest.FixtureRequest) -> nn.Sequential:
    return nn.Sequential(request.param(4, 4, 3, stride=2, groups=4), request.param(4, 2, 1))


def test_only_grouped_convolutions_change_and_keep_their_weights(network: nn.Sequential) -> None:
    before = copy.deepcopy(network.state_dict())
    speed_up_depthwise(network)
    assert isinstance(network[0], CpuDepthwise | CpuDepthwiseSame)
    assert not isinstance(network[1], CpuDepthwise | CpuDepthwiseSame)
    assert network.state_dict().keys() == before.keys()
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_values_in_float32_are_the_same_to_the_bit(network: nn.Sequential) -> None:
    images = torch.randn(2, 4, 9, 7)
    expected = network(images)
    speed_up_depthwise(network)
    assert torch.equal(network(images), expected)


def test_autocast_leaves_the_grouped_one_in_float32_and_not_the_other(network: nn.Sequential) -> None:
    images = torch.randn(2, 4, 9, 7)
    exact = network[0](images)
    speed_up_depthwise(network)
    with torch.autocast("cpu", torch.bfloat16):
        grouped = network[0](images)
        dense = network[1](grouped)
    assert grouped.dtype == torch.float32
    assert torch.equal(grouped, exact)
    assert dense.dtype == torch.bfloat16


def test_copies_are_independent_and_of_the_same_kind(network: nn.Sequential) -> None:
    speed_up_depthwise(network)
    twin = copy.deepcopy(network)
    assert type(twin[0]) is type(network[0])
    with torch.no_grad():
        next(twin.parameters()).add_(1)
    assert not torch.equal(next(twin.parameters()), next(network.parameters()))


@pytest.mark.parametrize("size", [(12, 12), (13, 9), (3, 4)])
@pytest.mark.parametrize(("kernel", "dilation"), [(3, 2), (5, 2), (3, 3), (5, 4)])
def test_dilation_by_phases_equals_the_plain_convolution(
    size: tuple[int, int], kernel: int, dilation: int
) -> None:
    plain = nn.Conv2d(6, 6, kernel, padding=dilation * (kernel // 2), dilation=dilation, groups=6)
    split = copy.deepcopy(plain)
    speed_up_depthwise(split)
    images = torch.randn(2, 6, *size, requires_grad=True)
    twin = images.detach().clone().requires_grad_()
    expected, found = plain(images), split(twin)
    torch.testing.assert_close(found, expected)
    weighting = torch.randn_like(expected)
    (expected * weighting).sum().backward()
    (found * weighting).sum().backward()
    torch.testing.assert_close(twin.grad, images.grad)
    torch.testing.assert_close(split.weight.grad, plain.weight.grad)


def test_what_is_not_a_size_keeping_depthwise_convolution_is_left_whole() -> None:
    variants: tuple[dict[str, Any], ...] = (
        {"padding": 0, "dilation": 2, "groups": 6},
        {"padding": 2, "dilation": 2, "groups": 3},
        {"padding": 2, "dilation": 2, "groups": 6, "stride": 2},
        {"padding": 8, "dilation": 8, "groups": 6},
    )
    for options in variants:
        plain = nn.Conv2d(6, 6, 3, **options)
        split = copy.deepcopy(plain)
        speed_up_depthwise(split)
        images = torch.randn(1, 6, 17, 18)
        assert torch.equal(split(images), plain(images))
