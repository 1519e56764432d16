"""Class lists on disk: classes.txt, dataset.yaml, and the color lists that labeling tools write."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mutualseg.data.mask_codes import IGNORE, Color
from mutualseg.errors import DataError
from mutualseg.one_line import one_line
from mutualseg.plain_yaml import NotPlainError, read_plain
from mutualseg.terminal import first_unseen


@dataclass(frozen=True)
class ClassFile:
    """What a class list says: names by index, and where it says so what masks hold for each."""

    names: tuple[str, ...]
    source: str
    """The file's name."""
    values: Mapping[int, int] = field(default_factory=dict)
    """Class index by gray value; empty where the file does not say."""
    colors: Mapping[Color, int] = field(default_factory=dict)
    """Class index by RGB color; empty where the file does not say."""


def color_of_each(colors: Mapping[Color, int], count: int) -> tuple[Color, ...] | None:
    """Return the first color of each of `count` classes, None if one has none."""
    first: dict[int, Color] = {}
    for color, index in colors.items():
        first.setdefault(index, color)
    return tuple(first[index] for index in range(count)) if first.keys() >= set(range(count)) else None


def read_class_file(root: Path) -> ClassFile | None:
    """Return the class list of a data folder, None if it has none.

    Names come from `classes.txt` or `dataset.yaml`, and what masks hold for each from `dataset.yaml` or a
    color list (`labelmap.txt`, `class_dict.csv`, `label_colors.txt`), which names the classes too if nothing
    else does.

    Raises:
        DataError: A file is malformed.
    """
    named = None
    if (root / "classes.txt").is_file():
        path = root / "classes.txt"
        lines = _text(path).rstrip().split("\n")
        named = ClassFile(_checked([line.strip() for line in lines], path), path.name)
    if (root / "dataset.yaml").is_file():
        named = _from_yaml(root / "dataset.yaml", named)
    colored = next(
        (read(root / name) for name, read in _COLOR_LISTS.items() if (root / name).is_file()), None
    )
    if named is None or colored is None or named.colors or named.values:
        return named or colored
    index_of = {name: index for index, name in enumerate(named.names)}
    strangers = [name for name in colored.names if name not in index_of]
    if strangers or len(colored.names) < len(named.names):
        odd = strangers or [name for name in named.names if name not in colored.names]
        raise DataError(
            f"{root / colored.source} and {named.source} do not name the same classes ({odd[0]!r}); correct "
            "one of them, or remove it."
        )
    colors = {
        color: IGNORE if index == IGNORE else index_of[colored.names[index]]
        for color, index in colored.colors.items()
    }
    return ClassFile(named.names, named.source, colors=colors)


_LARGEST = 2**20
"""Bytes of a class list."""


def _text(path: Path) -> str:
    size = path.stat().st_size
    if size > _LARGEST:
        raise DataError(
            f"{path} has {size} bytes, and a list of at most {IGNORE} classes far fewer; put the class list "
            "there."
        )
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text; save it as UTF-8.") from None


def _from_yaml(path: Path, listed: ClassFile | None) -> ClassFile:
    """Read dataset.yaml; beside classes.txt (`listed`) it need not name the classes again."""
    try:
        content = read_plain(_text(path))
    except NotPlainError as error:
        where = "" if error.line is None else f", line {error.line}"
        raise DataError(f"{path} is not valid YAML ({error}{where}); correct it.") from None
    keys = {str(key) for key in content} if isinstance(content, dict) else set()
    _refuse_misspelled(keys, path)
    if listed is not None and not keys & {"classes", "values", "colors"}:
        return listed  # somebody else's file
    names = _names_of(content, path) if listed is None or "classes" in keys else listed.names
    if listed is not None and names != listed.names:
        raise DataError(f"{path} and {listed.source} name other classes; correct one, or remove it.")
    values = _codes(content, "values", names, path, _value)
    colors = _codes(content, "colors", names, path, _color)
    if values and colors:
        raise DataError(f"{path} has `values` and `colors`, and masks hold one of them; remove the other.")
    return ClassFile(names, path.name if listed is None else listed.source, values, colors)


def _refuse_misspelled(keys: set[str], path: Path) -> None:
    """Raise DataError for a key that is nearly one of ours; other tools' keys are theirs."""
    if "ignore" in keys:
        raise DataError(f"{path}: `ignore` belongs below `values` or `colors`; or say --ignore N instead.")
    for key in sorted(keys - set(_KEYS)):
        nearest = get_close_matches(key.lower(), _KEYS, 1, 0.75)
        if nearest:
            raise DataError(f"{path} has the unknown key `{one_line(key)}`; did you mean `{nearest[0]}`?")


_KEYS = ("classes", "values", "colors")


def _names_of(content: Any, path: Path) -> tuple[str, ...]:
    entry = content.get("classes") if isinstance(content, dict) else None
    if isinstance(entry, dict):
        if sorted(entry, key=str) != sorted(range(len(entry)), key=str):
            raise DataError(f"{path}: the keys of `classes` must be 0, 1, 2, ...; correct them.")
        entry = [entry[index] for index in range(len(entry))]
    if not isinstance(entry, list):
        raise DataError(f"{path} has no list `classes`; add one, such as `classes: [road, sky]`.")
    odd = [name for name in entry if not isinstance(name, str)]
    if odd:
        raise DataError(f"{path}: the class name {one_line(repr(odd[0]))} is not text; put it in quotes.")
    return _checked([name.strip() for name in entry], path)


def _codes(
    content: Mapping[str, Any], key: str, names: Sequence[str], path: Path, parse: Callable[[Any, str], Any]
) -> dict[Any, int]:
    """Return class index by value or color: {name: code}, {name: [code, ...]} or a list in class order."""
    entry = content.get(key)
    if entry is None:
        return {}
    if isinstance(entry, list):
        if len(entry) != len(names):
            raise DataError(
                f"{path}: `{key}` has {len(entry)} entries for {len(names)} classes; give one each."
            )
        entry = dict(zip(names, entry, strict=True))
    if not isinstance(entry, dict):
        raise DataError(f"{path}: `{key}` must map class names to their {key}; correct it.")
    index_of = {name: index for index, name in enumerate(names)} | {"ignore": IGNORE}
    found: dict[Any, int] = {}
    for name, codes in entry.items():
        if name not in index_of:
            raise DataError(
                f"{path}: `{key}` names {one_line(repr(name))}, which is no class (nor ignore); correct it."
            )
        several = isinstance(codes, list) and not (key == "colors" and _is_color(codes))
        for code in codes if several else [codes]:
            parsed = parse(code, f"{path}: the entry of {one_line(repr(name))} in `{key}`")
            if found.setdefault(parsed, index_of[name]) != index_of[name]:
                raise DataError(f"{path}: `{key}` gives {one_line(code)} to two classes; correct it.")
    unnamed = [name for name in names if index_of[name] not in found.values()]
    if unnamed:
        raise DataError(f"{path}: `{key}` lacks the class {unnamed[0]!r}; add it.")
    return found


def _is_color(entry: Sequence[object]) -> bool:
    return len(entry) == 3 and all(isinstance(part, int) for part in entry)


def _value(given: object, where: str) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given < 2**16:
        raise DataError(f"{where} is {one_line(repr(given))}; give whole numbers from 0 to 65535.")
    return given


def _color(given: object, where: str) -> Color:
    if isinstance(given, str) and re.fullmatch(r"#?[0-9a-fA-F]{6}", given):
        number = int(given.removeprefix("#"), 16)
        return number >> 16, number >> 8 & 255, number & 255
    parts = given if isinstance(given, list | tuple) else ()
    if len(parts) == 3 and all(type(part) is int and 0 <= part <= 255 for part in parts):
        return parts[0], parts[1], parts[2]
    raise DataError(f"{where} is {one_line(repr(given))}; give colors as [128, 64, 128] or '#804080'.")


def _from_labelmap(path: Path) -> ClassFile:
    """Read the list that CVAT exports: `name:red,green,blue:parts:actions` a line."""
    rows = [line.split(":") for line in _lines(path)]
    return _colored(path, ((row[0], row[1].split(",") if len(row) > 1 else []) for row in rows))


def _from_csv(path: Path) -> ClassFile:
    """Read `name,r,g,b` lines below a head line."""
    try:
        rows = list(csv.reader(_lines(path)))
    except csv.Error as error:
        raise DataError(f"{path} is not a CSV file ({error}); correct it.") from None
    rows = [row for row in rows if row]
    is_head = bool(rows) and not "".join(rows[0][1:]).replace(" ", "").isdigit()
    return _colored(path, ((row[0], row[1:4]) for row in rows[is_head:]))


def _from_label_colors(path: Path) -> ClassFile:
    """Read `red green blue name` lines, as CamVid has them."""
    rows = [line.split(None, 3) for line in _lines(path)]
    return _colored(path, ((row[3].strip() if len(row) > 3 else "", row[:3]) for row in rows))


_COLOR_LISTS: dict[str, Callable[[Path], ClassFile]] = {
    "labelmap.txt": _from_labelmap,
    "class_dict.csv": _from_csv,
    "label_colors.txt": _from_label_colors,
}


def _lines(path: Path) -> list[str]:
    return [line for line in _text(path).splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _colored(path: Path, rows: Iterable[tuple[str, Sequence[str]]]) -> ClassFile:
    names: list[str] = []
    colors: dict[Color, int] = {}
    for name, parts in rows:
        digits = [part.strip() for part in parts]
        if not all(digit.isdecimal() and len(digit) < 4 for digit in digits):
            raise DataError(
                f"{path}: the color of {one_line(repr(name.strip()))} is not three numbers up to 255; "
                "correct it."
            )
        color = _color(
            [int(digit) for digit in digits], f"{path}: the color of {one_line(repr(name.strip()))}"
        )
        # A class that is spelled so is what every tool calls pixels without one.
        index = IGNORE if name.strip().lower() in _VOID else len(names)
        if index != IGNORE:
            names.append(name.strip())
        if colors.setdefault(color, index) != index:
            raise DataError(
                f"{path} gives the color of {one_line(repr(name.strip()))} to two classes; correct it."
            )
    return ClassFile(_checked(names, path), path.name, colors=colors)


_VOID = {"void", "ignore", "unlabeled", "unlabelled"}


def _checked(names: list[str], path: Path) -> tuple[str, ...]:
    odd = first_unseen(names)
    if odd is not None:
        raise DataError(f"{path} names a class {odd!r}, with characters that cannot be seen; retype it.")
    if "" in names and len(names) > 1:
        raise DataError(f"{path}: the name of class {names.index('')} is empty; give every class a name.")
    if len(names) < 2:
        raise DataError(f"{path} names fewer than two classes; list every class, background included.")
    if len(names) > IGNORE:
        raise DataError(f"{path} names {len(names)} classes, and at most {IGNORE} fit beside 255 (ignore).")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(
            f"{path} names the class {one_line(repr(twice))} twice; give every class its own name."
        )
    return tuple(names)
