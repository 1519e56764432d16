"""libtiff, with which Pillow decodes most TIFFs, prints what it finds wrong; Pillow raises it as well."""

from __future__ import annotations

import contextlib
import ctypes
from functools import cache

from PIL import _imaging


@cache
def quiet_libtiff() -> None:
    """Keep libtiff from printing to stderr, where it can be reached; its lines do not name the file."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # built into Pillow, or not there
        library = ctypes.CDLL(_imaging.__file__)
        library.TIFFSetErrorHandler.argtypes = [ctypes.c_void_p]
        library.TIFFSetErrorHandler.restype = ctypes.c_void_p
        library.TIFFSetErrorHandler(None)
