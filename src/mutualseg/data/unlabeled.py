"""`--unlabeled` folders: images from anywhere, without those that must not be trained on again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mutualseg.data.duplicates import identical_to
from mutualseg.data.listing import walk_files
from mutualseg.data.samples import Sample, is_image_file
from mutualseg.errors import DataError


def list_unlabeled(folders: Sequence[Path], taken: Iterable[str]) -> list[Sample]:
    """List the images below folders as unlabeled training samples, folder by folder, each sorted.

    Args:
        folders: Searched recursively. Of a data folder (images/ beside masks/) only images/ is.
        taken: Names in use. A sample's name is its folder's name and its path below it, suffix included.

    Raises:
        DataError: A folder is missing or holds no image.
    """
    heads = {name.split("/", 1)[0] for name in taken}
    samples: list[Sample] = []
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"--unlabeled {folder} is not a folder; check the path.")
        is_data_folder = (folder / "images").is_dir() and (folder / "masks").is_dir()
        # Absolute, so that a run resumed from another place finds them.
        top = (folder / "images" if is_data_folder else folder).absolute()
        paths = [path for path in walk_files(top) if is_image_file(path)]
        if not paths:
            raise DataError(f"--unlabeled {folder} holds no image; check the path.")
        head = _unused(folder.resolve().name or "unlabeled", heads)
        heads.add(head)
        samples += [
            Sample(path, None, f"{head}/{path.relative_to(top).as_posix()}", "train") for path in paths
        ]
    return samples


def drop_used(
    found: Sequence[Sample], scored: Sequence[Sample], labeled: Sequence[Sample], other: Sequence[Sample]
) -> tuple[list[Sample], list[str]]:
    """Return the found samples that are not used already, and a note on each kind that was dropped.

    Args:
        found: Samples of `--unlabeled` folders.
        scored: Images of val and test, with and without masks.
        labeled: Labeled training images.
        other: Unlabeled training images, of which only the very file is not taken twice.
    """
    notes = []
    for samples, kind in ((scored, "val or test"), (labeled, "labeled training")):
        same = identical_to([s.image for s in found], [s.image for s in samples])
        if same:
            notes.append(f"{len(same)} --unlabeled files are identical to {kind} images and were dropped.")
            found = [sample for sample in found if sample.image not in same]
    seen: set[tuple[int, int] | Path] = {_file_identity(sample.image) for sample in other}
    kept = []
    for sample in found:
        identity = _file_identity(sample.image)
        if identity not in seen:
            seen.add(identity)
            kept.append(sample)
    if len(kept) < len(found):
        notes.append(f"{len(found) - len(kept)} --unlabeled files were listed twice and are taken once.")
    return kept, notes


def _file_identity(path: Path) -> tuple[int, int] | Path:
    try:
        status = path.stat()
    except OSError:  # a dangling link: who reads it names it
        return path
    return status.st_dev, status.st_ino


def _unused(name: str, taken: set[str]) -> str:
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}#{number}", number + 1
    return candidate
