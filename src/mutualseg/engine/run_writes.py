"""What a run says when it cannot write into its folder: a disk full or read-only, or the folder gone."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mutualseg.errors import RunError, cure_of
from mutualseg.runs import RunFolder
from mutualseg.shell_lines import resume_line

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)


@contextmanager
def writing_into(folder: RunFolder) -> Iterator[Callable[[], None]]:
    """Turn failed writes into a run folder into one sentence that says how the run goes on.

    Yields:
        To be called before writing: raises RunError if the folder is no longer where it was, or if another
        one has taken its place, whose run must not be written into.

    Raises:
        RunError: a file of the folder cannot be written.
    """
    descriptor = _opened(folder.root)

    def check() -> None:
        there = folder.root.stat()
        if descriptor is not None and not os.path.samestat(os.fstat(descriptor), there):
            raise RunError(_gone(folder))

    try:
        yield check
    except OSError as error:
        if error.filename is None or not Path(str(error.filename)).is_relative_to(folder.root):
            raise
        raise RunError(_sentence(folder, error)) from error
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _opened(root: Path) -> int | None:
    try:
        return os.open(root, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return None


def _gone(folder: RunFolder) -> str:
    return (
        f"The run folder '{folder.root}' is no longer there: moved, deleted or unmounted; put it back, "
        f"then go on with: {resume_line(folder.root)}"
    )


def _sentence(folder: RunFolder, error: OSError) -> str:
    if error.errno in _GONE and not folder.config.is_file():
        return _gone(folder)
    reason = error.strerror or type(error).__name__
    onward = f"then go on with: {resume_line(folder.root)}"
    if not folder.newest_checkpoint.is_file():  # it begins again then
        onward = f"then begin again with: {resume_line(folder.root)}"
    return f"'{error.filename}' cannot be written ({reason}); {cure_of(error)}, {onward}"
