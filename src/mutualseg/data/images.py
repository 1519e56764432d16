"""Image files to RGB arrays: what cannot be read faithfully is an error, never a silent conversion."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from mutualseg.data.image_opening import open_image
from mutualseg.data.tiff_files import is_tiff, read_header
from mutualseg.errors import ImageError

_ORIENTATION_TAG = 0x0112
_BANDS_TAG = 277
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
EIGHT_BIT_MODES = {"RGB", "RGBA", "L", "LA", "P", "PA", "1"}
_MODE_NAMES = {
    "I": "a 16-bit or 32-bit image",
    "F": "a floating-point image",
    "CMYK": "a CMYK image",
    "YCbCr": "a YCbCr image",
    "LAB": "a CIELAB image",
}


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """Read an image as RGB, upright.

    JPEG, PNG, WebP and TIFF of 8 bits: RGB, RGBA (alpha is dropped), grayscale, palette, 1-bit.

    Args:
        path: The image file.

    Returns:
        The pixels, uint8 [H,W,3].

    Raises:
        ImageError: The file is missing, broken, or of a kind that does not fit into 8-bit RGB.
    """
    with open_image(path) as image:
        return to_rgb(image, path)


def to_rgb(image: Image.Image, name: Path | str) -> npt.NDArray[np.uint8]:
    """Return an opened image as `read_image` does, uint8 [H,W,3]; `name` is for messages."""
    _refuse_unfaithful(image, name)
    refuse_several_frames(image, name)
    return to_mode(image, "RGB")


def to_mode(image: Image.Image, mode: Literal["L", "LA", "RGB", "RGBA"]) -> npt.NDArray[np.uint8]:
    """Return an opened 8-bit image upright and in another mode, uint8 [H,W] or [H,W,C]."""
    image.load()
    # Asked after loading: Pillow turns a TIFF upright itself while it loads.
    turn = _UPRIGHT.get(orientation_of(image))
    # By way of RGBA: a palette with transparency keeps its colors, and alpha never blends.
    source = image.convert("RGBA") if image.mode in {"P", "PA", "LA"} else image
    converted = source.convert(mode)
    return np.array(converted if turn is None else converted.transpose(turn))


def image_size(path: Path) -> tuple[int, int]:
    """Return (height, width) of the upright image, from the file's header only."""
    if is_tiff(path):  # Pillow knows few kinds of them
        return read_header(path).size
    with open_image(path) as image:
        return upright_size(image)


def known_sizes(paths: Iterable[Path]) -> list[tuple[int, int]]:
    """Return the `image_size` of each file that has one: who draws another one says what is wrong with it."""
    sizes = []
    for path in paths:
        with suppress(ImageError):
            sizes.append(image_size(path))
    return sizes


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return (height, width) that an opened image has when upright."""
    width, height = image.size
    # Pillow gives a TIFF's size as it will be once upright.
    turned = image.format != "TIFF" and orientation_of(image, header_only=True) >= 5
    return (width, height) if turned else (height, width)


def orientation(path: Path) -> int:
    """Return the EXIF orientation of an image file, 1 (upright) where it has none."""
    if is_tiff(path):
        return read_header(path).orientation
    with open_image(path) as image:
        return orientation_of(image)


def _refuse_unfaithful(image: Image.Image, path: Path | str) -> None:
    """Raise for what a conversion to 8-bit RGB would clip, shift or leave out."""
    kind = None
    if image.mode.startswith("I;16") or stores_16_bits(image):
        kind = "a 16-bit image"
    elif image.mode not in EIGHT_BIT_MODES:
        kind = unread_mode(image.mode)
    elif _tiff_bands(image) > len(image.getbands()):
        kind = f"an image of {_tiff_bands(image)} bands"
    if kind is not None:
        raise ImageError(f"{path} is {kind}, which is not read as RGB; save it as 8-bit RGB or grayscale.")


def _tiff_bands(image: Image.Image) -> int:
    """Return how many bands a TIFF has; Pillow shows those of RGB alone. Of other files it is 0."""
    return int(getattr(image, "tag_v2", {}).get(_BANDS_TAG, 0))


def refuse_several_frames(image: Image.Image, path: Path | str) -> None:
    """Raise for a film or a stack."""
    # A phone's MPO carries its second frame as a by-product.
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    if frames > 1:
        raise ImageError(f"{path} holds {frames} frames or pages; save each as its own file.")


def unread_mode(mode: str) -> str:
    """Return what a mode of Pillow is in words."""
    return _MODE_NAMES.get(mode, f"an image of mode {mode}")


def stores_16_bits(image: Image.Image) -> bool:
    """Tell whether Pillow would drop the low byte of 16-bit color; its mode then reads RGB all the same."""
    return any(";16" in argument for argument in tile_arguments(image))


def tile_arguments(image: Image.Image) -> list[str]:
    """Return in words how the pixels of an opened image lie in its file, such as RGB;16B."""
    found: list[str] = []
    for tile in getattr(image, "tile", ()):
        arguments = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        found += [argument for argument in arguments if isinstance(argument, str)]
    return found


def orientation_of(image: Image.Image, *, header_only: bool = False) -> int:
    """Return the EXIF orientation of an opened image, 1 (upright) where it has none.

    Args:
        image: the image.
        header_only: do not look behind the pixels of a PNG, which costs decoding them; no common program
            writes it there.
    """
    try:
        skip = header_only and isinstance(image, PngImageFile)
        exif = Image.Image.getexif(image) if skip else image.getexif()
        value = exif.get(_ORIENTATION_TAG, 1)
    except Exception:  # a broken EXIF block does not make the pixels wrong
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
