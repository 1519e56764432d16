"""The table of a comparison, for a terminal of 80 columns and as Markdown."""

from __future__ import annotations

import html
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mutualseg.comparison.notes import is_tested, notes_of
from mutualseg.terminal import shown

_WIDTH = 80


def table_text(record: Mapping[str, Any]) -> str:
    """Return the tables, one per number of labeled images, with what they mean below."""
    console = Console(file=io.StringIO(), width=_WIDTH, highlight=False, color_system=None)
    # With scores on test the best on val finds no room; table.md has it.
    left_out = {"best"} if is_tested(record) else set()
    heads = _heads(record)
    kept = [place for place, head in enumerate(heads) if head not in left_out]
    for images, rows in _blocks(record):
        table = Table(
            title=_title(images),
            title_justify="left",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            padding=(0, 1, 0, 0),
        )
        table.add_column(heads[0], overflow="fold")  # a long name breaks, a number never
        for place in kept[1:]:
            table.add_column(heads[place], justify="right", no_wrap=True)
        for row in rows:
            cells = _cells(record, row)
            table.add_row(*(Text(shown(cells[place])) for place in kept))  # [brackets] are no markup
        console.print(table)
    for line in notes_of(record):
        console.print(shown(line), markup=False)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


def table_markdown(record: Mapping[str, Any]) -> str:
    """Return the same as Markdown."""
    heads = _heads(record)
    parts = []
    for images, rows in _blocks(record):
        lines = [heads, ["---", *(["---:"] * (len(heads) - 1))], *(_cells(record, row) for row in rows)]
        parts.append(f"## {_title(images)}\n\n" + _markdown_lines(lines))
        if per_class := _per_class_lines(rows):
            parts.append("IoU of each class on val, in percent:\n\n" + _markdown_lines(per_class))
    parts.append("".join(f"- {_as_text(line)}\n" for line in notes_of(record)))
    return "\n".join(parts)


def _markdown_lines(lines: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(map(_as_text, cells))} |\n" for cells in lines)


def _as_text(cell: str) -> str:
    """Return a text, which may be a name that others chose, so that Markdown shows it and no more."""
    for mark in "\\`|[]":
        cell = cell.replace(mark, f"\\{mark}")
    return shown(html.escape(cell, quote=False))


def _per_class_lines(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return a line per class, a column per row of a table that has finished runs; none without any."""
    columns = {row["label"]: row["per_class_iou"] for row in rows if row.get("per_class_iou")}
    if not columns:
        return []
    lines = [["class", *columns], ["---", *(["---:"] * len(columns))]]
    for name in next(iter(columns.values())):
        lines.append([name, *(_number(iou.get(name), ".2f", "absent") for iou in columns.values())])
    return lines


def _title(images: int) -> str:
    return f"{images} labeled images"


def _blocks(record: Mapping[str, Any]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    for images, rows in groupby(record["table"], lambda row: row["labeled_images"]):
        yield int(images), list(rows)


def _heads(record: Mapping[str, Any]) -> list[str]:
    test = ["test"] if is_tested(record) else []
    against = [f"{record['champion']} is"] if record["champion"] else []
    return ["method", "seeds", "last", "best", *test, "gain", "min", "MB", *against]


def _cells(record: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    name = row["label"] + (f" (= {row['same_as']})" if "same_as" in row else "")
    test = [_with_spread(row, "test_miou")] if is_tested(record) else []
    against = [row["verdict"] or "-"] if record["champion"] else []
    return [
        name,
        _share(len(row["seeds"]), row["runs"]),
        _with_spread(row, "miou"),
        _number(row["miou_best"], ".2f"),
        *test,
        _number(row["gain"], "+.2f"),
        _number(row["minutes"], ".1f"),
        _number(row["peak_memory_mb"], ".0f"),
        *against,
    ]


def _with_spread(row: Mapping[str, Any], name: str) -> str:
    spread = row[f"{name}_spread"]
    return _number(row[name], ".2f") + ("" if spread is None else f" ± {spread:.2f}")


def _share(finished: int, planned: int) -> str:
    return str(finished) if finished == planned else f"{finished}/{planned}"


def _number(value: float | None, style: str, missing: str = "-") -> str:
    return missing if value is None else format(value, style)
