"""Files of a data folder are opened here if nothing but their name says that they are files."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from mutualseg.errors import ImageError


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading bytes.

    Raises:
        ImageError: It is something else: to open a pipe would wait for a writer for good, and a device may
            never end.
        OSError: It cannot be opened.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ImageError(f"{path} is no file but a folder, pipe, socket or device; remove it.")
    return path.open("rb")


def real_path(path: Path) -> Path:
    """Return the absolute path behind links; where links lead in a circle, `Path.resolve` would raise."""
    return Path(os.path.realpath(path))
