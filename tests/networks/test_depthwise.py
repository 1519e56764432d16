"""Depthwise convolutions that stay in float32 on a CPU: faster, and otherwise the same network."""

from __future__ import annotations

import copy

import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

from mutualseg.networks.depthwise import Float32Conv2d, Float32Conv2dSame, keep_depthwise_float32


@pytest.fixture(params=[nn.Conv2d, Conv2dSame])
def network(request: pytest.FixtureRequest) -> nn.Sequential:
    return nn.Sequential(request.param(4, 4, 3, stride=2, groups=4), request.param(4, 2, 1))


def test_only_grouped_convolutions_change_and_keep_their_weights(network: nn.Sequential) -> None:
    before = copy.deepcopy(network.state_dict())
    keep_depthwise_float32(network)
    assert isinstance(network[0], Float32Conv2d | Float32Conv2dSame)
    assert not isinstance(network[1], Float32Conv2d | Float32Conv2dSame)
    assert network.state_dict().keys() == before.keys()
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_values_in_float32_are_the_same_to_the_bit(network: nn.Sequential) -> None:
    images = torch.randn(2, 4, 9, 7)
    expected = network(images)
    keep_depthwise_float32(network)
    assert torch.equal(network(images), expected)


def test_autocast_leaves_the_grouped_one_in_float32_and_not_the_other(network: nn.Sequential) -> None:
    images = torch.randn(2, 4, 9, 7)
    exact = network[0](images)
    keep_depthwise_float32(network)
    with torch.autocast("cpu", torch.bfloat16):
        grouped = network[0](images)
        dense = network[1](grouped)
    assert grouped.dtype == torch.float32
    assert torch.equal(grouped, exact)
    assert dense.dtype == torch.bfloat16


def test_copies_are_independent_and_of_the_same_kind(network: nn.Sequential) -> None:
    keep_depthwise_float32(network)
    twin = copy.deepcopy(network)
    assert type(twin[0]) is type(network[0])
    with torch.no_grad():
        next(twin.parameters()).add_(1)
    assert not torch.equal(next(twin.parameters()), next(network.parameters()))
