"""The color changes of `color_steps.py` for images of any number of bands, as uint8 levels or as float32.

Of uint8, results are cut to whole levels from 0 to 255, as those of RGB are. Of float32, whose range is
[0, 1], nothing is cut: a value beyond that range stays beyond.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as TF

_LEVELS = 255
_LUMA = (0.2989, 0.587, 0.114)
_LEAST_CHROMA = 1e-6
"""Of float32: a color with less is gray."""

OF_COLORS = frozenset({"saturation", "hue", "grayscale"})
"""Changes that mean something of red, green and blue alone: with other than 3 bands they change nothing."""


def _brightness(image: Tensor, factor: float) -> Tensor:
    return _like(image, image.float() * factor)


def _contrast(image: Tensor, factor: float) -> Tensor:
    values = image.float()
    # Bands may lie far apart, so each keeps its own mean; of a color, the three have one.
    center = _gray(values).mean() if len(image) == 3 else values.mean((1, 2), keepdim=True)
    return _like(image, factor * values + (1 - factor) * center)


def _saturation(image: Tensor, factor: float) -> Tensor:
    values = image.float()
    return _like(image, factor * values + (1 - factor) * _gray(values))


def _hue(image: Tensor, turns: float) -> Tensor:
    return turned(image, turns, _LEAST_CHROMA)


def _solarize(image: Tensor, threshold: float) -> Tensor:
    if image.dtype == torch.uint8:
        return torch.where(image >= int(threshold), _LEVELS - image, image)
    return torch.where(image >= threshold / _LEVELS, 1 - image, image)


def _grayscale(image: Tensor, amount: float) -> Tensor:
    return _like(image, _gray(image.float())).expand_as(image).clone()


def _equalize(image: Tensor, amount: float) -> Tensor:
    """Equalize each band; of float32, in 256 levels between its least and its greatest value."""
    if image.dtype == torch.uint8:
        equal: Tensor = TF.equalize(image)
        return equal
    low, high = image.amin((1, 2), keepdim=True), image.amax((1, 2), keepdim=True)
    span = high - low
    levels = ((image - low) / torch.where(span > 0, span, 1) * _LEVELS).round().to(torch.uint8)
    return torch.where(span > 0, TF.equalize(levels).float() / _LEVELS, image)


def turned(values: Tensor, turns: float | Tensor, least_chroma: float) -> Tensor:
    """Return colors turned around the hue circle.

    Each channel of a color is a trapezoid over the six sextants of the circle: value - chroma * (0 to 1).

    Args:
        values: [...,3,H,W] float32 of any scale.
        turns: of the whole circle; a tensor broadcasts with [...,1,H,W].
        least_chroma: that a color has at least; with less it is gray, and stays.
    """
    value = values.amax(-3, keepdim=True)
    chroma = value - values.amin(-3, keepdim=True)
    red, green, blue = values.split(1, dim=-3)
    divisor = chroma.clamp(min=least_chroma)
    sextant = torch.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor)
    sextant = torch.where(value == red, (green - blue) / divisor, sextant)
    starts = torch.arange(5, 0, -2, device=values.device).view(3, 1, 1)
    sixths = (starts + sextant + 6 * turns) % 6
    missing = torch.minimum(sixths, 4 - sixths).clamp(0, 1)
    return value - chroma * missing


def _gray(values: Tensor) -> Tensor:
    """Return the luma [1,H,W] of float [3,H,W]."""
    red, green, blue = (share * band for share, band in zip(_LUMA, values.split(1), strict=True))
    luma: Tensor = red + green + blue
    return luma


def _like(image: Tensor, values: Tensor) -> Tensor:
    """Return values in the form of an image."""
    return values.clamp(0, _LEVELS).to(torch.uint8) if image.dtype == torch.uint8 else values


BAND_CHANGES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "brightness": _brightness,
    "contrast": _contrast,
    "saturation": _saturation,
    "hue": _hue,
    "solarize": _solarize,
    "grayscale": _grayscale,
    "equalize": _equalize,
}
"""What each kind does to a [C,H,W] image that is not 8-bit RGB; a blur is the same for all."""
