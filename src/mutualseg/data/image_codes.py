"""How the files of a data set become pixels: how many channels an image has and what its numbers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mutualseg.data.deep_pixels import read_deep
from mutualseg.data.image_kinds import Depth, ImageKind, bands_in_words, image_kind, kind_of
from mutualseg.data.image_opening import open_image
from mutualseg.data.images import refuse_several_frames, to_mode
from mutualseg.data.tiff_files import is_tiff
from mutualseg.errors import ImageError

Pixels = npt.NDArray[Any]
"""[H,W,C]: uint8, or float32 in units in which the code's `low` is 0 and its `high` 1."""

_MODES: dict[int, Any] = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_LUMA = np.array([0.299, 0.587, 0.114])
"""Shares of red, green and blue in gray (ITU-R BT.601), as Pillow has them."""


@dataclass(frozen=True)
class ImageCode:
    """What all images of a run are read as.

    Gray becomes RGB and RGB becomes gray where the other is wanted; alpha is dropped unless it counts as a
    channel. Everything else that does not fit is refused, and nothing is clipped.
    """

    channels: int = 3
    kind: Depth = "8-bit"
    low: float = 0.0
    """The number in a file that is read as 0; of 8-bit images nothing is changed."""
    high: float = 255.0
    """The number in a file that is read as 1."""
    mean: tuple[float, ...] = ()
    """Of each channel, in [0, 1] where the numbers are within low and high; empty for 8-bit RGB, which is
    normalized as the encoder's weights want it."""
    std: tuple[float, ...] = ()
    """Like `mean`."""

    @property
    def is_rgb(self) -> bool:
        """Whether images are 8-bit RGB, as photographs are."""
        return self.channels == 3 and self.kind == "8-bit"

    @property
    def bytes_per_pixel(self) -> int:
        """Return what a pixel takes once it is read."""
        return self.channels * (1 if self.kind == "8-bit" else 4)

    def read(self, path: Path) -> Pixels:
        """Return the pixels of a file, upright, [H,W,C] uint8 or float32 (see `Pixels`).

        Raises:
            ImageError: The file cannot be read as such an image, or holds numbers that are not finite.
        """
        return self.scaled(self.read_unscaled(path), path)

    def read_unscaled(self, path: Path) -> Pixels:
        """Return the numbers of a file as they stand in it, [H,W,C], in the channels of this code."""
        if is_tiff(path):
            kind = self.look(path)
            if kind.decoder == "tifffile":
                return self._in_channels(read_deep(path, kind), kind, path)
        with open_image(path) as image:
            if image.format != "TIFF":  # looked at already, and may have smaller copies as further frames
                refuse_several_frames(image, path)
            return self._of_pillow(image, path)

    def look(self, path: Path) -> ImageKind:
        """Return what a file holds by its header.

        Raises:
            ImageError: It cannot be read as an image of this code.
        """
        kind = image_kind(path)
        self._require(kind, path)
        return kind

    def fits(self, kind: ImageKind) -> bool:
        """Whether such an image can be read."""
        both = {kind.colors, self.channels}
        return kind.depth == self.kind and (self.channels in (kind.bands, kind.colors) or both == {1, 3})

    def from_image(self, image: Image.Image, name: Path | str = "The image") -> Pixels:
        """Return the pixels of an opened image like `read`; one of 16-bit color must be given by its path."""
        return self.scaled(self._of_pillow(image, name), name)

    def from_array(self, array: Pixels) -> Pixels:
        """Return pixels like `read` from the numbers of a file.

        An array stands for the file that holds it: gray becomes RGB or RGB gray where the other is wanted,
        and alpha (the last of 2 or 4 bands of 8 or 16 bits) is dropped unless it counts as a channel.

        Args:
            array: [H,W,B], or [H,W] of one band; uint8 for 8 bits, uint16 for 16 bits, else any real
                numbers.

        Raises:
            ImageError: The array is something else.
        """
        shaped = array[..., None] if array.ndim == 2 else array
        types = {"8-bit": np.uint8, "16-bit": np.uint16}
        fits = array.dtype == types[self.kind] if self.kind in types else array.dtype.kind in "iuf"
        if fits and shaped.ndim == 3 and shaped.size:
            height, width, bands = shaped.shape
            has_alpha = bands in (2, 4) and self.kind in types
            kind = ImageKind((height, width), bands, has_alpha, self.kind, "pillow")
            if self.fits(kind):
                return self.from_numbers(shaped, kind)
        raise ImageError(f"The image is {array.dtype} of shape {list(array.shape)}; give {self.expected()}.")

    def from_numbers(self, numbers: Pixels, kind: ImageKind, name: Path | str = "The image") -> Pixels:
        """Return numbers [H,W,B] that a file of a kind holds, as `read` returns them of that file.

        Args:
            numbers: upright; of a file of 8 bits uint8.
            kind: that fits.
            name: for messages.
        """
        if self.kind == "8-bit" and self.channels != kind.bands and kind.bands <= 4:
            picture = numbers[..., 0] if kind.bands == 1 else numbers  # by Pillow, as the file would be
            return self.from_image(Image.fromarray(np.ascontiguousarray(picture)), name)
        return self.scaled(self._in_channels(numbers, kind, name), name)

    def expected(self) -> str:
        """Return in words the arrays that `from_array` takes, those that need no conversion first."""
        if self.is_rgb:
            return "RGB pixels, uint8 [H,W,3] (or [H,W,4] with alpha, [H,W] for gray)"
        kind = {"8-bit": "uint8 pixels", "16-bit": "uint16 pixels"}.get(self.kind, "numbers as in the files")
        shape = "[H,W] or [H,W,1]" if self.channels == 1 else f"[H,W,{self.channels}]"
        return f"{kind}, {shape}"

    def scaled(self, numbers: Pixels, name: Path | str = "The image") -> Pixels:
        """Return numbers as they stand in files in the units of `read`; `name` is for messages.

        Raises:
            ImageError: A number is so far outside low and high that it becomes infinite.
        """
        if self.kind == "8-bit":
            return numbers
        if numbers.dtype == np.uint16:  # fits into float32 exactly, and its low is 0
            return numbers.astype(np.float32) / np.float32(self.high)
        precise = numbers.astype(np.float64)
        with np.errstate(over="ignore"):
            scaled = ((precise - self.low) / (self.high - self.low)).astype(np.float32)
        _refuse_infinite(scaled, name)
        return scaled

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for a file."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> ImageCode:
        """Return what `to_plain` returned."""
        plain: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**plain)

    def _require(self, kind: ImageKind, name: Path | str) -> None:
        if not self.fits(kind):
            raise ImageError(
                f"{name} has {kind.words()}, but {bands_in_words(self.channels, self.kind)} are read here; "
                "save it as such an image, or leave it out."
            )

    def _of_pillow(self, image: Image.Image, name: Path | str) -> Pixels:
        kind = kind_of(image, name)
        self._require(kind, name)
        if kind.depth == "8-bit":
            pixels = to_mode(image, _MODES[self.channels])
            return pixels if pixels.ndim == 3 else pixels[..., None]
        return self._in_channels(read_deep(name, kind, image), kind, name)

    def _in_channels(self, numbers: Pixels, kind: ImageKind, name: Path | str) -> Pixels:
        """Return numbers [H,W,B] with alpha or without, gray as RGB or RGB as gray."""
        _refuse_infinite(numbers, name)
        if self.channels == kind.bands:
            return numbers
        colors = numbers[..., : kind.colors]
        if self.channels == kind.colors:
            return colors
        if self.channels == 3:
            return colors.repeat(3, axis=2)
        gray: Pixels = (colors @ _LUMA)[..., None]
        return gray.round().astype(numbers.dtype) if numbers.dtype.kind in "iu" else gray


def _refuse_infinite(numbers: Pixels, name: Path | str) -> None:
    if numbers.dtype.kind == "f":
        strange = numbers.size - int(np.isfinite(numbers).sum())
        if strange:
            raise ImageError(
                f"{name} holds {strange} values that are NaN, infinite or much too large; replace them by "
                "a number, such as the mean of the others."
            )


RGB = ImageCode()
"""8-bit images, read as RGB."""
