"""Libraries that only some layouts need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mutualseg.errors import DataError


def import_extra(library: str, extra: str, what: str) -> Any:
    """Return an optional library.

    Args:
        library: Its import name.
        extra: The extra of this package that brings it.
        what: What it is needed for, such as "ACDC's .h5 files".

    Raises:
        DataError: It is not installed.
    """
    try:
        return import_module(library)
    except ImportError:
        raise DataError(
            f"{what} are read with {library}, which is not installed; pip install 'mutualseg[{extra}]'."
        ) from None
