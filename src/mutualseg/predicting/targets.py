"""Which files are segmented, and what each is called in the output folder: nothing is decoded here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mutualseg.data.file_names import suffix_of
from mutualseg.data.file_patterns import fixed_part, is_pattern, matching
from mutualseg.data.listing import walk_files
from mutualseg.data.regular_files import real_path
from mutualseg.data.samples import is_image_file
from mutualseg.errors import ConfigError, DataError
from mutualseg.predicting.clashes import refuse_clashes
from mutualseg.predicting.target import Target
from mutualseg.predicting.video_extra import require_video

VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"})
"""Suffixes, in lower case, of the files that are read as videos."""


def checked_targets(images: Sequence[Path], out: Path, kinds: Sequence[str]) -> list[Target]:
    """Return what `find_targets` finds, once nothing speaks against writing files of these kinds.

    Raises:
        DataError: see `find_targets`.
        ConfigError: files would be written twice, over an image, over masks of a data folder, outside the
            output folder, or where a file or folder is in the way; or a video is named that cannot be read
            for want of a package.
    """
    targets = find_targets(images, out)
    _refuse_labels(out)
    refuse_clashes(targets, out, kinds)
    for target in targets:
        if target.is_video and target.is_named:
            require_video(target.source)
    return targets


def find_targets(images: Sequence[Path], out: Path) -> list[Target]:
    """Return the images and videos that paths, folders and patterns mean, in order.

    A path that exists means itself, whatever characters are in it. Below a folder, and below the fixed part
    of a pattern, subfolders are kept; a single file goes into the output folder itself.

    Raises:
        DataError: a path does not exist, a pattern has no match, or there is no image at all.
    """
    found = [target for path in images for target in _targets_of(path, out)]
    if not found:
        shown = ", ".join(str(path) for path in images)
        raise DataError(f"There is no image or video in {shown}; check the path.")
    return found


def _targets_of(path: Path, out: Path) -> Iterator[Target]:
    if path.is_dir():
        for file in _without_earlier(_files_in(path), path, out):
            yield _target(file, file.relative_to(path), is_named=False)
    elif path.exists():
        yield _target(path, Path(path.name), is_named=True)
    elif is_pattern(str(path)):
        start = fixed_part(path)
        files = list(dict.fromkeys(_without_earlier(_matched(path), start, out)))
        if not files:
            raise DataError(f"No image or video matches '{path}'; check the pattern.")
        for file in files:
            yield _target(file, file.relative_to(start), is_named=False)
    else:
        raise DataError(f"There is no image or folder '{path}'; check the path.")


def _matched(pattern: Path) -> Iterator[Path]:
    # A suffix that was spelled out is taken at its word, as a single file is.
    asks_for_suffix = not is_pattern(suffix_of(pattern.name) or "*")
    for path in matching(pattern):
        if path.is_dir():
            yield from _files_in(path)
        elif asks_for_suffix or _is_read(path):
            yield path


def _files_in(folder: Path) -> Iterator[Path]:
    return (found for found in walk_files(folder) if _is_read(found))


def _without_earlier(files: Iterable[Path], folder: Path, out: Path) -> Iterator[Path]:
    """Leave out what an earlier call wrote, where the output folder lies below the one that is gone over."""
    own, around = real_path(out), real_path(folder)
    is_below = own != around and own.is_relative_to(around)
    return (file for file in files if not is_below or not real_path(file).is_relative_to(own))


def _is_read(path: Path) -> bool:
    return is_image_file(path) or is_video(path)


def is_video(path: Path) -> bool:
    """Tell by the suffix whether a file is read as a video."""
    return suffix_of(path.name).lower() in VIDEO_SUFFIXES


def _target(source: Path, below: Path, *, is_named: bool) -> Target:
    return Target(source, below.with_suffix("").as_posix(), is_video(source), is_named)


def _refuse_labels(out: Path) -> None:
    """Raise ConfigError if masks of a data folder would be replaced, or predictions become labels in it."""
    for folder in (real_path(out), *real_path(out).parents):
        if folder.name == "masks" and (folder.parent / "images").is_dir():
            raise ConfigError(
                f"--out {out} is where the masks of {folder.parent} are, which predictions would replace or "
                "join; name another folder."
            )
