"""Image files to RGB arrays: what cannot be read faithfully is an error, never a silent conversion."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from mutualseg.errors import ImageError

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_EIGHT_BIT_MODES = {"RGB", "RGBA", "L", "LA", "P", "PA", "1"}
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
    image.load()
    # Asked after loading: Pillow turns a TIFF upright itself while it loads.
    turn = _UPRIGHT.get(_orientation(image))
    # By way of RGBA: a palette with transparency keeps its colors, and alpha never blends.
    source = image.convert("RGBA") if image.mode in {"P", "PA", "LA"} else image
    rgb = source.convert("RGB")
    return np.array(rgb if turn is None else rgb.transpose(turn))


def image_size(path: Path) -> tuple[int, int]:
    """Return (height, width) of the upright image, from the file's header only."""
    with open_image(path) as image:
        width, height = image.size
        # Pillow gives a TIFF's size as it will be once upright.
        turned = image.format != "TIFF" and _orientation(image) >= 5
        return (width, height) if turned else (height, width)


def orientation(path: Path) -> int:
    """Return the EXIF orientation of an image file, 1 (upright) where it has none."""
    with open_image(path) as image:
        return _orientation(image)


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Open an image file; whatever fails inside the block is an ImageError that names the file."""
    try:
        # Not by its path: Pillow 13 would map an uncompressed gray TIFF at the size that it has upright.
        with path.open("rb") as file, Image.open(file) as image:
            yield image
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(f"{path} does not exist; check the path, or restore the file.") from None
    except PermissionError:
        raise ImageError(f"{path} may not be read; change its permissions.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(f"{path} has too many pixels to be read safely; cut it into tiles.") from None
    except UnidentifiedImageError:
        raise ImageError(f"{path} {_why_unidentified(path)}.") from None
    except Exception as error:  # on broken bytes decoders raise nearly anything: SyntaxError, struct.error
        raise ImageError(
            f"{path} is broken or cut short ({error or type(error).__name__}); replace or delete it."
        ) from error


def _refuse_unfaithful(image: Image.Image, path: Path | str) -> None:
    """Raise for what a conversion to 8-bit RGB would clip, shift or leave out."""
    kind = None
    if image.mode.startswith("I;16") or _stores_16_bits(image):
        kind = "a 16-bit image"
    elif image.mode not in _EIGHT_BIT_MODES:
        kind = _MODE_NAMES.get(image.mode, f"an image of mode {image.mode}")
    if kind is not None:
        raise ImageError(f"{path} is {kind}, which is not read yet; save it as 8-bit RGB or grayscale.")
    # A phone's MPO carries its second frame as a by-product; elsewhere frames are a stack or a film.
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    if frames > 1:
        raise ImageError(f"{path} holds {frames} frames or pages; save each as its own file.")


def _stores_16_bits(image: Image.Image) -> bool:
    """Tell whether Pillow would drop the low byte of 16-bit color; its mode then reads RGB all the same."""
    for tile in getattr(image, "tile", ()):
        arguments = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        if any(isinstance(argument, str) and ";16" in argument for argument in arguments):
            return True
    return False


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # a broken EXIF block does not make the pixels wrong
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _why_unidentified(path: Path) -> str:
    if path.stat().st_size == 0:
        return "is an empty file; replace or delete it"
    if path.suffix.lower() in {".tif", ".tiff"}:
        return "is not a TIFF of a kind that is read (8-bit grayscale, RGB or RGBA); save it as one of these"
    return "is not an image, or one cut short; replace or delete it"
