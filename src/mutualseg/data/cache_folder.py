"""The user's cache: folders that are made once, appear whole or not at all, and are used again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from mutualseg.errors import DataError

_CONTENTS = "contents.json"
_FORMAT = 1
"""Part of every key of `unpacked`; raise it when what lies in such a folder changes its form."""


def cache_root() -> Path:
    """Return MUTUALSEG_CACHE, else mutualseg/ below XDG_CACHE_HOME, else ~/.cache/mutualseg."""
    if own := os.environ.get("MUTUALSEG_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "mutualseg"


def kept_folder(
    cache: Path,
    name: str,
    write: Callable[[Path], None],
    is_complete: Callable[[Path], bool],
    what: str,
) -> Path:
    """Return a folder of the cache, writing it first if it is not there or not complete.

    Several processes may ask for the same folder at once; each gets a complete one. A process that is
    killed while it writes leaves nothing under the folder's name.

    Args:
        cache: Folder that holds it, made if missing.
        name: Its name there.
        write: Makes the folder at the path that it is given, which does not exist yet.
        is_complete: Tells whether a folder that exists can be used.
        what: What is written, for the message, such as "The generated data set".

    Raises:
        DataError: The cache cannot be written.
    """
    folder = cache / name
    if is_complete(folder):
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # Written beside its place, on the same file system, so that one rename makes all of it appear.
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=cache) as workshop:
            fresh = Path(workshop) / "fresh"
            write(fresh)
            _put_in_place(fresh, folder, is_complete)
    except OSError as error:
        raise DataError(
            f"{what} cannot be written to {cache} ({error.strerror or error}): "
            "free or choose another folder with the environment variable MUTUALSEG_CACHE."
        ) from error
    return folder


def unpacked(name: str, sources: Iterable[Path], write: Callable[[Path], None], key: str = "") -> Path:
    """Return a folder of the cache made from source files, anew whenever one of them changed.

    The folder's name holds a hash of the sources' absolute paths, sizes and modification times, so that
    an edited annotation file is never answered with what was made of it before.

    Args:
        name: Begins the folder's name, such as "coco".
        sources: Files that decide what is written.
        write: Fills the folder that it is given, an empty one.
        key: Whatever else decides what is written, as text.

    Raises:
        DataError: A source cannot be looked at, or the cache cannot be written.
    """
    states = sorted(map(_state, sources))
    parts = [_FORMAT, name, key, states]
    digest = hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()

    def fill(fresh: Path) -> None:
        fresh.mkdir()
        write(fresh)
        (fresh / _CONTENTS).write_text(json.dumps(sorted(_files(fresh))), encoding="ascii")

    what = f"What is unpacked from {states[0][0]}" if states else f"The folder {name}"
    return kept_folder(cache_root(), f"{name}-{digest[:24]}", fill, _holds_its_contents, what)


def _state(source: Path) -> tuple[str, int, int]:
    try:
        status = source.stat()
    except OSError as error:
        raise DataError(f"{source} cannot be read ({error.strerror or error}); check the path.") from None
    return str(source.absolute()), status.st_size, status.st_mtime_ns


def _holds_its_contents(folder: Path) -> bool:
    """Tell whether all files are there that were written: a cache may be tidied by age, file by file."""
    try:
        listed = json.loads((folder / _CONTENTS).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return False
    is_list = isinstance(listed, list) and all(isinstance(name, str) for name in listed)
    return is_list and set(listed) <= set(_files(folder))


def _files(folder: Path) -> Iterable[str]:
    """Yield the paths of all files below a folder, relative to it."""
    for where, _, names in os.walk(folder):
        below = Path(where).relative_to(folder).as_posix()
        yield from names if below == "." else (f"{below}/{name}" for name in names)


def _put_in_place(fresh: Path, folder: Path, is_complete: Callable[[Path], bool]) -> None:
    """Rename the fresh folder to its place, unless another process put a complete one there first."""
    if folder.exists() and not is_complete(folder):
        # Moved, not deleted in place, so that nobody meets half of it; it goes with the workshop.
        with contextlib.suppress(FileNotFoundError):
            folder.rename(fresh.with_name("damaged"))
    try:
        fresh.rename(folder)
    except OSError:
        if not is_complete(folder):
            raise
