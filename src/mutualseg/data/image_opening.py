"""Files to opened images: few decoders, a limit on the size, and every fault of a file as one typed error."""

from __future__ import annotations

import errno
import logging
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from mutualseg.data.quiet_libtiff import quiet_libtiff
from mutualseg.data.regular_files import open_regular
from mutualseg.data.size_limit import refuse_huge
from mutualseg.data.tiff_pages import check_pages
from mutualseg.errors import ImageError, MutualSegError
from mutualseg.one_line import one_line

_PLUGINS = {
    "JPEG": JpegImagePlugin,
    "PNG": PngImagePlugin,
    "TIFF": TiffImagePlugin,
    "WEBP": WebPImagePlugin,
    "BMP": BmpImagePlugin,
    "GIF": GifImagePlugin,
    "PPM": PpmImagePlugin,
    "JPEG2000": Jpeg2KImagePlugin,
}
FORMATS = tuple(_PLUGINS)  # each is in Image.OPEN once its plugin is imported
"""Pillow knows dozens more: some start other programs (EPS), and hardly any is tried on broken bytes here."""

_START = 16
"""Bytes by which a format is recognized."""

# What Pillow warns of (a broken EXIF block, say) does not make pixels wrong, and names no file.
warnings.filterwarnings("ignore", module=r"PIL\.")
# What it logs is printed if nobody takes it.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Open an image file; whatever fails inside the block is an ImageError that names the file."""
    # Not by its path: Pillow 13 would map an uncompressed gray TIFF at the size that it has upright.
    with typed_faults(path), open_regular(path) as file, identified(file, path) as image:
        yield image


def identified(file: IO[bytes], name: Path | str) -> ImageFile.ImageFile:
    """Return the image in a file, opened like `Image.open` but not yet decoded.

    Unlike there, the limit of the size is this package's own: Pillow's is a third of it, and changing that
    would change it for the whole program. Only `FORMATS` are tried.

    Args:
        file: at its start.
        name: for messages.

    Raises:
        UnidentifiedImageError: It is no image of these formats.
        ImageError: It is too large.
        Exception: On broken bytes decoders raise nearly anything.
    """
    start = file.read(_START)
    for kind in FORMATS:
        factory, accept = Image.OPEN[kind]
        accepted = accept is None or accept(start)
        if not accepted or isinstance(accepted, str):  # a text says why it was not
            continue
        if kind == "TIFF":
            check_pages(file, name)
            quiet_libtiff()
        file.seek(0)
        try:
            image = factory(file, "")
        except (SyntaxError, IndexError, TypeError, struct.error):  # how a plugin says that it is not its own
            continue
        refuse_huge(name, image.size[1], image.size[0])
        return image
    raise UnidentifiedImageError


@contextmanager
def typed_faults(path: Path, other: Callable[[Exception], str | None] = lambda _: None) -> Iterator[None]:
    """Turn whatever a decoder raises inside the block into an ImageError that names the file.

    Args:
        path: the file.
        other: Returns what to say of an error ("path ... is compressed by ...; ..."), None for what is
            said of most.
    """
    try:
        yield
    except MutualSegError:
        raise
    except FileNotFoundError:
        raise ImageError(f"{path} does not exist; check the path, or restore the file.") from None
    except PermissionError:
        raise ImageError(f"{path} may not be read; change its permissions.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(f"{path} has too many pixels to be read safely; cut it into tiles.") from None
    except UnidentifiedImageError:
        raise ImageError(f"{path} {_why_unidentified(path)}.") from None
    except MemoryError:
        raise ImageError(
            f"{path} takes more memory than there is, or is broken; cut it into tiles, or replace it."
        ) from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ELOOP:
            raise ImageError(f"{path} is a link that leads in a circle; replace or delete it.") from None
        # On broken bytes decoders raise nearly anything: SyntaxError, struct.error.
        raise ImageError(
            other(error) or f"{path} is broken or cut short ({in_short(error)}); replace or delete it."
        ) from error


def in_short(error: Exception) -> str:
    """Return what an error says, on one line of bounded length."""
    return one_line(error) or type(error).__name__


def _why_unidentified(path: Path) -> str:
    if path.stat().st_size == 0:
        return "is an empty file; replace or delete it"
    if path.suffix.lower() in {".tif", ".tiff"}:
        return "is not a TIFF of a kind that is read (8-bit grayscale, RGB or RGBA); save it as one of these"
    return "is not an image, or one cut short; replace or delete it"
