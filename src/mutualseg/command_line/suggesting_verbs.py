"""What `suggest` does with its arguments, and what it prints."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from mutualseg import api
from mutualseg.command_line.printing import EXIT_SKIPS, complain, say
from mutualseg.terminal import json_line, shown

if TYPE_CHECKING:
    from mutualseg.suggesting.run_suggestion import Suggestions

_SHOWN = 30
"""Suggestions that are printed; the list has all."""
_LEAST_COLUMNS = 60


def perform_suggest(arguments: dict[str, Any], as_json: bool) -> int:
    """Suggest what to label next; print the list and how to go on."""
    done = api.suggest(**arguments | {"quiet": as_json or arguments["quiet"]})
    if as_json:
        print(json_line(_as_data(done)))
    else:
        for note in done.notes:
            say(note)
        _print_table(done)
        for _, reason in done.skipped:
            complain(f"skipped: {reason}")
        _print_next(done)
    return EXIT_SKIPS if done.skipped else 0


def _as_data(done: Suggestions) -> dict[str, Any]:
    return {
        "out": str(done.out),
        "suggested": [one.to_plain() for one in done.suggestions],
        "looked_at": done.looked_at,
        "unlabeled": done.unlabeled,
        "networks": list(done.networks),
        "notes": list(done.notes),
        "next_steps": list(done.next_steps),
        "skipped": [{"file": str(path), "reason": reason} for path, reason in done.skipped],
    }


def _print_table(done: Suggestions) -> None:
    width = max(_LEAST_COLUMNS, shutil.get_terminal_size().columns)
    shown_ones = done.suggestions[:_SHOWN]
    names = [shown(one.line) for one in shown_ones]
    name_width = min(max(map(len, names)), (width - 22) * 2 // 3)
    print(f"rank score  differ  {'image':<{name_width}}  rare classes")
    for one, name in zip(shown_ones, names, strict=True):
        facts = f"{one.rank:>4} {one.score:5.2f} {100 * one.differing:5.1f} %"
        marks = ["(look-alike)"] if one.look_alike else []
        rare = " ".join([*marks, shown(", ".join(name for name, _ in one.rare))])
        row = f"{facts}  {_end_of(name, name_width):<{name_width}}  {rare}".rstrip()
        print(row if len(row) <= width else f"{row[: width - 1]}…")
    if len(done.suggestions) > _SHOWN:
        print(f"  ... and {len(done.suggestions) - _SHOWN} more in suggested.csv")


def _end_of(text: str, width: int) -> str:
    """Return a text that fits, without its beginning where it is too long: names differ at their ends."""
    return text if len(text) <= width else f"…{text[len(text) - width + 1 :]}"


def _print_next(done: Suggestions) -> None:
    of = f"{done.looked_at} of {done.unlabeled}" if done.looked_at < done.unlabeled else f"{done.unlabeled}"
    say(f"{len(done.suggestions)} of {of} unlabeled images -> {done.out} (see sheet.png)")
    for step in done.next_steps:
        say(step)
