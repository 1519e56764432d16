from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mutualseg.data.image_codes import RGB
from mutualseg.suggesting.branches import Branches
from mutualseg.suggesting.looking import draw_maps, look_at, tiles
from mutualseg.suggesting.uncertainty import disagreement, total_uncertainty
from tests.conftest import BuildTiny


@pytest.fixture
def branches(tiny_segmenter: BuildTiny) -> Branches:
    networks = {role: tiny_segmenter(role, patchwise=True) for role in ("teacher_a", "teacher_b")}
    return Branches(networks, "cpu", "32", None, RGB).ready()


def image(height: int = 24, width: int = 32) -> torch.Tensor:
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8)


@torch.no_grad()
def test_two_branches_by_a_slow_reference(branches: Branches) -> None:
    seen, weights = image(), torch.tensor([1.0, 2.0, 5.0])
    outputs = [network(seen[None].float() / 255) for network in branches.networks.values()]
    one, other = (output.logits[0].softmax(0) for output in outputs)
    both = (one + other) / 2
    look = look_at(branches, seen, weights)
    per_pixel = [
        float(disagreement(one, other)[y, x]) * sum(float(both[k, y, x] * weights[k]) for k in range(3))
        for y in range(6)
        for x in range(8)
    ]
    assert look.uncertainty == pytest.approx(np.mean(per_pixel), rel=1e-4)
    assert look.differing == pytest.approx(float((one.argmax(0) != other.argmax(0)).float().mean()))
    assert look.shares.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(look.shares, both.mean((1, 2)).numpy(), rtol=1e-4)
    features = torch.cat([output.features[0].mean((1, 2)) for output in outputs])
    np.testing.assert_allclose(look.features, features.numpy(), rtol=1e-4, atol=1e-6)


def test_padding_does_not_count(branches: Branches) -> None:
    whole = image(24, 32)
    for network in branches.networks.values():
        network.multiple = 64
    weights = torch.ones(3)
    wide = look_at(branches, whole, weights)
    for network in branches.networks.values():
        network.multiple = 4
    plain = look_at(branches, whole, weights)
    assert wide.uncertainty == pytest.approx(plain.uncertainty, rel=1e-5)
    np.testing.assert_allclose(wide.features, plain.features, rtol=1e-4, atol=1e-6)


def test_windows_say_the_same_where_pixels_do_not_see_each_other(branches: Branches) -> None:
    whole, weights = image(32, 48), torch.tensor([1.0, 3.0, 2.0])
    cut = look_at(replace(branches, window=16), whole, weights)
    plain = look_at(branches, whole, weights)
    assert cut.uncertainty == pytest.approx(plain.uncertainty, rel=1e-4)
    np.testing.assert_allclose(cut.shares, plain.shares, rtol=1e-4)


def test_tiles_cover_every_pixel_once_and_are_small() -> None:
    numbered = torch.arange(3 * 37 * 50).view(3, 37, 50)
    parts = list(tiles(numbered, 16))
    assert max(max(part.shape[1:]) for part in parts) <= 16
    assert sorted(torch.cat([part.flatten() for part in parts]).tolist()) == list(range(3 * 37 * 50))
    assert len(list(tiles(numbered, None))) == 1


@torch.no_grad()
def test_one_network_is_asked_of_the_mirror_image(branches: Branches) -> None:
    alone = replace(branches, networks={"teacher_a": branches.networks["teacher_a"]})
    seen = image()
    network = alone.networks["teacher_a"]
    one = network(seen[None].float() / 255).logits[0].softmax(0)
    other = network(seen[None].flip(-1).float() / 255).logits[0].softmax(0).flip(-1)
    look = look_at(alone, seen, torch.ones(3))
    assert look.uncertainty == pytest.approx(float(total_uncertainty(one, other).mean()), rel=1e-4)
    assert look.features.shape == (5,)


@torch.no_grad()
def test_maps_are_of_the_mean_of_both_at_the_images_own_size(branches: Branches) -> None:
    seen = image(21, 30)
    maps = draw_maps(branches, seen)
    one, other = (
        network.segment(seen[None].float() / 255)[0].softmax(0) for network in branches.networks.values()
    )
    assert maps.classes.shape == maps.uncertainty.shape == (21, 30)
    np.testing.assert_array_equal(maps.classes, (one + other).argmax(0).numpy())
    np.testing.assert_allclose(maps.uncertainty, disagreement(one, other).numpy(), atol=1e-5)


def test_branches_with_other_grids_are_compared(branches: Branches) -> None:
    coarse = branches.networks["teacher_b"]
    coarse.neck = torch.nn.Sequential(coarse.neck, torch.nn.AvgPool2d(2))
    look = look_at(branches, image(), torch.ones(3))
    assert 0 < look.uncertainty < 1
    assert look.shares.sum() == pytest.approx(1, abs=1e-5)
