from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from mutualseg.networks.segmenter import pad_to_multiple, parameter_groups, round_up

if TYPE_CHECKING:
    from tests.conftest import BuildTiny

SIZES = [(1, 1), (4, 4), (5, 7), (8, 3), (17, 30), (32, 20)]


@given(length=st.integers(1, 10_000), multiple=st.integers(1, 100))
def test_round_up_is_the_smallest_multiple_that_covers(length: int, multiple: int) -> None:
    rounded = round_up(length, multiple)
    assert rounded % multiple == 0
    assert length <= rounded < length + multiple


def test_padding_goes_right_and_to_the_bottom() -> None:
    tensor = torch.arange(6).view(1, 2, 3)
    assert pad_to_multiple(tensor, 4, 9).tolist() == [
        [[0, 1, 2, 9], [3, 4, 5, 9], [9, 9, 9, 9], [9, 9, 9, 9]]
    ]
    assert pad_to_multiple(tensor, 1, 9) is tensor
    known = torch.ones(2, 3, dtype=torch.bool)
    padded = pad_to_multiple(known, 2, False)
    assert padded.dtype == torch.bool
    assert padded.tolist() == [[True, True, True, False], [True, True, True, False]]


@pytest.mark.parametrize("size", SIZES)
def test_any_size(tiny_segmenter: BuildTiny, size: tuple[int, int]) -> None:
    network = tiny_segmenter().eval()
    images = torch.rand(2, 3, *size)
    output = network(images)
    grid = (-(-size[0] // 4), -(-size[1] // 4))
    assert output.logits.shape == (2, 3, *grid)
    assert output.features.shape == (2, 5, *grid)
    assert network.segment(images).shape == (2, 3, *size)


@pytest.mark.parametrize("size", SIZES)
def test_equals_the_computation_by_hand(tiny_segmenter: BuildTiny, size: tuple[int, int]) -> None:
    network = tiny_segmenter().eval()
    images = torch.rand(2, 3, *size)
    mean = torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1)
    std = torch.tensor([0.2, 0.25, 0.3]).view(3, 1, 1)
    bottom, right = -size[0] % 4, -size[1] % 4
    canvas = torch.zeros(2, 3, size[0] + bottom, size[1] + right)
    canvas[..., : size[0], : size[1]] = (images - mean) / std
    features = torch.tanh(network.decoder(network.encoder(canvas)))
    weight, bias = network.classifier.weight.view(3, 5), network.classifier.bias
    assert bias is not None
    logits = torch.einsum("kd,bdhw->bkhw", weight, features) + bias.view(3, 1, 1)
    output = network(images)
    torch.testing.assert_close(output.features, features)
    torch.testing.assert_close(output.logits, logits)
    full = F.interpolate(logits, scale_factor=4, mode="bilinear", align_corners=False)
    torch.testing.assert_close(network.segment(images), full[..., : size[0], : size[1]])


def test_padding_is_the_mean_color(tiny_segmenter: BuildTiny) -> None:
    network = tiny_segmenter().eval()
    images = torch.rand(1, 3, 6, 9)
    padded = network.pixel_mean.expand(1, 3, 8, 12).clone()
    padded[..., :6, :9] = images
    torch.testing.assert_close(network(images).logits, network(padded).logits)
    torch.testing.assert_close(network.segment(images), network.segment(padded)[..., :6, :9])


def test_more_padding_changes_nothing_that_does_not_see_it(tiny_segmenter: BuildTiny) -> None:
    little, much = (tiny_segmenter(patchwise=True, multiple=multiple) for multiple in (4, 16))
    images = torch.rand(1, 3, 12, 12)
    assert much(images).logits.shape[-2:] == (4, 4)
    torch.testing.assert_close(much(images).logits[..., :3, :3], little(images).logits)
    # Rows up to 9 lie between centers of the three grid rows that both have.
    segmented = little.segment(images), much.segment(images)
    torch.testing.assert_close(segmented[0][..., :10, :10], segmented[1][..., :10, :10])
    assert segmented[0].shape == segmented[1].shape == (1, 3, 12, 12)


def test_pixels_are_normalized_per_channel(tiny_segmenter: BuildTiny) -> None:
    network = tiny_segmenter().eval()
    seen: list[torch.Tensor] = []
    network.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    color = torch.tensor([0.6, 0.25, 0.6]).view(1, 3, 1, 1)
    network(color.expand(1, 3, 4, 4))
    expected = torch.tensor([1.0, -1.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    torch.testing.assert_close(seen[0], expected)
    assert {"pixel_mean", "pixel_std"} <= set(network.state_dict())  # deployed without a side file


def test_segments_in_float32_under_autocast(tiny_segmenter: BuildTiny) -> None:
    network = tiny_segmenter().eval()
    with torch.autocast("cpu", torch.bfloat16):
        images = torch.rand(1, 3, 9, 9)
        assert network(images).logits.dtype == torch.bfloat16
        assert network.segment(images).dtype == torch.float32


def test_names_of_its_dimensions(tiny_segmenter: BuildTiny) -> None:
    network = tiny_segmenter(num_classes=7)
    assert (network.num_classes, network.num_features) == (7, 5)
    assert network.classifier_weight.shape == (7, 5)
    assert network.classifier_weight.data_ptr() == network.classifier.weight.data_ptr()
    assert torch.equal(network.classifier_weight[2], network.classifier.weight[2, :, 0, 0])


def test_parameter_groups_hold_each_parameter_once(tiny_segmenter: BuildTiny) -> None:
    network = tiny_segmenter()
    encoder, rest = parameter_groups(network, encoder_rate=0.1, decoder_rate=0.2)
    assert (encoder["lr"], encoder["peak_lr"], rest["lr"], rest["peak_lr"]) == (0.1, 0.1, 0.2, 0.2)
    assert isinstance(encoder["params"], list)
    assert isinstance(rest["params"], list)
    assert [id(p) for p in encoder["params"]] == [id(p) for p in network.encoder.parameters()]
    grouped = [id(p) for p in encoder["params"] + rest["params"]]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(p) for p in network.parameters()}
