"""split.json: a split on disk, written into every run and by `mutualseg split`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mutualseg.data.folder import DataFolder, shown
from mutualseg.data.samples import Sample, Split
from mutualseg.data.unlabeled import drop_used, list_unlabeled
from mutualseg.errors import SplitError

_FORMAT = 1


def split_to_json(split: Split, root: Path) -> str:
    """Return a split as JSON text.

    Images of the data folder are written by name, so that the file fits a copy of the folder
    elsewhere; images of `--unlabeled` folders with their absolute path.
    """
    content = {
        "format": _FORMAT,
        "root": str(root.absolute()),
        "split_seed": split.split_seed,
        "val_from": split.val_from,
        "group": split.group,
        "labeled": [sample.name for sample in split.labeled],
        "unlabeled": [sample.name for sample in split.unlabeled if not sample.is_external],
        "unlabeled_files": {
            sample.name: str(sample.image.absolute()) for sample in split.unlabeled if sample.is_external
        },
        "val": [sample.name for sample in split.val],
        "test": [sample.name for sample in split.test],
        "notes": list(split.notes),
    }
    return json.dumps(content, indent=1) + "\n"


def write_split(split: Split, root: Path, path: Path) -> None:
    """Write split.json.

    Args:
        split: The split.
        root: The data folder it was made from.
        path: The file to write.
    """
    path.write_text(split_to_json(split, root), encoding="utf-8")


def read_split(path: Path, folder: DataFolder) -> Split:
    """Read a split exactly as it was written.

    Args:
        path: A file that `write_split` wrote.
        folder: The data folder, or a copy of it.

    Raises:
        SplitError: The file is malformed, or images that it names are gone or have lost their mask.
    """
    content = _load(path)
    outside = [Sample(Path(file), None, name, "train") for name, file in content["unlabeled_files"].items()]
    gone = [sample.image for sample in outside if not sample.image.is_file()]
    if gone:
        raise SplitError(
            f"{len(gone)} unlabeled images of {path} are gone ({shown(gone)}); restore them, or give "
            "their folder with --unlabeled."
        )
    return _build(content, path, folder, outside)


def read_val(path: Path, folder: DataFolder) -> tuple[Sample, ...]:
    """Read the val images of a split alone: they can be scored where unlabeled ones are gone.

    Args:
        path: A file that `write_split` wrote.
        folder: The data folder, or a copy of it.

    Raises:
        SplitError: The file is malformed, or val images are gone or have lost their mask.
    """
    content = _load(path) | {"labeled": [], "unlabeled": [], "test": []}
    return _build(content, path, folder, []).val


def reuse_split(path: Path, folder: DataFolder, unlabeled: Sequence[Path]) -> Split:
    """Read a split for a new run, as `--labeled split.json` does.

    Args:
        path: A file that `write_split` wrote.
        folder: The data folder, or a copy of it.
        unlabeled: Folders that replace the file's own `--unlabeled` images; none keeps them.
    """
    if not unlabeled:
        return read_split(path, folder)
    split = _build(_load(path), path, folder, [])
    everything = (*folder.train, *folder.val, *folder.test, *folder.unscored)
    found = list_unlabeled(unlabeled, [sample.name for sample in everything])
    scored = (*split.val, *split.test, *folder.val, *folder.test, *folder.unscored)
    kept, notes = drop_used(found, scored, split.labeled, split.unlabeled)
    merged = sorted((*split.unlabeled, *kept), key=lambda sample: sample.name)
    return replace(split, unlabeled=tuple(merged), notes=(*split.notes, *notes))


def _build(content: Mapping[str, Any], path: Path, folder: DataFolder, outside: Iterable[Sample]) -> Split:
    known = {sample.name: sample for sample in (*folder.train, *folder.val, *folder.test)}
    never_trained = {sample.name for sample in (*folder.val, *folder.test)}

    def find(key: str) -> list[Sample]:
        gone = [name for name in content[key] if name not in known]
        if gone:
            raise SplitError(
                f"{path} names {len(gone)} images that {folder.root} lacks ({gone[0]}); use the data "
                "folder it was made for, or make the split anew."
            )
        samples = [known[name] for name in content[key]]
        bare = next((sample.name for sample in samples if key != "unlabeled" and not sample.mask), None)
        if bare is not None:
            raise SplitError(f"{path}: {bare} has lost its mask; restore it, or make the split anew.")
        return samples

    labeled, val, test, inside = find("labeled"), find("val"), find("test"), find("unlabeled")
    trained = Counter(sample.name for sample in (*labeled, *inside))
    scored = never_trained.union(sample.name for sample in (*val, *test))
    twice = sorted(name for name, times in trained.items() if name in scored or times > 1)
    if twice:
        raise SplitError(f"{path} uses {twice[0]} twice or against its part; make the split anew.")
    merged = [replace(sample, mask=None) for sample in inside]
    return Split(
        labeled=tuple(labeled),
        unlabeled=tuple(sorted((*merged, *outside), key=lambda sample: sample.name)),
        val=tuple(replace(sample, part="val") for sample in val),
        test=tuple(test),
        split_seed=content["split_seed"],
        val_from=content["val_from"],
        group=content["group"],
        notes=tuple(content["notes"]),
    )


def _load(path: Path) -> dict[str, Any]:
    """Return the file's content once every key has the right kind of value."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SplitError(f"{path} does not exist; check the path.") from None
    except ValueError:
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
        and isinstance(content.get("split_seed"), int)
        and content.get("val_from") in ("part", "held out")
        and isinstance(content.get("group", 0), str | None)
    )
