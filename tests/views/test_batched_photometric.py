from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from mutualseg.seeding import generator_at
from mutualseg.types import ColorSteps
from mutualseg.views.batched_operations import BATCHED
from mutualseg.views.batched_photometric import apply_plan, plan_colors
from mutualseg.views.color_steps import CHANGES, record
from mutualseg.views.photometric import draw_strong, draw_weak
from tests.views.made import SIZES, contents, crops, noise, one_by_one, padded, smooth

AMOUNTS = {
    "brightness": (0.5, 1.5),
    "contrast": (0.5, 1.5),
    "saturation": (0.5, 1.5),
    "hue": (-0.25, 0.25),
    "blur": (0.1, 2.0),
    "solarize": (64.0, 255.0),
}
IDENTITIES = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0, "blur": 0.1}
EXACT = {"solarize", "equalize"}
SMOOTH = ["color_jitter", "blur", "grayscale"]
"""The strong operations without jumps: a level before them is a few after them."""
CHAINS: dict[str, tuple[dict[str, Any], int]] = {
    "compose": ({"recipe": "compose"}, 6),
    "one of": ({"operations": SMOOTH}, 6),
    "two": ({"operations": SMOOTH, "count": 2}, 6),
    "three": ({"operations": SMOOTH, "count": 3}, 6),
}


def amount(name: str, seed: int) -> float:
    low, high = AMOUNTS.get(name, (0.0, 0.0))
    drawn = low + (high - low) * float(torch.rand((), generator=generator_at(seed), dtype=torch.float64))
    return float(round(drawn)) if name == "solarize" else drawn


def batched(images: list[Tensor], steps: list[ColorSteps], pad: int = 128) -> Tensor:
    return apply_plan(padded(images, pad), contents(images), plan_colors(steps))


def difference(images: list[Tensor], steps: list[ColorSteps]) -> Tensor:
    return (batched(images, steps).int() - one_by_one(images, steps).int()).abs()


def test_every_change_has_a_batched_form() -> None:
    assert list(BATCHED) == list(CHANGES)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_that_of_each_image_within_a_level(name: str) -> None:
    changed = False
    for seed in range(12):
        images = crops(seed)
        steps = [record([(name, amount(name, 100 * seed + place))]) for place in range(len(images))]
        apart = difference(images, steps)
        assert apart.max() <= (0 if name in EXACT else 1)
        assert (apart > 0).float().mean() < 0.005
        changed |= not torch.equal(batched(images, steps), padded(images))
    assert changed


@pytest.mark.parametrize("strength", [0.0, 0.2])
def test_weak_colors_are_those_of_each_image(strength: float) -> None:
    for seed in range(12):
        images = crops(seed)
        steps = [draw_weak(generator_at(seed, place), strength=strength) for place in range(len(images))]
        assert difference(images, steps).max() <= (3 if strength else 0)


@pytest.mark.parametrize("name", CHAINS)
def test_strong_colors_are_those_of_each_image(name: str) -> None:
    options, bound = CHAINS[name]
    for seed in range(16):
        images = crops(seed)
        steps = [draw_strong(generator_at(seed, place), **options) for place in range(len(images))]
        apart = difference(images, steps)
        assert apart.max() <= bound
        assert (apart > 0).float().mean() < 0.005


@pytest.mark.parametrize("count", [1, 2, 5])
def test_jumps_spread_a_level_in_few_pixels_alone(count: int) -> None:
    """After another change, `solarize` and `equalize` can send one level far away."""
    for seed in range(12):
        images = crops(seed)
        steps = [draw_strong(generator_at(seed, place), count=count) for place in range(len(images))]
        apart = difference(images, steps)
        assert (apart > 6).float().mean() < 0.005
        if count == 1:
            assert apart.max() <= 6


@pytest.mark.parametrize("name", IDENTITIES)
def test_identity_amounts_change_nothing(name: str) -> None:
    images = crops(0)
    steps = [record([(name, IDENTITIES[name])])] * len(images)
    assert torch.equal(batched(images, steps), padded(images))


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_leaves_other_images_and_the_given_ones_alone(name: str) -> None:
    images = [noise(0), smooth(1), noise(2)]
    given = padded(images)
    steps = [record([]), record([(name, amount(name, 1))]), record([])]
    result = apply_plan(given, contents(images), plan_colors(steps))
    assert torch.equal(given, padded(images))
    assert torch.equal(result[[0, 2]], given[[0, 2]])


@pytest.mark.parametrize("name", CHANGES)
def test_padding_is_not_seen(name: str) -> None:
    images = crops(3)
    steps = [record([(name, amount(name, place))]) for place in range(len(images))]
    results = [batched(images, steps, pad) for pad in (0, 128, 255)]
    assert all(torch.equal(result, results[1]) for result in results)
    for place, (height, width) in enumerate(SIZES):
        assert (results[0][place, :, height:] == 128).all()
        assert (results[0][place, :, :, width:] == 128).all()


def test_an_image_does_not_depend_on_those_beside_it() -> None:
    images = crops(4)
    steps = [draw_strong(generator_at(4, place), count=3) for place in range(len(images))]
    together = batched(images, steps)
    for place, (image, own) in enumerate(zip(images, steps, strict=True)):
        assert torch.equal(batched([image], [own])[0], together[place])


def test_an_image_of_one_color_is_left_by_equalize_and_blur() -> None:
    image = torch.full((3, 20, 20), 77, dtype=torch.uint8)
    steps = [record([("equalize", 0.0), ("blur", 1.3)])]
    assert (batched([image], steps)[:, :, :20, :20] == 77).all()


def test_lower_precision_of_the_networks_changes_no_color() -> None:
    images = crops(5)
    steps = [draw_strong(generator_at(5, place), count=5) for place in range(len(images))]
    expected = batched(images, steps)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(batched(images, steps), expected)


class Calls(TorchDispatchMode):
    """Notes what torch is asked to compute."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.overloadpacket._qualified_op_name)
        return func(*args, **(kwargs or {}))


# What makes the host wait for a device: reading a number, a size that depends on values, copies between them.
WAITING = {
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "equal",
    "is_nonzero",
    "bincount",
    "unique_dim",
    "_unique2",
    "lift_fresh",
}


def test_nothing_waits_for_the_device() -> None:
    images = crops(6)
    steps = [draw_strong(generator_at(6, place), count=5) for place in range(len(images))]
    same = [draw_strong(generator_at(6), count=5)] * len(images)
    given, sizes, plans = padded(images), contents(images), [plan_colors(steps), plan_colors(same)]
    with Calls() as calls:
        for plan in plans:
            apply_plan(given, sizes, plan)
    assert {"aten::convolution", "aten::scatter_add_", "aten::index_copy_"} <= calls.names
    assert calls.names & {f"aten::{name}" for name in WAITING} == set()
