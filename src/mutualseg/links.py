"""Links that would lead what is written out of the folder that it was meant for."""

from __future__ import annotations

import os
from pathlib import Path

from mutualseg.data.inside import is_inside
from mutualseg.errors import RunError


def refuse_links_out(root: Path) -> None:
    """Raise RunError if a link in a folder leads out of it: writing through it would change others' files."""
    for where, folders, files in os.walk(root):
        for name in sorted((*folders, *files)):
            path = Path(where, name)
            if path.match("wandb/*/logs/debug-core.log"):
                continue  # W&B's library links to a log of its own there, and never writes to an old one
            if path.is_symlink() and not is_inside(os.fspath(path.absolute()), root):
                raise RunError(
                    f"'{path}' is a link out of the run folder, and writing there could harm other files; "
                    "put what it links to in its place."
                )
