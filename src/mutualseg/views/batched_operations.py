"""The color changes of `color_steps.py` for a batch of padded crops, each image with its own amount.

Every change takes and returns uint8 [B,3,H,W], as the one for a single image does, and rounds or cuts off
where that one does: the two differ by one gray level at most, where sums in float32 come out on either side
of an integer. Nothing waits for the device. Content lies at the top left; padding changes no pixel of it,
and holds any value afterwards.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from mutualseg.views.color_steps import LARGEST_SIGMA, blur_radius, turn_hue

Change = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(images [B,3,H,W] uint8, amounts [B] float64, content [B,2] int64) -> [B,3,H,W] uint8."""


def inside(images: Tensor, content: Tensor) -> Tensor:
    """Return [B,1,H,W] bool, True where a pixel of [B,C,H,W] images lies within the content [B,2]."""
    height, width = images.shape[-2:]
    down = torch.arange(height, device=images.device) < content[:, :1]
    right = torch.arange(width, device=images.device) < content[:, 1:]
    return (down[:, :, None] & right[:, None, :])[:, None]


def _brightness(images: Tensor, factors: Tensor, content: Tensor) -> Tensor:
    return _levels(images * _column(factors))


def _contrast(images: Tensor, factors: Tensor, content: Tensor) -> Tensor:
    # Whole numbers add up without error in int64, in whatever order the device adds them.
    total = (_gray(images) * inside(images, content)).sum((1, 2, 3), dtype=torch.int64)
    return _blend(images, _column(total.double() / content.prod(1)), factors)


def _saturation(images: Tensor, factors: Tensor, content: Tensor) -> Tensor:
    return _blend(images, _gray(images), factors)


def _hue(images: Tensor, shifts: Tensor, content: Tensor) -> Tensor:
    return turn_hue(images, _column(shifts))


def _blur(images: Tensor, sigmas: Tensor, content: Tensor) -> Tensor:
    blurred = images.float()
    for axis in (-1, -2):
        blurred = _blur_along(axis, blurred, sigmas, content[:, axis])
    return _levels(blurred.round())


def _blur_along(axis: int, images: Tensor, sigmas: Tensor, sides: Tensor) -> Tensor:
    """Blur float [B,3,H,W] along one axis, of which `sides` [B] pixels are content, reflected at its ends."""
    reach = blur_radius(LARGEST_SIGMA)
    taps = torch.arange(-reach, reach + 1, device=images.device)
    radii = torch.minimum((3 * sigmas).ceil(), sides - 1)
    weights = torch.exp(-((taps / sigmas[:, None]) ** 2) / 2) * (taps.abs() <= radii[:, None])
    weights = (weights / weights.sum(1, keepdim=True)).float()

    last = (sides - 1)[:, None]
    source = torch.arange(-reach, images.shape[axis] + reach, device=images.device).abs()
    source = torch.where(source > last, 2 * last - source, source)
    # What lies further out than one reflection is read by padding alone.
    source = torch.minimum(source.clamp(min=0), last)

    along = [len(images), 1, 1, 1]
    along[axis] = -1
    wanted = list(images.shape)
    wanted[axis] += 2 * reach
    # One group of the convolution for each channel of each image, so that each image has its own kernel.
    extended = images.gather(axis, source.view(along).expand(wanted))
    along[0] = images.shape[0] * images.shape[1]
    kernels = weights.repeat_interleave(images.shape[1], dim=0).view(along)
    with torch.autocast(images.device.type, enabled=False):  # bfloat16 has too few bits for 256 levels
        blurred = F.conv2d(extended.flatten(0, 1)[None], kernels, groups=len(kernels))
    return blurred.view_as(images)


def _solarize(images: Tensor, thresholds: Tensor, content: Tensor) -> Tensor:
    return torch.where(images >= _column(thresholds), 255 - images, images)


def _grayscale(images: Tensor, amounts: Tensor, content: Tensor) -> Tensor:
    return _levels(_gray(images)).repeat(1, 3, 1, 1)


def _equalize(images: Tensor, amounts: Tensor, content: Tensor) -> Tensor:
    # Padding counts in a bin of its own. Counted by lines first: few additions meet in the same place.
    bins = images.long().masked_fill(~inside(images, content), 256)
    lines = torch.zeros((*images.shape[:3], 257), dtype=torch.int32, device=images.device)
    lines.scatter_add_(-1, bins, lines.new_ones(1).expand_as(bins))
    counts = lines.sum(2)[..., :256]
    upto = counts.cumsum(-1)
    levels = torch.arange(256, device=images.device)
    brightest = torch.where(counts > 0, levels, 0).amax(-1, keepdim=True)
    # Pillow's scheme: a level of the result for every `step` pixels, the brightest level's left out.
    step = (upto[..., -1:] - counts.gather(-1, brightest)) // 255
    table = ((upto - counts + step // 2) // step.clamp(min=1)).clamp(0, 255)
    table = torch.where(step > 0, table, levels).to(torch.uint8)
    return table.gather(-1, images.long().flatten(2)).view_as(images)


def _column(amounts: Tensor) -> Tensor:
    return amounts.float().view(-1, 1, 1, 1)


def _gray(images: Tensor) -> Tensor:
    """Return the luma [B,1,H,W] of [B,3,H,W], float32 in whole levels."""
    red, green, blue = images.float().split(1, dim=1)
    luma: Tensor = 0.2989 * red + 0.587 * green + 0.114 * blue
    return luma.floor()


def _blend(images: Tensor, others: Tensor, factors: Tensor) -> Tensor:
    return _levels(images * _column(factors) + others * _column(1 - factors))


def _levels(values: Tensor) -> Tensor:
    return values.clamp(0, 255).to(torch.uint8)  # cuts decimals off


BATCHED: dict[str, Change] = {
    "brightness": _brightness,
    "contrast": _contrast,
    "saturation": _saturation,
    "hue": _hue,
    "blur": _blur,
    "solarize": _solarize,
    "grayscale": _grayscale,
    "equalize": _equalize,
}
"""The batched form of every change, by the same name."""
