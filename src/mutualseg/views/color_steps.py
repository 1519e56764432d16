"""Color changes as numbers: a step is a kind and an amount, and asks no random number when it is applied.

`photometric.py` draws them. Here they are applied to one image; `batched_photometric.py` does it to a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as TF

from mutualseg.errors import ImageError
from mutualseg.types import ColorSteps

Step = tuple[str, float]
"""A kind of `CHANGES`, and its amount."""

LARGEST_SIGMA = 2.0
"""Of a blur, in pixels."""


def blur_radius(sigma: float) -> int:
    """Return where a Gaussian of `sigma` pixels is cut off, at three sigma, in whole pixels."""
    return ceil(3 * sigma)


def _blur(image: Tensor, sigma: float) -> Tensor:
    # Reflection at the border needs a radius below the side, in images of few pixels too.
    radii = [min(blur_radius(sigma), side - 1) for side in (image.shape[-1], image.shape[-2])]
    blurred: Tensor = TF.gaussian_blur(image, [2 * radius + 1 for radius in radii], [sigma, sigma])
    return blurred


CHANGES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "brightness": TF.adjust_brightness,
    "contrast": TF.adjust_contrast,
    "saturation": TF.adjust_saturation,
    "hue": TF.adjust_hue,
    "blur": _blur,
    "solarize": lambda image, threshold: TF.solarize(image, int(threshold)),
    "grayscale": lambda image, _: TF.rgb_to_grayscale(image, num_output_channels=3),
    "equalize": lambda image, _: TF.equalize(image),  # the histogram of each channel
}
"""What each kind does to a uint8 [3,H,W] image; amounts as in `ColorSteps`, unused by the last two."""

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

    Args:
        image: [3,H,W] uint8.
        steps: on the CPU.

    Returns:
        [3,H,W] uint8; the image itself if nothing is to be done.

    Raises:
        ImageError: The image is not uint8 [3,H,W].
    """
    check_image(image)
    for kind, amount in zip(steps.kinds.tolist(), steps.amounts.tolist(), strict=True):
        if kind != 0:
            image = CHANGES[KINDS[kind]](image, amount)
    return image


def check_image(image: Tensor) -> None:
    """Raise ImageError unless the image is uint8 [3,H,W]."""
    if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] != 3:
        raise ImageError(
            f"color views need a uint8 [3,H,W] image, got {image.dtype} {list(image.shape)}; "
            "convert it to 8-bit RGB first"
        )
