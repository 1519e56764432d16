"""Lists of image names, one a line: which images `--labeled list.txt` means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from mutualseg.data.file_names import last_part, without_suffix
from mutualseg.data.grouping import bare_name
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Sample, is_image_file
from mutualseg.errors import SplitError
from mutualseg.nearest import nearest_name


def read_names(path: Path) -> list[str]:
    """Read a list: one stem or file name a line; blank lines and those that start with # are skipped."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise SplitError(f"{path} is not a text file of names; give one stem or file name a line.") from None
    names = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not names:
        raise SplitError(f"{path} names no image; give one stem or file name a line.")
    return names


def find_listed(
    names: Sequence[str], path: Path, root: Path, train: SampleIndex, others: Sequence[Sample]
) -> list[Sample]:
    """Return the training samples that a list names, sorted by name, each once.

    Args:
        names: A sample's name, its stem, file name, path below the data folder, or bare file name.
        path: The list's file, for messages.
        root: The data folder.
        train: The training samples.
        others: The samples of val and test, which a list must not name.

    Raises:
        SplitError: A name is unknown, ambiguous, without a mask, or not of the training part.
    """
    index = _index(_alike(names, train), root)
    listed: dict[str, Sample] = {}
    for name in names:
        matches = index.get(name.removeprefix("./").replace("\\", "/"), {})
        if not matches:
            raise SplitError(_unknown(name, path, _index(train, root), _index(others, root)))
        if len(matches) > 1:
            first, second = sorted(matches)[:2]
            raise SplitError(f"{path}: {name!r} may mean {first} or {second}; write the whole name.")
        sample = next(iter(matches.values()))
        if sample.mask is None:
            raise SplitError(f"{path}: {name!r} has no mask; add the mask, or take the name off the list.")
        listed[sample.name] = sample
    return [listed[name] for name in sorted(listed)]


def _alike(names: Sequence[str], train: SampleIndex) -> SampleIndex:
    """Return the few samples of many that a name may mean: what follows the last / is the same."""
    lasts = {last_part(name.replace("\\", "/")) for name in names}
    lasts |= {without_suffix(last) for last in lasts}
    return train.select([place for place, name in enumerate(train.names()) if last_part(name) in lasts])


def _index(samples: Iterable[Sample], root: Path) -> dict[str, dict[str, Sample]]:
    """Return the samples by everything a list may call them; exact names win over bare file names."""
    exact: dict[str, dict[str, Sample]] = defaultdict(dict)
    bare: dict[str, dict[str, Sample]] = defaultdict(dict)
    for sample in samples:
        suffix = sample.image.suffix
        stem = bare_name(sample)
        for key in (sample.name, stem, sample.name + suffix, stem + suffix):
            exact[key][sample.name] = sample
        if sample.image.is_relative_to(root):
            exact[sample.image.relative_to(root).as_posix()][sample.name] = sample
        last = stem.rsplit("/", 1)[-1]
        for key in (last, last + suffix):
            bare[key][sample.name] = sample
    return {**bare, **exact}


def _unknown(
    name: str, path: Path, index: dict[str, dict[str, Sample]], others: dict[str, dict[str, Sample]]
) -> str:
    if name in others:
        part = next(iter(others[name].values())).part
        return (
            f"{path}: {name!r} belongs to the {part} part, which is never trained on; take it off the list."
        )
    if len(name.split()) > 1 and all(is_image_file(Path(word)) for word in name.split()):
        return f"{path}: {name!r} is an image and mask pair, which is not read yet; keep the first column."
    nearest = nearest_name(name, index)
    hint = f"; the nearest name is {nearest!r}" if nearest else ""
    return f"{path}: no training image is called {name!r}{hint}; correct the list."
