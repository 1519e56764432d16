"""Weak and strong color views of a crop; none of them moves a pixel.

Every random number comes from the generator passed in: torchvision's transform classes take none, so
the numbers are drawn here and handed to its functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Literal, get_args

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as TF

from mutualseg.errors import ConfigError, ImageError

Operation = Callable[[Tensor, torch.Generator], Tensor]
Recipe = Literal["one_of", "compose"]


def _uniform(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


def color_jitter(image: Tensor, generator: torch.Generator) -> Tensor:
    """Change brightness, contrast, saturation (by up to 0.5) and hue (0.25 of the circle), in any order."""
    factors = [TF.adjust_brightness, TF.adjust_contrast, TF.adjust_saturation]
    adjustments = [(adjust, _uniform(generator, 0.5, 1.5)) for adjust in factors]
    adjustments.append((TF.adjust_hue, _uniform(generator, -0.25, 0.25)))
    for index in torch.randperm(len(adjustments), generator=generator).tolist():
        adjust, amount = adjustments[index]
        image = adjust(image, amount)
    return image


def blur(image: Tensor, generator: torch.Generator) -> Tensor:
    """Blur by a Gaussian of sigma 0.1 to 2 pixels, cut off at three sigma."""
    sigma = _uniform(generator, 0.1, 2.0)
    # Reflection at the border needs a radius below the side, in images of few pixels too.
    kernel = [2 * min(ceil(3 * sigma), side - 1) + 1 for side in (image.shape[-1], image.shape[-2])]
    blurred: Tensor = TF.gaussian_blur(image, kernel, [sigma, sigma])
    return blurred


def solarize(image: Tensor, generator: torch.Generator) -> Tensor:
    """Invert the values from a threshold of 64 to 255 upward; a lower one would invert nearly all."""
    threshold = int(torch.randint(64, 256, (), generator=generator))
    solarized: Tensor = TF.solarize(image, threshold)
    return solarized


OPERATIONS: dict[str, Operation] = {
    "color_jitter": color_jitter,
    "blur": blur,
    "equalize": lambda image, _: TF.equalize(image),  # the histogram of each channel
    "solarize": solarize,
    "grayscale": lambda image, _: TF.rgb_to_grayscale(image, num_output_channels=3),
}
"""The strong operations by name; each takes and returns uint8 [3,H,W]."""

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


def weak(image: Tensor, generator: torch.Generator, *, strength: float = 0.2) -> Tensor:
    """Change brightness, contrast and saturation mildly, each by a factor in [1 - strength, 1 + strength].

    Args:
        image: [3,H,W] uint8.
        generator: CPU generator, used for nothing else.
        strength: In [0, 1]; 0 returns the image as it is.

    Raises:
        ImageError: The image is not uint8 [3,H,W].
    """
    _check_image(image)
    if strength == 0:
        return image
    for adjust in (TF.adjust_brightness, TF.adjust_contrast, TF.adjust_saturation):
        image = adjust(image, _uniform(generator, 1 - strength, 1 + strength))
    return image


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
        image: [3,H,W] uint8.
        generator: CPU generator, used for nothing else.
        recipe: Which of the two.
        operations: Names to use, of those the recipe knows; None for all, empty for no change.
        count: How many operations "one_of" draws; 0 for no change. "compose" does not use it.

    Raises:
        ConfigError: A name or the recipe is unknown, or `count` exceeds the number of operations.
        ImageError: The image is not uint8 [3,H,W].
    """
    _check_image(image)
    names = strong_operations(recipe, operations, count)
    if recipe == "one_of":
        drawn = torch.randperm(len(names), generator=generator).tolist()[:count]
        chosen = [names[index] for index in drawn]
    else:
        chances = torch.rand(len(COMPOSED), generator=generator).tolist()
        passed = dict(zip(COMPOSED, chances, strict=True))
        chosen = [name for name in COMPOSED if name in names and passed[name] < COMPOSED[name]]
    for name in chosen:
        image = OPERATIONS[name](image, generator)
    return image


def _check_image(image: Tensor) -> None:
    if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] != 3:
        raise ImageError(
            f"color views need a uint8 [3,H,W] image, got {image.dtype} {list(image.shape)}; "
            "convert it to 8-bit RGB first"
        )
