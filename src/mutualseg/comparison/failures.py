"""Why something of one run failed, in one line; a fault of the program leaves its traceback with the run."""

from __future__ import annotations

import traceback

from mutualseg.atomic_files import write_text
from mutualseg.errors import MutualSegError, is_disk_full
from mutualseg.runs import RunFolder


def reason_of(error: Exception, folder: RunFolder) -> str:
    """Return an error as a row says it."""
    if isinstance(error, MutualSegError):
        return str(error)
    if isinstance(error, OSError) and is_disk_full(error):
        return f"The disk is full ({error.filename or folder.root}); free some space and call again."
    lines = str(error).splitlines() or [""]
    reason = f"{type(error).__name__}: {lines[0]}"
    try:
        folder.root.mkdir(parents=True, exist_ok=True)
        write_text(folder.error, "".join(traceback.format_exception(error)), errors="backslashreplace")
    except OSError:  # the disk is full, say: the other runs go on
        return reason
    return f"{reason}; the traceback is in runs/{folder.root.name}/{folder.error.name}."
