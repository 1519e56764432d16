"""Depthwise convolutions computed another way on a CPU: faster, and otherwise the same network."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

from mutualseg.networks.depthwise import CpuDepthwise, CpuDepthwiseSame, speed_up_depthwise


@pytest.fixture(params=[nn.Conv2d, Conv2dSame])
def network(request: pytest.FixtureRequest) -> nn.Sequential:
    return nn.Sequential(request.param(4, 4, 3, stride=2, groups=4), request.param(4, 2, 1))


def test_only_depthwise_convolutions_change_and_keep_their_weights(network: nn.Sequential) -> None:
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


def test_autocast_holds_for_them_as_for_others(network: nn.Sequential) -> None:
    images = torch.randn(2, 4, 9, 7)
    with torch.autocast("cpu", torch.bfloat16):
        expected = network(images)
        speed_up_depthwise(network)
        found = network(images)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, expected)


def test_copies_are_independent_and_of_the_same_kind(network: nn.Sequential) -> None:
    speed_up_depthwise(network)
    twin = copy.deepcopy(network)
    assert type(twin[0]) is type(network[0])
    with torch.no_grad():
        next(twin.parameters()).add_(1)
    assert not torch.equal(next(twin.parameters()), next(network.parameters()))


def same_gradients(plain: nn.Module, images: Tensor, *, precision: torch.dtype, tolerance: float) -> None:
    """Hold a module's values and gradients to those of its counterpart, relative to the largest."""
    other = copy.deepcopy(plain)
    speed_up_depthwise(other)
    found = []
    for module in (plain, other):
        seen = images.detach().clone().requires_grad_()
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            values = module(seen)
        weighting = torch.randn(values.shape, generator=torch.Generator().manual_seed(1))
        (values.float() * weighting).sum().backward()
        found.append([values.float(), seen.grad, *(parameter.grad for parameter in module.parameters())])
    for expected, one in zip(*found, strict=True):
        assert (one - expected).abs().max() <= tolerance * expected.abs().max().clamp(min=1.0)
    last = torch.channels_last
    for expected, one in zip(found[0][:2], found[1][:2], strict=True):  # or what follows makes copies
        assert one.is_contiguous(memory_format=last) or not expected.is_contiguous(memory_format=last)


PRECISIONS = [(torch.float32, 2e-6), (torch.bfloat16, 2e-2)]


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("stride", [1, 2, 3, (2, 1)])
@pytest.mark.parametrize(("kernel", "padding"), [(3, 1), (5, 2), (7, 3), (4, 0), ((3, 5), (0, 1)), (9, 4)])
def test_gradients_are_those_of_the_plain_convolution(
    kernel: Any, padding: Any, stride: Any, bias: bool, precision: torch.dtype, tolerance: float
) -> None:
    plain = nn.Conv2d(6, 6, kernel, stride=stride, padding=padding, groups=6, bias=bias)
    images = torch.randn(2, 6, 12, 9).contiguous(memory_format=torch.channels_last)
    same_gradients(plain, images, precision=precision, tolerance=tolerance)


@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_in_float64_are_as_exact_as_that(stride: int) -> None:
    plain = nn.Conv2d(6, 6, 5, stride=stride, padding=2, groups=6).double()
    other = copy.deepcopy(plain)
    speed_up_depthwise(other)
    images = torch.randn(2, 6, 9, 8, dtype=torch.float64, requires_grad=True)
    expected, found = (
        torch.autograd.grad(module(images).square().sum(), images)[0] for module in (plain, other)
    )
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.uint8, torch.bfloat16])
def test_images_of_another_dtype_are_refused_as_before(dtype: torch.dtype) -> None:
    module = nn.Conv2d(6, 6, 3, padding=1, groups=6)
    speed_up_depthwise(nn.Sequential(module))
    with pytest.raises(RuntimeError):
        module(torch.ones(1, 6, 4, 4, dtype=dtype))


def test_an_image_without_a_batch_is_convolved_as_before() -> None:
    plain = nn.Conv2d(6, 6, 3, padding=12, dilation=12, groups=6)
    other = copy.deepcopy(plain)
    speed_up_depthwise(nn.Sequential(other))
    image = torch.randn(6, 40, 5)
    torch.testing.assert_close(other(image), plain(image))


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_with_padding_drawn_up_in_the_forward_pass(
    stride: int, precision: torch.dtype, tolerance: float
) -> None:
    plain = Conv2dSame(6, 6, 5, stride=stride, groups=6)
    images = torch.randn(2, 6, 13, 10).contiguous(memory_format=torch.channels_last)
    same_gradients(plain, images, precision=precision, tolerance=tolerance)


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 7)])
def test_gradients_where_a_kernel_is_wider_than_what_it_sees(size: tuple[int, int]) -> None:
    plain = nn.Conv2d(6, 6, 9, padding=4, groups=6)
    same_gradients(plain, torch.randn(2, 6, *size), precision=torch.float32, tolerance=2e-6)


@pytest.mark.parametrize(("precision", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("size", [(12, 12), (13, 9), (3, 4), (1, 5), (2, 40)])
@pytest.mark.parametrize(
    ("kernel", "dilation"), [(3, 2), (5, 2), (3, 3), (5, 4), (3, 8), (3, 12), (5, 12), (3, 36)]
)
def test_dilated_ones_equal_the_plain_convolution(
    size: tuple[int, int], kernel: int, dilation: int, precision: torch.dtype, tolerance: float
) -> None:
    plain = nn.Conv2d(6, 6, kernel, padding=dilation * (kernel // 2), dilation=dilation, groups=6)
    images = torch.randn(2, 6, *size).contiguous(memory_format=torch.channels_last)
    same_gradients(plain, images, precision=precision, tolerance=tolerance)


def test_what_is_not_a_size_keeping_depthwise_convolution_is_left_as_it_is() -> None:
    variants: tuple[dict[str, Any], ...] = (
        {"padding": 0, "dilation": 2, "groups": 6},
        {"padding": 2, "dilation": 2, "groups": 3},
        {"padding": 2, "dilation": 2, "groups": 6, "stride": 2},
        {"padding": 8, "dilation": 8, "groups": 6},
        {"padding": "same", "groups": 6},
        {"padding": 1, "padding_mode": "reflect", "groups": 6},
    )
    for options in variants:
        plain = nn.Conv2d(6, 6, 3, **options)
        split = copy.deepcopy(plain)
        speed_up_depthwise(split)
        images = torch.randn(1, 6, 17, 18)
        assert torch.equal(split(images), plain(images))


def test_an_export_does_not_depend_on_the_size_of_its_example() -> None:
    plain = nn.Conv2d(6, 6, 3, padding=12, dilation=12, groups=6)
    other = copy.deepcopy(plain)
    speed_up_depthwise(other)
    exported = torch.export.export(
        other.eval(),
        (torch.randn(1, 6, 8, 8),),
        dynamic_shapes=({2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO},),
    )
    images = torch.randn(1, 6, 30, 40)
    torch.testing.assert_close(exported.module()(images), plain(images))
