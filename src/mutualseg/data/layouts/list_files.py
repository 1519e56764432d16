"""Lists of names that public data sets bring: which images belong to a part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mutualseg.data.file_names import last_part, without_suffix
from mutualseg.data.file_sizes import NAMES, refuse_larger_than_memory
from mutualseg.data.listing import Files
from mutualseg.data.samples import is_image_file
from mutualseg.errors import DataError


def read_list(path: Path) -> list[str]:
    """Return the names of a list, one a line: bare, or as the path of an image before that of its mask.

    Raises:
        DataError: The file is missing, is no text, or names nothing.
    """
    refuse_larger_than_memory(path, NAMES)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise DataError(f"{path} is missing; put the list of the data set there.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not a text file of names; restore it.") from None
    names = [_bare(line.split()[0]) for line in lines if line.strip()]
    if not names:
        raise DataError(f"{path} names no image; restore it.")
    return names


def _bare(word: str) -> str:
    last = last_part(word)
    return without_suffix(last) if is_image_file(last) or last.endswith(".h5") else last


def chosen_files(files: Files, names: Iterable[str]) -> Files:
    """Return those of the files whose stems are among the names."""
    wanted = set(names)
    pairs = [(path, stem) for path, stem in zip(files.paths, files.stems, strict=True) if stem in wanted]
    return Files(files.folder, [path for path, _ in pairs], [stem for _, stem in pairs], files.ending)


def require_listed(names: Sequence[str], files: Files) -> None:
    """Raise a DataError if a name has no file."""
    there = set(files.stems)
    gone = [name for name in names if name not in there]
    if gone:
        raise DataError(
            f"{len(gone)} images that the lists name are not in {files.folder} ({gone[0]}); "
            "unpack the data set again."
        )
