"""What the first bytes of an image file say: its true format, its channels, how it is turned."""

from __future__ import annotations

from pathlib import Path
from typing import IO, NamedTuple

from mutualseg.data.file_names import suffix_of
from mutualseg.data.image_opening import identified
from mutualseg.data.regular_files import open_regular
from mutualseg.errors import ImageError

_ORIENTATION_TAG = 0x0112
_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg"),
    "PNG": (".png",),
    "WebP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
    "GIF": (".gif",),
}
_STARTS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"BM": "BMP",
    b"GIF8": "GIF",
}


class FileHead(NamedTuple):
    """What a file's head says; nothing if it cannot be opened."""

    format: str = ""
    """JPEG, PNG, WebP, TIFF, BMP or GIF, by the first bytes; "" if none of these."""
    orientation: int = 1
    """Of EXIF, 1 (upright) to 8."""


def file_head(path: Path) -> FileHead:
    """Read the head of an image file; what is wrong with it is for its decoder to say."""
    try:
        with open_regular(path) as file:
            found = _format(file.read(16))
            file.seek(0)
            return FileHead(found, _orientation(file))
    except (OSError, ImageError):
        return FileHead()


def true_suffix(head_format: str, file: str) -> str | None:
    """Return the suffix that a file of this format should have; None if its own is right, or nobody knows."""
    rightful = _SUFFIXES.get(head_format)
    if rightful is None or suffix_of(file).lower() in rightful:
        return None
    return rightful[0]


def _format(start: bytes) -> str:
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WebP"
    return next((found for magic, found in _STARTS.items() if start.startswith(magic)), "")


def _orientation(file: IO[bytes]) -> int:
    try:
        with identified(file, "") as image:
            value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # on broken bytes Pillow raises nearly anything; it is not for this to say
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
