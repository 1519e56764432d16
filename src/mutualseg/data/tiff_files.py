"""TIFF files with any number of bands of any depth, which Pillow reads in part or not at all."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mutualseg.data.image_opening import in_short, typed_faults
from mutualseg.data.regular_files import open_regular
from mutualseg.data.size_limit import refuse_huge
from mutualseg.data.tiff_pages import check_pages
from mutualseg.data.tiff_pieces import check_pieces
from mutualseg.errors import ImageError

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_GRAY_OR_RGB = {0, 1, 2}
"""Values of the tag "photometric interpretation": white is zero, black is zero, RGB."""
_WHITE_IS_ZERO = 0
_ALPHA = {1, 2}
"""Values of the tag "extra samples"; another says nothing, as for an infrared band."""


@dataclass(frozen=True)
class TiffHeader:
    """What the header of a TIFF says of its pixels."""

    size: tuple[int, int]
    """Height and width of the upright image."""
    bands: int
    """Alpha among them; pages of one gray band each are the bands of one image."""
    has_alpha: bool
    dtype: np.dtype[Any]
    """Of the numbers in it, in this machine's byte order."""
    bits: int
    """Of each number."""
    is_paged: bool
    """Whether the bands are pages."""
    is_plain: bool
    """Whether its numbers are gray values or RGB as they stand, not palette positions or CMYK, say."""
    orientation: int
    """1 to 8, as in EXIF."""

    @property
    def stored_shape(self) -> tuple[int, int, int]:
        """Height, width and bands before the image is turned upright."""
        height, width = self.size if self.orientation < 5 else self.size[::-1]
        return height, width, self.bands


def is_tiff(path: Path) -> bool:
    """Tell by its first bytes whether a file is a TIFF; False if it cannot be read."""
    try:
        with open_regular(path) as file:
            return file.read(4) in _MAGIC
    except (OSError, ImageError):
        return False


def read_header(path: Path) -> TiffHeader:
    """Return what a TIFF says of its pixels, without decoding them.

    Raises:
        ImageError: It is broken, or holds several images.
    """
    with opened_tiff(path) as file:
        return header_of(file, path)


def read_bands(path: Path) -> npt.NDArray[Any]:
    """Return the numbers of a TIFF as they stand, upright, [H,W,B]; where white is zero they are inverted.

    Raises:
        ImageError: It is broken, holds several images, or is compressed by a codec that is not installed.
    """
    with opened_tiff(path) as file:
        header = header_of(file, path)
        pages = image_pages(file)
        for page in pages:
            check_pieces(page, path)
        if len(pages) == 1:
            pixels = pages[0].asarray()
            if pixels.ndim == 2:
                pixels = pixels[..., None]
            elif pages[0].axes.startswith("S"):  # each band stands apart
                pixels = np.moveaxis(pixels, 0, -1)
        elif _bands_last(file):
            pixels = file.series[0].asarray()
        else:
            pixels = np.stack([page.asarray() for page in pages], axis=-1)
        if pixels.shape != header.stored_shape:
            raise ImageError(f"{path} is broken (its header and its pixels differ); replace or delete it.")
        pixels = as_levels(pixels, pages[0])
    native = np.ascontiguousarray(upright(pixels, header.orientation))
    return native.astype(header.dtype, copy=False)


def as_levels(pixels: npt.NDArray[Any], page: TiffPage) -> npt.NDArray[Any]:
    """Return numbers of a page such that bright is high: bits become 0 and 255, white of 0 is inverted."""
    if pixels.dtype.kind == "b":  # black and white, as Pillow has them
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    if page.photometric == _WHITE_IS_ZERO and pixels.dtype.kind == "u":
        pixels = np.iinfo(pixels.dtype).max - pixels
    return pixels


def upright(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Return pixels [H,W,...] turned as an EXIF orientation says."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    upside_down = orientation in (3, 4, 7, 8)
    mirrored = orientation in (2, 3, 6, 7)
    return pixels[:: -1 if upside_down else 1, :: -1 if mirrored else 1]


@contextmanager
def opened_tiff(path: Path) -> Iterator[TiffFile]:
    """Open a TIFF; whatever fails inside the block is an ImageError that names the file."""
    from tifffile import TiffFile

    def lacks_codec(error: Exception) -> str | None:
        if "imagecodecs" not in str(error):
            return None
        return (
            f"{path} is compressed in a way that needs a further package ({in_short(error)}); "
            "pip install 'mutualseg[tiff]', or save it uncompressed."
        )

    logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)  # what fails is raised as well
    with typed_faults(path, lacks_codec):
        with path.open("rb") as bare:
            check_pages(bare, path)
        with TiffFile(path) as file:
            yield file


def header_of(file: TiffFile, path: Path) -> TiffHeader:
    """Return what an opened TIFF says of its pixels."""
    pages = image_pages(file)
    page = pages[0]
    height, width, bands = page.imagelength, page.imagewidth, page.samplesperpixel
    if len(pages) > 1:
        same = all(other.shape == page.shape and other.dtype == page.dtype for other in pages)
        if bands > 1 or not same:
            raise ImageError(f"{path} holds {len(pages)} frames or pages; save each as its own file.")
        if _bands_last(file):
            height, width, bands = len(pages), height, width
        else:
            bands = len(pages)
    if page.dtype is None or page.dtype.kind not in "buif":
        raise ImageError(
            f"{path} holds numbers of a kind that is not read; save it as 8-bit, 16-bit or float."
        )
    refuse_huge(path, height, width, bands * page.dtype.itemsize)
    tag = page.tags.get("Orientation")
    orientation = tag.value if tag is not None and tag.value in range(1, 9) else 1
    extra = [int(kind) for kind in page.extrasamples]
    return TiffHeader(
        size=(width, height) if orientation >= 5 else (height, width),
        bands=bands,
        has_alpha=bands in (2, 4) and len(extra) == 1 and extra[0] in _ALPHA,
        dtype=np.dtype(np.uint8) if page.dtype.kind == "b" else page.dtype.newbyteorder("="),
        is_paged=len(pages) > 1,
        bits=page.bitspersample if isinstance(page.bitspersample, int) else max(page.bitspersample),
        is_plain=int(page.photometric) in _GRAY_OR_RGB,
        orientation=int(orientation),
    )


def image_pages(file: TiffFile) -> list[TiffPage]:
    """Return the pages that are images; smaller copies of them and masks are left out."""
    pages = [page.aspage() for page in file.pages]
    return [page for page in pages if not page.is_reduced and not page.is_mask] or pages[:1]


def _bands_last(file: TiffFile) -> bool:
    """Tell whether each page is a line of pixels: so an array [H,W,B] is written if nothing is said of it."""
    if not file.is_shaped:
        return False
    shape = file.series[0].shape
    return len(shape) == 3 and len(file.series) == 1 and shape[2] < min(shape[:2])
