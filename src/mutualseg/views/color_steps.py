"""Color changes as numbers: a step is a kind and an amount, and asks no random number when it is applied.

`photometric.py` draws them. Here they are applied to one image; `batched_photometric.py` does it to a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as TF

from mutualseg.errors import ImageError
from mutualseg.pixel_values import is_rgb
from mutualseg.types import ColorSteps
from mutualseg.views.band_steps import BAND_CHANGES, OF_COLORS, turned

Step = tuple[str, float]
"""A kind of `CHANGES`, and its amount."""

LARGEST_SIGMA = 2.0
"""Of a blur, in pixels."""


def blur_radius(sigma: float) -> int:
    """Return where a Gaussian of `sigma` pixels is cut off, at three sigma, in whole pixels."""
    return ceil(3 * sigma)


def turn_hue(images: Tensor, turns: float | Tensor) -> Tensor:
    """Return uint8 colors [...,3,H,W] turned around the hue circle; `turns` is as in `turned`."""
    # torchvision makes levels of values in [0, 1] by 255.999, so that an integer stays itself.
    return (turned(images.float(), turns, 1) * (255.999 / 255)).clamp(0, 255).to(torch.uint8)


def _blur(image: Tensor, sigma: float) -> Tensor:
    # A sum of shifted images along each axis: a few times faster than a convolution on one thread.
    blurred = image.float()
    for axis in (-1, -2):
        blurred = _blur_along(axis, blurred, sigma)
    return blurred.round_().to(torch.uint8) if image.dtype == torch.uint8 else blurred


def _blur_along(axis: int, image: Tensor, sigma: float) -> Tensor:
    """Blur float [C,H,W] along one axis, reflected at its ends."""
    side = image.shape[axis]
    # Reflection needs a radius below the side, in images of few pixels too.
    radius = min(blur_radius(sigma), side - 1)
    taps = torch.arange(-radius, radius + 1, dtype=torch.float64)
    weights = torch.softmax(-((taps / sigma) ** 2) / 2, dim=0).tolist()
    border = (radius, radius, 0, 0) if axis == -1 else (0, 0, radius, radius)
    extended = F.pad(image[None], border, mode="reflect")[0]
    blurred: Tensor = weights[0] * extended.narrow(axis, 0, side)
    for shift, weight in enumerate(weights[1:], start=1):
        blurred.add_(extended.narrow(axis, shift, side), alpha=weight)
    return blurred


CHANGES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "brightness": TF.adjust_brightness,
    "contrast": TF.adjust_contrast,
    "saturation": TF.adjust_saturation,
    "hue": turn_hue,
    "blur": _blur,
    "solarize": lambda image, threshold: TF.solarize(image, int(threshold)),
    "grayscale": lambda image, _: TF.rgb_to_grayscale(image, num_output_channels=3),
    "equalize": lambda image, _: TF.equalize(image),  # the histogram of each channel
}
"""What each kind does to a uint8 [3,H,W] image (`BAND_CHANGES`: to others); amounts as in `ColorSteps`,
unused by the last two."""

KINDS = ("nothing", *CHANGES)
"""The kinds by number. A sequence has each change at most once, so it is recorded as one step for each."""


def record(steps: Sequence[Step]) -> ColorSteps:
    """Return steps as tensors of a fixed size, so that those of several images stack.

    Args:
        steps: at most one of each kind, in the order of application.
    """
    filled = [*steps, *[(KINDS[0], 0.0)] * (len(CHANGES) - len(steps))]
    kinds = torch.tensor([KINDS.index(kind) for kind, _ in filled])
    return ColorSteps(kinds, torch.tensor([amount for _, amount in filled], dtype=torch.float64))


def apply_steps(image: Tensor, steps: ColorSteps) -> Tensor:
    """Return one image with its colors changed.

    What changes colors among themselves (saturation, hue, grayscale) does nothing to an image of other than
    3 channels.

    Args:
        image: [C,H,W], uint8 or float32 in [0, 1].
        steps: on the CPU.

    Returns:
        [C,H,W] of the same dtype; the image itself if nothing is to be done.

    Raises:
        ImageError: The image is something else.
    """
    check_image(image)
    changes = CHANGES if is_rgb(image) else CHANGES | BAND_CHANGES
    for kind, amount in zip(steps.kinds.tolist(), steps.amounts.tolist(), strict=True):
        name = KINDS[kind]
        if kind != 0 and (len(image) == 3 or name not in OF_COLORS):
            image = changes[name](image, amount)
    return image


def check_image(image: Tensor) -> None:
    """Raise ImageError unless the image is uint8 or float32 [C,H,W]."""
    if image.dtype not in (torch.uint8, torch.float32) or image.ndim != 3 or not len(image):
        raise ImageError(
            f"color views need an image [C,H,W], uint8 or float32, got {image.dtype} {list(image.shape)}; "
            "convert it first"
        )
