from __future__ import annotations

from collections.abc import Callable
from math import exp
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as TF

from mutualseg.errors import ImageError
from mutualseg.seeding import generator_at
from mutualseg.types import ColorSteps
from mutualseg.views.color_steps import CHANGES, KINDS, Step, apply_steps, blur_radius, record
from mutualseg.views.photometric import draw_strong, draw_weak
from tests.views.made import noise, smooth

IDENTITIES = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0, "blur": 0.1}


def recorded(steps: ColorSteps) -> list[Step]:
    pairs = zip(steps.kinds.tolist(), steps.amounts.tolist(), strict=True)
    return [(KINDS[kind], amount) for kind, amount in pairs if kind != 0]


# Drawn before drawing and applying were two things: recorded runs rely on them. The sum is of the view.
WEAK: list[tuple[int, int, list[Step]]] = [
    (
        0,
        192878,
        [
            ("brightness", 1.0879718563009457),
            ("contrast", 0.9585760978196767),
            ("saturation", 1.066939807319682),
        ],
    ),
    (
        1,
        202508,
        [
            ("brightness", 1.1599077887328242),
            ("contrast", 0.9277606195192002),
            ("saturation", 0.8724019098555504),
        ],
    ),
]
STRONG: list[tuple[int, dict[str, Any], int, list[Step]]] = [
    (
        0,
        {"count": 3},
        149890,
        [
            ("solarize", 109.0),
            ("equalize", 0.0),
            ("hue", 0.10978797986579564),
            ("contrast", 0.8365704735039602),
            ("saturation", 0.9699899255146087),
            ("brightness", 0.5964401984317846),
        ],
    ),
    (
        1,
        {"count": 3},
        268369,
        [
            ("blur", 0.44390907181386463),
            ("contrast", 0.5903188470353995),
            ("brightness", 1.2956423065061147),
            ("saturation", 1.4734970686860343),
            ("hue", 0.21588614946862839),
            ("equalize", 0.0),
        ],
    ),
    (2, {"count": 3}, 267057, [("equalize", 0.0), ("blur", 1.0851228320828887), ("grayscale", 0.0)]),
    (3, {"count": 3}, 77640, [("equalize", 0.0), ("solarize", 227.0), ("grayscale", 0.0)]),
    (0, {"recipe": "compose"}, 180477, []),
    (
        2,
        {"recipe": "compose"},
        185295,
        [
            ("saturation", 1.4630723615553642),
            ("contrast", 1.1520566102757108),
            ("brightness", 1.04736583901534),
            ("hue", 0.08503570758470835),
        ],
    ),
    (
        3,
        {"recipe": "compose"},
        203296,
        [
            ("brightness", 1.1961229304456364),
            ("saturation", 1.0563778429005506),
            ("hue", -0.15741589541603712),
            ("contrast", 0.6852696500577468),
        ],
    ),
]


def picture() -> Tensor:
    return torch.randint(0, 256, (3, 20, 24), dtype=torch.uint8, generator=generator_at(0, "noise"))


def check(steps: ColorSteps, total: int, expected: list[Step]) -> None:
    assert recorded(steps) == expected
    # A sum in float32 may come out on the other side of an integer on another processor.
    assert int(apply_steps(picture(), steps).sum()) == pytest.approx(total, abs=30)


@pytest.mark.parametrize(("seed", "total", "expected"), WEAK)
def test_weak_draws_what_it_always_drew(seed: int, total: int, expected: list[Step]) -> None:
    check(draw_weak(generator_at(seed)), total, expected)


@pytest.mark.parametrize(("seed", "options", "total", "expected"), STRONG)
def test_strong_draws_what_it_always_drew(
    seed: int, options: dict[str, Any], total: int, expected: list[Step]
) -> None:
    check(draw_strong(generator_at(seed), **options), total, expected)


def test_any_draw_has_the_same_size() -> None:
    drawn = [draw_strong(generator_at(seed), count=seed % 6) for seed in range(20)]
    drawn += [draw_strong(generator_at(seed), recipe="compose") for seed in range(20)]
    drawn += [draw_weak(generator_at(0)), draw_weak(generator_at(0), strength=0), record([])]
    for steps in drawn:
        assert steps.kinds.shape == steps.amounts.shape == (len(CHANGES),)
        assert (steps.kinds.dtype, steps.amounts.dtype) == (torch.int64, torch.float64)
    everything = draw_strong(generator_at(0), count=5)
    assert sorted(everything.kinds.tolist()) == list(range(1, len(KINDS)))


@pytest.mark.parametrize("name", IDENTITIES)
def test_identity_amounts_change_nothing(name: str) -> None:
    for image in (noise(0), smooth(0)):
        assert torch.equal(apply_steps(image, record([(name, IDENTITIES[name])])), image)


def test_no_steps_give_the_image_itself() -> None:
    image = noise(0)
    assert apply_steps(image, record([])) is image
    with pytest.raises(ImageError, match="uint8 or float32"):
        apply_steps(image.double(), record([]))


@pytest.mark.parametrize("make", [noise, smooth])
@pytest.mark.parametrize("turns", [-0.5, -0.21, 0.003, 0.1, 0.4])
def test_hue_is_as_torchvision_turns_it(make: Callable[[int], Tensor], turns: float) -> None:
    image = make(3)
    assert largest_difference(CHANGES["hue"](image, turns), TF.adjust_hue(image, turns)) <= 1


@pytest.mark.parametrize("make", [noise, smooth])
@pytest.mark.parametrize("sigma", [0.1, 0.4, 1.0, 2.0])
def test_blur_is_as_torchvision_blurs(make: Callable[[int], Tensor], sigma: float) -> None:
    image, size = make(3), 2 * blur_radius(sigma) + 1
    assert (
        largest_difference(CHANGES["blur"](image, sigma), TF.gaussian_blur(image, [size] * 2, [sigma] * 2))
        <= 1
    )


def blurred_by_hand(image: Tensor, sigma: float) -> Tensor:
    """Weigh the neighbors of each pixel, one after the other, reflected at the border."""
    lines = image.double()
    for _ in range(2):  # along the width, then along the height
        lines = lines.transpose(-1, -2)
        side = lines.shape[-2]
        radius = min(blur_radius(sigma), side - 1)
        weights = [exp(-((tap / sigma) ** 2) / 2) for tap in range(-radius, radius + 1)]
        result = torch.zeros_like(lines)
        for place in range(side):
            for tap, weight in zip(range(-radius, radius + 1), weights, strict=True):
                source = abs(place + tap)
                source = 2 * (side - 1) - source if source > side - 1 else source
                result[..., place, :] += weight / sum(weights) * lines[..., source, :]
        lines = result
    return lines.round().to(torch.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 5), (4, 30)])
def test_blur_is_reflected_at_the_border_of_small_images_too(shape: tuple[int, int]) -> None:
    image = torch.randint(0, 256, (3, *shape), dtype=torch.uint8, generator=generator_at(5))
    assert largest_difference(CHANGES["blur"](image, 2.0), blurred_by_hand(image, 2.0)) <= 1


def largest_difference(image: Tensor, other: Tensor) -> int:
    return int((image.int() - other.int()).abs().max())
