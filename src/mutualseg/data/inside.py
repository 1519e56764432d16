"""Files that a data set's own files name: they lie in its folder, whatever the name says."""

from __future__ import annotations

import os
from pathlib import Path


def is_inside(name: str, folder: Path) -> bool:
    """Tell whether a path, absolute or from a folder on, ends within that folder once links are followed."""
    if "\0" in name:
        return False
    top = os.path.join(os.path.realpath(folder), "")  # noqa: PTH118  # as texts, since there may be many
    return os.path.realpath(os.path.join(top, name)).startswith(top)  # noqa: PTH118
