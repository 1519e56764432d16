"""What an image file is, from its header alone: how many bands of how many bits, and its size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from PIL import Image

from mutualseg.data.image_opening import identified, open_image
from mutualseg.data.images import (
    EIGHT_BIT_MODES,
    refuse_several_frames,
    stores_16_bits,
    tile_arguments,
    unread_mode,
    upright_size,
)
from mutualseg.data.tiff_files import TiffHeader, is_tiff, read_header
from mutualseg.errors import ImageError

Depth = Literal["8-bit", "16-bit", "float"]
"""Unsigned of at most 8 or 16 bits; `float` is every other number: signed, longer, or floating."""

Decoder = Literal["pillow", "deep_png", "tifffile"]

_BITS = {"8-bit": "8 bits", "16-bit": "16 bits", "float": "floating-point, signed or 32-bit numbers"}


@dataclass(frozen=True)
class ImageKind:
    """What an image file holds."""

    size: tuple[int, int]
    """Height and width in pixels, upright."""
    bands: int
    """Alpha among them. A palette counts as the colors in it: 3, with alpha 4."""
    has_alpha: bool
    depth: Depth
    decoder: Decoder
    """What reads all of it: Pillow drops the low byte of 16-bit color, and knows few kinds of TIFF."""

    @property
    def colors(self) -> int:
        """Bands without alpha."""
        return self.bands - self.has_alpha

    def words(self) -> str:
        """Return it in words, such as "1 band of 16 bits"."""
        return bands_in_words(self.bands, self.depth) + (", one of them alpha" if self.has_alpha else "")


def bands_in_words(bands: int, depth: Depth) -> str:
    """Return a number of bands and their depth in words."""
    return f"{bands} band{'s' * (bands != 1)} of {_BITS[depth]}"


def image_kind(path: Path) -> ImageKind:
    """Look at the header of an image file.

    Raises:
        ImageError: The file is missing or broken, holds several images, or colors other than gray and RGB.
    """
    if is_tiff(path):
        header = read_header(path)
        if header.is_plain:
            kind = _of_tiff(header)
            # 8-bit gray and RGB stay with Pillow, which needs no further package for compressed ones.
            is_simple = kind.depth == "8-bit" and kind.colors in (1, 3) and not header.is_paged
            return replace(kind, decoder="pillow") if is_simple and _is_known_to_pillow(path, kind) else kind
    with open_image(path) as image:
        refuse_several_frames(image, path)
        return kind_of(image, path)


def kind_of(image: Image.Image, name: Path | str) -> ImageKind:
    """Return what an image that Pillow has opened holds; `name` is for messages.

    Raises:
        ImageError: Its colors are neither gray nor RGB.
    """
    size = upright_size(image)
    if stores_16_bits(image) and image.mode in EIGHT_BIT_MODES:
        # Not its mode, which is RGBA for gray with alpha.
        stored = next(own.split(";")[0] for own in tile_arguments(image) if ";16" in own)
        bands = {"LA": 2, "RGBA": 4}.get(stored, 3)
        return ImageKind(size, bands, bands != 3, "16-bit", "deep_png")
    if image.mode.startswith("I;16"):
        return ImageKind(size, 1, False, "16-bit", "pillow")
    if image.mode in {"I", "F"}:
        return ImageKind(size, 1, False, "float", "pillow")
    if image.mode not in EIGHT_BIT_MODES:
        raise ImageError(
            f"{name} is {unread_mode(image.mode)}, which is not read; save it as RGB or grayscale."
        )
    has_alpha = image.mode in {"LA", "PA", "RGBA"} or (image.mode == "P" and "transparency" in image.info)
    colors = 1 if image.mode in {"1", "L", "LA"} else 3
    return ImageKind(size, colors + has_alpha, has_alpha, "8-bit", "pillow")


def _of_tiff(header: TiffHeader) -> ImageKind:
    depth: Depth = "float"
    if header.dtype.kind in "bu" and header.bits <= 16:
        depth = "8-bit" if header.bits <= 8 else "16-bit"
    return ImageKind(header.size, header.bands, header.has_alpha, depth, "tifffile")


def _is_known_to_pillow(path: Path, kind: ImageKind) -> bool:
    try:
        with path.open("rb") as file, identified(file, path) as image:
            return image.mode in EIGHT_BIT_MODES and len(image.getbands()) == kind.bands
    except Exception:  # whatever it is, the other decoder says it
        return False
