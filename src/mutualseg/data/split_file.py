"""split.json: a split on disk, written into every run and by `mutualseg split`."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from mutualseg.data.file_names import without_suffix
from mutualseg.data.file_sizes import JSON, refuse_larger_than_memory
from mutualseg.data.folder import DataFolder, a_few
from mutualseg.data.grouping import Grouping, without_groups_of
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Sample, Split, is_image_file
from mutualseg.data.unlabeled import choose_unlabeled, find_unlabeled
from mutualseg.errors import SplitError
from mutualseg.one_line import one_line

_FORMAT = 1


def split_to_json(split: Split, root: Path) -> Iterator[str]:
    """Yield a split as JSON text, piece by piece: no list of a million names is made.

    Images of the data folder are written by name, so that the file fits a copy of the folder
    elsewhere; images of `--unlabeled` folders with their absolute path.
    """
    unlabeled = SampleIndex.of(split.unlabeled)
    content = {
        "format": _FORMAT,
        "root": str(root.absolute()),
        "split_seed": split.split_seed,
        "val_from": split.val_from,
        "group": split.group,
        "labeled": (sample.name for sample in split.labeled),
        "unlabeled": (name for name, _, external in unlabeled.facts() if not external),
        "unlabeled_files": _absolute(unlabeled),
        "val": (sample.name for sample in split.val),
        "test": (sample.name for sample in split.test),
        "notes": iter(split.notes),
    }
    for place, (key, value) in enumerate(content.items()):
        yield f"{',' if place else '{'}\n {json.dumps(key)}: "
        if not isinstance(value, Iterator):
            yield json.dumps(value)
        elif key == "unlabeled_files":
            yield from _block((f"{json.dumps(name)}: {json.dumps(file)}" for name, file in value), "{}")
        else:
            yield from _block(map(json.dumps, value), "[]")
    yield "\n}\n"


def _absolute(unlabeled: SampleIndex) -> Iterator[tuple[str, str]]:
    """Yield the name and the absolute path of each image of an `--unlabeled` folder."""
    here = Path.cwd()
    for name, file, external in unlabeled.facts():
        if external:
            yield name, file if file.startswith("/") else str(here / file)


def _block(lines: Iterable[str], brackets: str) -> Iterator[str]:
    """Yield lines between brackets, indented by two, as `json.dumps` would."""
    empty = True
    for line in lines:
        yield f"{brackets[0] if empty else ','}\n  {line}"
        empty = False
    yield brackets if empty else f"\n {brackets[1]}"


def write_split(split: Split, root: Path, path: Path) -> None:
    """Write split.json.

    Args:
        split: The split.
        root: The data folder it was made from.
        path: The file to write.
    """
    with path.open("w", encoding="utf-8") as file:
        file.writelines(split_to_json(split, root))


def read_split(path: Path, folder: DataFolder, *, lost: Sequence[str] | None = None) -> Split:
    """Read a split exactly as it was written.

    Args:
        path: A file that `write_split` wrote.
        folder: The data folder, or a copy of it.
        lost: None refuses training images that are gone. Else they stay where they stand, since the order
            in which images are drawn follows from their number, and whoever opens them skips them; under
            these paths those of them that are known.

    Raises:
        SplitError: The file is malformed, or images that it names are gone or have lost their mask.
    """
    content = _load(path)
    files: dict[str, str] = content["unlabeled_files"]
    odd = next((file for file in files.values() if not is_image_file(file) or not file.startswith("/")), None)
    if odd is not None:
        raise SplitError(
            f"{path} names {odd!r} as an unlabeled image, which is no path of one; make it anew with "
            "`mutualseg split`."
        )
    gone = [Path(file) for file in files.values() if not os.path.isfile(file)]  # noqa: PTH113  # a million
    if gone and lost is None:
        raise SplitError(
            f"{len(gone)} unlabeled images of {path} are gone ({one_line(a_few(gone))}); restore them, or "
            "give their folder with --unlabeled."
        )
    try:
        outside = SampleIndex.of_files((name, str(Path(file)), "train") for name, file in files.items())
    except ValueError:
        raise SplitError(
            f"{path} gives an unlabeled image a name that no file can have; make it anew with "
            "`mutualseg split`."
        ) from None
    return _build(content, path, folder, outside, lost)


class SplitCounts(NamedTuple):
    """What a split file says without the data folder."""

    labeled: int
    unlabeled: int
    val: int
    test: int
    val_from: str
    notes: tuple[str, ...]


def count_split(path: Path) -> SplitCounts:
    """Return how many images of a split file play which part.

    Raises:
        SplitError: The file is malformed.
    """
    content = _load(path)
    unlabeled = len(content["unlabeled"]) + len(content["unlabeled_files"])
    counts = (len(content["labeled"]), unlabeled, len(content["val"]), len(content["test"]))
    return SplitCounts(*counts, content["val_from"], tuple(content["notes"]))


def val_names(path: Path) -> tuple[str, ...]:
    """Return the names of the val images of a split file, without the data folder.

    Raises:
        SplitError: The file is malformed.
    """
    return tuple(map(str, _load(path)["val"]))


def read_val(path: Path, folder: DataFolder) -> tuple[Sample, ...]:
    """Read the val images of a split alone: they can be scored where unlabeled ones are gone.

    Args:
        path: A file that `write_split` wrote.
        folder: The data folder, or a copy of it.

    Raises:
        SplitError: The file is malformed, or val images are gone or have lost their mask.
    """
    content = _load(path) | {"labeled": [], "unlabeled": [], "test": []}
    return _build(content, path, folder, SampleIndex.empty()).val


def reuse_split(path: Path, folder: DataFolder, unlabeled: Sequence[Path]) -> Split:
    """Read a split for a new run, as `--labeled split.json` does.

    Args:
        path: A file that `write_split` wrote.
        folder: The data folder, or a copy of it.
        unlabeled: Folders that replace the file's own `--unlabeled` images; none keeps them. Lists also
            replace its unlabeled images of the data folder.
    """
    if not unlabeled:
        return read_split(path, folder)
    split = _build(_load(path), path, folder, SampleIndex.empty())
    train = SampleIndex.of(folder.train)
    named = find_unlabeled(unlabeled, folder.root, train, (*folder.val, *folder.test, *folder.unscored))
    scored = (*split.val, *split.test, *folder.val, *folder.test, *folder.unscored)
    grouping, notes = Grouping(split.group), list(split.notes)
    rest = SampleIndex.of(split.unlabeled)
    if named.lists:
        names = {sample.name for sample in split.val}
        rest = without_groups_of(scored, train, grouping, notes, names)
        rest = rest.without({sample.name for sample in split.labeled}).without_masks()
    kept, dropped = choose_unlabeled(named, rest, split.labeled, scored, grouping)
    return replace(split, unlabeled=kept, notes=(*dict.fromkeys(notes), *dropped))


def _build(
    content: Mapping[str, Any],
    path: Path,
    folder: DataFolder,
    outside: SampleIndex,
    lost: Sequence[str] | None = None,
) -> Split:
    everything = SampleIndex.of(folder.train) + SampleIndex.of((*folder.val, *folder.test))
    if lost is not None:  # of two samples of one name the last one counts
        everything += SampleIndex.of(_lost_samples(content, folder, everything, lost))
    known = {name: place for place, name in enumerate(everything.names())}
    never_trained = {sample.name for sample in (*folder.val, *folder.test)}

    def find(key: str) -> SampleIndex:
        gone = [name for name in content[key] if name not in known]
        if gone:
            raise SplitError(
                f"{path} names {len(gone)} images that {folder.root} lacks ({one_line(gone[0])}); use the "
                "data folder it was made for, or make the split anew."
            )
        samples = everything.select([known[name] for name in content[key]])
        if key != "unlabeled" and len(samples.masked) < len(samples):
            bare = next(sample.name for sample in samples if not sample.mask)
            raise SplitError(f"{path}: {bare} has lost its mask; restore it, or make the split anew.")
        return samples

    labeled, val, test, inside = find("labeled"), find("val"), find("test"), find("unlabeled")
    trained = Counter(chain(labeled.names(), inside.names()))
    scored = never_trained.union(val.names(), test.names())
    twice = sorted(name for name, times in trained.items() if name in scored or times > 1)
    if twice:
        raise SplitError(f"{path} uses {twice[0]} twice or against its part; make the split anew.")
    return Split(
        labeled=tuple(labeled),
        unlabeled=(inside.without_masks() + outside).sorted_by_name(),
        val=tuple(replace(sample, part="val") for sample in val),
        test=tuple(test),
        split_seed=content["split_seed"],
        val_from=content["val_from"],
        group=content["group"],
        notes=tuple(content["notes"]),
    )


def _lost_samples(
    content: Mapping[str, Any], folder: DataFolder, everything: SampleIndex, files: Sequence[str]
) -> list[Sample]:
    """Return samples for the training images that a split names and that have lost their image or mask.

    Args:
        content: Of the split file.
        folder: The data folder.
        everything: Its samples.
        files: Paths of images that are known to be gone.
    """
    there = {name: place for place, name in enumerate(everything.names())}
    found: list[Sample] = []
    for name in (*content["labeled"], *content["unlabeled"]):
        bare = name.removeprefix("train/")
        nowhere = folder.root / "masks" / name if name in content["labeled"] else None
        if name not in there:
            ends = tuple(f"/{each}" for each in (name, bare))
            file = next((file for file in files if without_suffix(file).endswith(ends)), None)
            found.append(Sample(Path(file or folder.root / "images" / name), nowhere, name, "train"))
        elif nowhere is not None and everything[there[name]].mask is None:
            found.append(replace(everything[there[name]], mask=nowhere))
    return found


def _load(path: Path) -> dict[str, Any]:
    """Return the file's content once every key has the right kind of value."""
    refuse_larger_than_memory(path, JSON, SplitError)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SplitError(f"{path} does not exist; check the path.") from None
    except OSError as error:
        raise SplitError(f"{path} cannot be read ({error.strerror or error}); check the path.") from None
    except (ValueError, RecursionError):
        raise SplitError(f"{path} is not valid JSON; make it anew with `mutualseg split`.") from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT or not _is_sound(content):
        raise SplitError(f"{path} is not a split file of this version; make it anew with `mutualseg split`.")
    return content


def _is_sound(content: Mapping[str, Any]) -> bool:
    def is_text_list(value: object) -> bool:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)

    files = content.get("unlabeled_files")
    return (
        all(is_text_list(content.get(key)) for key in ("labeled", "unlabeled", "val", "test", "notes"))
        and bool(content["labeled"])
        and isinstance(files, dict)
        and is_text_list(list(files.values()))
        and type(content.get("split_seed")) is int
        and content.get("val_from") in ("part", "held out")
        and isinstance(content.get("group", 0), str | None)
    )
