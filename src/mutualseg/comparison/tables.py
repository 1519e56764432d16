"""The table of a comparison, for a terminal of 80 columns and as Markdown."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

_WIDTH = 80


def table_text(record: Mapping[str, Any]) -> str:
    """Return the tables, one per number of labeled images, with what they mean below."""
    console = Console(file=io.StringIO(), width=_WIDTH, highlight=False, color_system=None)
    heads = _heads(record)
    for images, rows in _blocks(record):
        table = Table(
            title=_title(images),
            title_justify="left",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            padding=(0, 1, 0, 0),
        )
        table.add_column(heads[0], overflow="fold")  # a long name breaks, a number never
        for head in heads[1:]:
            table.add_column(head, justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*_cells(record, row))
        console.print(table)
    for line in _notes(record):
        console.print(line, markup=False)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


def table_markdown(record: Mapping[str, Any]) -> str:
    """Return the same as Markdown."""
    heads = _heads(record)
    parts = []
    for images, rows in _blocks(record):
        lines = [heads, ["---", *(["---:"] * (len(heads) - 1))], *(_cells(record, row) for row in rows)]
        parts.append(f"## {_title(images)}\n\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in lines))
    parts.append("".join(f"- {line}\n" for line in _notes(record)))
    return "\n".join(parts)


def _title(images: int) -> str:
    return f"{images} labeled images"


def _blocks(record: Mapping[str, Any]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    for images, rows in groupby(record["table"], lambda row: row["labeled_images"]):
        yield int(images), list(rows)


def _is_tested(record: Mapping[str, Any]) -> bool:
    return any(row["test_miou"] is not None for row in record["table"])


def _heads(record: Mapping[str, Any]) -> list[str]:
    test = ["test"] if _is_tested(record) else []
    against = [f"{record['champion']} is"] if record["champion"] else []
    return ["method", "seeds", "last", "best", *test, "gain", "min", "MB", *against]


def _cells(record: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    name = row["label"] + (f" (= {row['same_as']})" if "same_as" in row else "")
    last = _number(row["miou"], ".2f")
    if row["miou_spread"] is not None:
        last += f" ± {row['miou_spread']:.2f}"
    test = [_number(row["test_miou"], ".2f")] if _is_tested(record) else []
    against = [row["verdict"] or "-"] if record["champion"] else []
    return [
        name,
        _share(len(row["seeds"]), row["runs"]),
        last,
        _number(row["miou_best"], ".2f"),
        *test,
        _number(row["gain"], "+.2f"),
        _number(row["minutes"], ".1f"),
        _number(row["peak_memory_mb"], ".0f"),
        *against,
    ]


def _share(finished: int, planned: int) -> str:
    return str(finished) if finished == planned else f"{finished}/{planned}"


def _number(value: float | None, style: str) -> str:
    return "-" if value is None else format(value, style)


def _notes(record: Mapping[str, Any]) -> Iterator[str]:
    settings = record["settings"]
    length = f"{settings['steps']} steps" if settings["budget"] is None else f"{settings['budget']} of time"
    yield (
        f"Every run has {length}. last: val mIoU at the last step, mean ± spread (largest less smallest) "
        "over seeds, of one network: the deployed one, and of labels_only the better of the network and its "
        "average. best: of all evaluations of that network. gain: over labels_only. "
        "MB: the most memory in use, on a CPU of the whole process."
    )
    if record["champion"]:
        yield (
            f"{record['champion']} is ahead or behind where it is so on every seed, and in the mean by more "
            "than the larger spread; else it is a tie. One seed tells nothing."
        )
    if _is_tested(record):
        yield "test: mIoU of the deployed network on the test part, also of labels_only."
    for row in record["runs"]:
        if row["status"] == "failed":
            yield f"failed: {row['run']}: {row['reason']}"
    pending = sum(row["status"] == "pending" for row in record["runs"])
    if pending:
        yield f"{pending} runs are not done; the same command goes on with them."
