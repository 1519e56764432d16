"""The geometry of a crop: scale, position and flip, drawn once per image and shared by all its views.

The window is cut out of the source image before it is resized, so the cost depends on the crop alone.
It is a whole number of source pixels, which rounds the scale by half a pixel per crop at most.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as TF

from mutualseg.errors import ConfigError, MaskError
from mutualseg.pixel_values import is_rgb
from mutualseg.types import IGNORE_INDEX

PAD_VALUE = 128
"""Mid gray of the pixels that padding makes; networks see it, no loss and no statistic does. In images that
are not 8-bit RGB, whose values may all be far from the middle, padding has each channel's mean instead."""


@dataclass(frozen=True)
class Geometry:
    """The numbers drawn for one image; every method is a pure function of them.

    Order of work: cut the window, resize it, mirror it, pad right and bottom.
    """

    source: tuple[int, int]
    """Height and width in pixels of the image that this was drawn for."""
    window: tuple[int, int, int, int]
    """Top, left, height, width of the cut, in source pixels; it lies within the image."""
    content: tuple[int, int]
    """Height and width of the resized window, at most `crop` each; the rest is padding."""
    crop: int
    """Side of the square result in pixels."""
    flip: bool
    """Whether the content is mirrored left to right."""

    def cut(self, image: Tensor) -> Tensor:
        """Cut, resize (bilinear with antialiasing) and mirror an image, without padding.

        Args:
            image: [C,H,W], uint8 or float32, of the size this geometry was drawn for.

        Returns:
            [C,h,w] of the same dtype with (h, w) = `content`.

        Raises:
            ValueError: The image has another size.
        """
        if tuple(image.shape[-2:]) != self.source:
            raise ValueError(f"geometry was drawn for {self.source}, the image is {tuple(image.shape[-2:])}")
        return self._resample(image, InterpolationMode.BILINEAR)

    def pad(self, image: Tensor) -> Tensor:
        """Pad a [C,h,w] cut, right and bottom with gray (see `PAD_VALUE`), to [C,crop,crop]."""
        if is_rgb(image):
            return self._pad(image, PAD_VALUE)
        mean = image.float().mean((1, 2), keepdim=True)
        return self._pad(image, mean if image.is_floating_point() else mean.round().to(image.dtype))

    def apply(self, image: Tensor) -> Tensor:
        """Return [C,crop,crop] of a [C,H,W] image: `cut`, then `pad`."""
        return self.pad(self.cut(image))

    def apply_mask(self, mask: Tensor) -> Tensor:
        """Do to a mask what `apply` does to its image, by nearest neighbor; padding becomes 255.

        Args:
            mask: [H,W] uint8 class indices.

        Returns:
            [crop,crop] uint8.

        Raises:
            MaskError: The mask's size is not the image's.
        """
        if tuple(mask.shape) != self.source:
            sizes = " but its image is ".join(f"{h} x {w}" for h, w in (mask.shape[-2:], self.source))
            raise MaskError(f"the mask is {sizes} (height x width); give both the same size")
        # NEAREST_EXACT samples pixel centers, as bilinear does; NEAREST would lie to their upper left.
        return self._pad(self._resample(mask[None], InterpolationMode.NEAREST_EXACT), IGNORE_INDEX)[0]

    def valid(self) -> Tensor:
        """Return [crop,crop] bool, False exactly where padding makes the pixel."""
        return self._pad(torch.ones((1, *self.content), dtype=torch.bool), 0)[0]

    def _resample(self, image: Tensor, mode: InterpolationMode) -> Tensor:
        top, left, height, width = self.window
        cut = image[:, top : top + height, left : left + width]
        if min(self.content) == 1 and not image.is_floating_point():
            # torch's uint8 kernel returns wrong values one pixel wide and raises at 1 x 1 (torch 2.14).
            cut = cut.float()
        resized: Tensor = TF.resize(cut, list(self.content), interpolation=mode, antialias=True)
        if not image.is_floating_point():
            resized = resized.round().to(image.dtype)
        return resized.flip(-1) if self.flip else resized

    def _pad(self, image: Tensor, value: int | Tensor) -> Tensor:
        height, width = self.content
        padded = image.new_empty((image.shape[0], self.crop, self.crop))
        padded[:] = value
        padded[:, :height, :width] = image
        return padded


def check_geometry(crop: int, scale: tuple[float, float]) -> None:
    """Raise ConfigError unless crop >= 1 and 0 < scale[0] <= scale[1], finite."""
    if crop < 1:
        raise ConfigError(f"crop is {crop}; give a side of at least 1 pixel")
    if not 0 < scale[0] <= scale[1] < float("inf"):
        raise ConfigError(f"scale is {tuple(scale)}; give (smallest, largest) with 0 < smallest <= largest")


def draw_geometry(
    generator: torch.Generator,
    image_size: tuple[int, int],
    crop: int,
    *,
    scale: tuple[float, float] = (0.5, 2.0),
    flip: bool = True,
) -> Geometry:
    """Draw the geometry of one crop: scale uniform in `scale`, position uniform, mirrored half the time.

    All numbers are drawn whatever the arguments, so that turning one part off leaves the others as they
    were. Scale (1, 1) without flip and with a crop as large as the image is the identity.

    Args:
        generator: CPU generator, used for nothing else.
        image_size: Height and width of the image in pixels.
        crop: Side of the square crop in pixels; may exceed the image, the rest is padded.
        scale: Smallest and largest factor by which the image grows before it is cropped.
        flip: Whether to mirror left to right with probability one half.

    Raises:
        ConfigError: `crop` or `scale` is out of range.
    """
    check_geometry(crop, scale)
    # float64: a float32 draw times a large side can round up to the side itself.
    zoom, down, right, mirror = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
    side = max(1, round(crop / (scale[0] + (scale[1] - scale[0]) * zoom)))
    height, width = (min(side, length) for length in image_size)
    top = int(down * (image_size[0] - height + 1))
    left = int(right * (image_size[1] - width + 1))
    # The same ratio crop / side on both axes: an image smaller than the window is not distorted.
    content = (max(1, round(height * crop / side)), max(1, round(width * crop / side)))
    return Geometry(
        source=(image_size[0], image_size[1]),
        window=(top, left, height, width),
        content=content,
        crop=crop,
        flip=flip and mirror < 0.5,
    )
