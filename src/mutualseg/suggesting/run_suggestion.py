"""`suggest`: from a run, or weights, to a folder of what to label next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mutualseg.data.samples import Sample
from mutualseg.reporting.progress import file_progress
from mutualseg.suggesting.candidates import Candidates, find_candidates
from mutualseg.suggesting.examining import Examined, examine
from mutualseg.suggesting.selection import Choice, select
from mutualseg.suggesting.starting_point import Start, start_from


class Chosen(NamedTuple):
    """What was chosen, and out of what."""

    start: Start
    candidates: Candidates
    examined: Examined
    choices: list[Choice]


def choose(
    run: Path, *, count: int, data: str | None, unlabeled: Sequence[Path], most: int, quiet: bool
) -> Chosen:
    start = start_from(run, data, unlabeled, quiet=quiet)
    candidates = find_candidates(start.source, start.split, unlabeled, most)
    branches = start.branches.ready()
    with file_progress("looking", quiet=quiet) as progress:
        examined = examine(
            branches,
            start.split.labeled,
            candidates.samples,
            start.source.encoding,
            start.source.num_classes,
            progress,
        )
    return Chosen(start, candidates, examined, select(examined.pool, examined.labeled, count))
