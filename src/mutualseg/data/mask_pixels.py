"""What a mask file holds before it means anything: gray values, palette positions or colors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mutualseg.data.image_opening import open_image
from mutualseg.data.images import refuse_several_frames, stores_16_bits, unread_mode
from mutualseg.errors import MaskError

HIGHEST = 2**16 - 1
"""The largest gray value that is read."""


@dataclass(frozen=True)
class MaskPixels:
    """The pixels of one mask file; one of `values` and `colors` is there, with a palette both can be had."""

    values: npt.NDArray[np.uint16] | None
    """[H,W] gray values, or positions in the palette."""
    colors: npt.NDArray[np.uint32] | None
    """[H,W] colors, red * 65536 + green * 256 + blue."""
    palette: npt.NDArray[np.uint32] | None = None
    """[256] the color of each palette position, 0 (black) where the palette ends."""

    def as_colors(self) -> npt.NDArray[np.uint32]:
        """Return the colors, [H,W] uint32; a gray value above 255 has none and is `NO_COLOR`."""
        if self.colors is not None:
            return self.colors
        assert self.values is not None
        if self.palette is not None:
            return self.palette[self.values]
        wide = self.values.astype(np.uint32)
        return np.where(wide > 255, NO_COLOR, wide * 0x010101).astype(np.uint32)


NO_COLOR = 2**32 - 1
"""Stands for a gray value that is too large to be a color of 8 bits."""


def read_mask_pixels(path: Path) -> MaskPixels:
    """Read a mask file without taking its pixels for anything yet.

    Gray of 1 to 32 bits, palette and color images; alpha is dropped, and a color image whose channels are all
    equal is a gray one.

    Raises:
        ImageError: The file is missing or broken.
        MaskError: It is a JPEG, is neither gray nor RGB, holds fractions, or values below 0 or above 65535.
    """
    with open_image(path) as image:
        refuse_several_frames(image, path)
        file_format, is_deep = image.format, stores_16_bits(image) and not image.mode.startswith("I")
        image.load()
        mode = image.mode
        palette = _palette(image) if mode in {"P", "PA"} else None
        pixels = np.array(image if mode in _READ_AS_THEY_ARE else image.convert("RGB"))
    if file_format in {"JPEG", "MPO"}:
        raise MaskError(f"{path} is a JPEG, which alters class indices; save masks as PNG from their source.")
    if is_deep:  # of which Pillow drops the low byte
        raise MaskError(f"{path} is a color image of 16 bits a channel; save it as an 8-bit PNG.")
    if mode not in _READ_AS_THEY_ARE and mode != "RGBA":
        raise MaskError(
            f"{path} is {unread_mode(mode)}, whose colors stand for no class; save it as an 8-bit PNG."
        )
    if mode == "F":
        raise MaskError(f"{path} is a floating-point image; save class indices as an 8-bit grayscale PNG.")
    if mode in _WITH_ALPHA:
        pixels = pixels[..., 0]
    if pixels.ndim == 2:
        return MaskPixels(_values(pixels, path), None, palette)
    red, green, blue = (pixels[..., channel] for channel in range(3))
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return MaskPixels(red.astype(np.uint16), None)
    return MaskPixels(None, pack_colors(pixels))


_WITH_ALPHA = {"LA", "PA"}
_READ_AS_THEY_ARE = {"1", "L", "P", "LA", "PA", "I", "I;16", "I;16B", "I;16L", "F", "RGB"}


def pack_colors(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """Return RGB colors [...,3] as one number each, [...]."""
    wide = pixels.astype(np.uint32)
    return (wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]).astype(np.uint32)


def unpack_color(packed: int) -> tuple[int, int, int]:
    """Return (red, green, blue) of a packed color."""
    return packed >> 16, packed >> 8 & 255, packed & 255


def _palette(image: Image.Image) -> npt.NDArray[np.uint32]:
    flat = image.getpalette("RGB") or []
    colors = np.zeros((256, 3), np.uint8)
    given = np.array(flat, np.uint8).reshape(-1, 3)[:256]
    colors[: len(given)] = given
    return pack_colors(colors)


def _values(pixels: npt.NDArray[np.generic], path: Path) -> npt.NDArray[np.uint16]:
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0 or high > HIGHEST:
        raise MaskError(
            f"{path} holds values from {low} to {high}, but class indices end at 254 and 255 means ignore; "
            "map its ids to 0, 1, 2, ... and save it as 8-bit."
        )
    return pixels.astype(np.uint16)
