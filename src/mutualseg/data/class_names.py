"""The class list: from classes.txt or dataset.yaml, else counted from the masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from mutualseg.data.masks import IGNORE, binary_problem, read_mask, values_of
from mutualseg.errors import DataError, MaskError

_MOST_PER_VALUE = 8
"""Classes per value that masks hold, beyond which the values are not taken for indices."""


def read_classes(root: Path, masks: Sequence[Path]) -> tuple[tuple[str, ...], str]:
    """Return the class names in index order, and where they came from.

    Args:
        root: The data folder.
        masks: All masks on disk: without a class file they are counted, with one they are only
            looked at until one shows that they are not 0/255 masks.

    Returns:
        The names and "classes.txt", "dataset.yaml" or "masks".

    Raises:
        DataError: The class file is malformed.
        MaskError: The masks hold no usable class, or only 0 and 255.
    """
    named = named_classes(root)
    if named is not None:
        values: set[int] = set()
        for path in masks:
            values |= values_of(read_mask(path))
            if values - {0, IGNORE}:
                break
        _refuse_binary(root, values)
        return named
    with ThreadPoolExecutor() as pool:
        values = set().union(*pool.map(lambda path: values_of(read_mask(path)), masks))
    _refuse_binary(root, values)
    return counted_classes(root, values), "masks"


def named_classes(root: Path) -> tuple[tuple[str, ...], str] | None:
    """Return the names of classes.txt or dataset.yaml and the file's name, None if there is neither."""
    if (root / "classes.txt").is_file():
        return _from_text(root / "classes.txt"), "classes.txt"
    if (root / "dataset.yaml").is_file():
        return _from_yaml(root / "dataset.yaml"), "dataset.yaml"
    return None


def counted_classes(root: Path, values: Iterable[int]) -> tuple[str, ...]:
    """Return "class 0", "class 1", ... up to the largest value that masks hold."""
    indices = {value for value in values if value != IGNORE}
    count = max(indices, default=-1) + 1
    if count > _MOST_PER_VALUE * len(indices) > 0:
        listed = ", ".join(str(value) for value in sorted(indices)[:8])
        raise MaskError(
            f"The masks of {root} hold the values {listed}, which look like gray levels and not like indices "
            f"of {count} classes; write 0, 1, 2, ... instead, or name all classes in classes.txt."
        )
    if count < 2:
        found = "no class at all (every pixel is 255, ignore)" if count == 0 else "only class 0"
        raise MaskError(
            f"The masks of {root} hold {found}, and two classes are needed; "
            "check the masks, or name all classes in classes.txt."
        )
    return tuple(f"class {index}" for index in range(count))


def _refuse_binary(root: Path, values: set[int]) -> None:
    problem = binary_problem(values)
    if problem:
        raise MaskError(f"In {root} {problem}.")


def _from_text(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().split("\n")
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text; save it as UTF-8.") from None
    return _checked([line.strip() for line in lines], path)


def _from_yaml(path: Path) -> tuple[str, ...]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is not valid YAML ({reason}); correct it.") from None
    entry = content.get("classes") if isinstance(content, dict) else None
    if isinstance(entry, dict):
        if sorted(entry, key=str) != sorted(range(len(entry)), key=str):
            raise DataError(f"{path}: the keys of `classes` must be 0, 1, 2, ...; correct them.")
        entry = [entry[index] for index in range(len(entry))]
    if not isinstance(entry, list):
        raise DataError(f"{path} has no list `classes`; add one, such as `classes: [road, sky]`.")
    odd = [name for name in entry if not isinstance(name, str)]
    if odd:
        raise DataError(f"{path}: the class name {odd[0]!r} is not text; put it in quotes.")
    return _checked([name.strip() for name in entry], path)


def _checked(names: list[str], path: Path) -> tuple[str, ...]:
    if "" in names and len(names) > 1:
        raise DataError(f"{path}: the name of class {names.index('')} is empty; give every class a name.")
    if len(names) < 2:
        raise DataError(f"{path} names fewer than two classes; list every class, background included.")
    if len(names) > IGNORE:
        raise DataError(f"{path} names {len(names)} classes, and at most {IGNORE} fit beside 255 (ignore).")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path} names the class {twice!r} twice; give every class its own name.")
    return tuple(names)
