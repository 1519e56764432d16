"""Weak and strong color views of a crop; none of them moves a pixel.

Every random number comes from the generator passed in: torchvision's transform classes take none, so
the numbers are drawn here and applied by `color_steps.py` or `batched_photometric.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from mutualseg.errors import ConfigError
from mutualseg.types import ColorSteps
from mutualseg.views.color_steps import LARGEST_SIGMA, Step, apply_steps, check_image, record

Operation = Callable[[torch.Generator], list[Step]]
Recipe = Literal["one_of", "compose"]


def _uniform(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


def color_jitter(generator: torch.Generator) -> list[Step]:
    """Change brightness, contrast, saturation (by up to 0.5) and hue (0.25 of the circle), in any order."""
    steps = [(kind, _uniform(generator, 0.5, 1.5)) for kind in ("brightness", "contrast", "saturation")]
    steps.append(("hue", _uniform(generator, -0.25, 0.25)))
    return [steps[index] for index in torch.randperm(len(steps), generator=generator).tolist()]


def blur(generator: torch.Generator) -> list[Step]:
    """Blur by a Gaussian of sigma 0.1 to 2 pixels."""
    return [("blur", _uniform(generator, 0.1, LARGEST_SIGMA))]


def solarize(generator: torch.Generator) -> list[Step]:
    """Invert the values from a threshold of 64 to 255 upward; a lower one would invert nearly all."""
    return [("solarize", float(torch.randint(64, 256, (), generator=generator)))]


OPERATIONS: dict[str, Operation] = {
    "color_jitter": color_jitter,
    "blur": blur,
    "equalize": lambda _: [("equalize", 0.0)],
    "solarize": solarize,
    "grayscale": lambda _: [("grayscale", 0.0)],
}
"""The strong operations by name; each draws its steps."""

COMPOSED: dict[str, float] = {"color_jitter": 0.8, "grayscale": 0.2, "blur": 0.5}
"""The operations of the "compose" recipe in the order of application, with their probabilities."""


def strong_operations(recipe: Recipe, operations: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """Return the operation names that a recipe uses, all of its own for None.

    Raises:
        ConfigError: A name or the recipe is unknown, or `count` exceeds the number of operations.
    """
    if recipe not in get_args(Recipe):
        raise ConfigError(f"unknown strong recipe {recipe!r}; choose one of {', '.join(get_args(Recipe))}")
    known = tuple(OPERATIONS if recipe == "one_of" else COMPOSED)
    names = known if operations is None else tuple(dict.fromkeys(operations))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(f"{recipe!r} has no operation {unknown[0]!r}; choose from {', '.join(known)}")
    if recipe == "one_of" and names and not 0 <= count <= len(names):
        raise ConfigError(f"cannot draw {count} distinct operations of {len(names)}; give 0 to {len(names)}")
    return names


def draw_weak(generator: torch.Generator, *, strength: float = 0.2) -> ColorSteps:
    """Draw the steps of `weak`."""
    if strength == 0:
        return record([])
    low, high = 1 - strength, 1 + strength
    return record(
        [(kind, _uniform(generator, low, high)) for kind in ("brightness", "contrast", "saturation")]
    )


def draw_strong(
    generator: torch.Generator,
    *,
    recipe: Recipe = "one_of",
    operations: Sequence[str] | None = None,
    count: int = 1,
) -> ColorSteps:
    """Draw the steps of `strong`: first which operations, then the numbers of each in turn.

    Raises:
        ConfigError: A name or the recipe is unknown, or `count` exceeds the number of operations.
    """
    names = strong_operations(recipe, operations, count)
    if recipe == "one_of":
        drawn = torch.randperm(len(names), generator=generator).tolist()[:count]
        chosen = [names[index] for index in drawn]
    else:
        chances = torch.rand(len(COMPOSED), generator=generator).tolist()
        passed = dict(zip(COMPOSED, chances, strict=True))
        chosen = [name for name in COMPOSED if name in names and passed[name] < COMPOSED[name]]
    return record([step for name in chosen for step in OPERATIONS[name](generator)])


def weak(image: Tensor, generator: torch.Generator, *, strength: float = 0.2) -> Tensor:
    """Change brightness, contrast and saturation mildly, each by a factor in [1 - strength, 1 + strength].

    Args:
        image: [C,H,W], uint8 or float32 in [0, 1].
        generator: CPU generator, used for nothing else.
        strength: In [0, 1]; 0 returns the image as it is.

    Raises:
        ImageError: The image is something else.
    """
    check_image(image)
    return apply_steps(image, draw_weak(generator, strength=strength))


def strong(
    image: Tensor,
    generator: torch.Generator,
    *,
    recipe: Recipe = "one_of",
    operations: Sequence[str] | None = None,
    count: int = 1,
) -> Tensor:
    """Change colors strongly; apply to the plain crop, not to its weak view.

    "one_of" is MKD's (arXiv 2208.11499): `count` distinct operations, drawn with equal chances and applied
    in the order drawn. "compose" is UniMatch's (arXiv 2208.09910): each operation of `COMPOSED` with its
    own probability.

    Args:
        image: [C,H,W], uint8 or float32 in [0, 1].
        generator: CPU generator, used for nothing else.
        recipe: Which of the two.
        operations: Names to use, of those the recipe knows; None for all, empty for no change.
        count: How many operations "one_of" draws; 0 for no change. "compose" does not use it.

    Raises:
        ConfigError: A name or the recipe is unknown, or `count` exceeds the number of operations.
        ImageError: The image is something else.
    """
    check_image(image)
    steps = draw_strong(generator, recipe=recipe, operations=operations, count=count)
    return apply_steps(image, steps)
