"""The sentences below the table of a comparison: what its columns mean, and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from mutualseg.comparison.aggregates import BASELINE


def is_tested(record: Mapping[str, Any]) -> bool:
    """Return whether any run has a score on the test part."""
    return any(row["test_miou"] is not None for row in record["table"])


def notes_of(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the sentences."""
    yield from _columns(record)
    yield from _seeds(record)
    yield from _tested_seeds(record)
    yield from _commits(record)
    yield from _threads(record)
    yield from _missing(record)


def _columns(record: Mapping[str, Any]) -> Iterator[str]:
    settings = record["settings"]
    length = f"{settings['steps']} steps" if settings["budget"] is None else f"{settings['budget']} of time"
    yield (
        f"Every run has {length}. last: val mIoU at the last step, mean ± spread (largest less smallest) "
        "over seeds, of one network: the deployed one, and of labels_only the better of the network and its "
        f"average. best: of all evaluations of that network. gain: over labels_only, in {_column(record)}. "
        "MB: the most memory in use, on a CPU of the whole process."
    )
    if is_tested(record):
        yield "test: mIoU of the same network on the test part."
    if record["champion"]:
        yield (
            f"{record['champion']} is ahead or behind where it is so in {_column(record)} on every seed, and "
            "in the mean by more than the larger spread; else it is a tie. One seed tells nothing."
        )


def _column(record: Mapping[str, Any]) -> str:
    return "test" if record["part"] == "test" else "last"


def _seeds(record: Mapping[str, Any]) -> Iterator[str]:
    """Say where a gain is not the difference of two means."""
    name = "test_seeds" if record["part"] == "test" else "seeds"
    base = {row["labeled_images"]: row[name] for row in record["table"] if row["label"] == BASELINE}
    others = [
        f"{row['label']} ({row['labeled_images']} labeled)"
        for row in record["table"]
        if row["gain"] is not None and row[name] != base.get(row["labeled_images"], row[name])
    ]
    if others:
        yield (
            f"Not the same seeds as labels_only: {', '.join(others)}; their gain is over the seeds that both "
            f"have, {_column(record)} over all that each has."
        )


def _tested_seeds(record: Mapping[str, Any]) -> Iterator[str]:
    """Say where the mean on test is over fewer seeds than that on val."""
    fewer = [
        f"{row['label']} ({row['labeled_images']} labeled) {row['test_seeds']}"
        for row in record["table"]
        if row["test_seeds"] and row["test_seeds"] != row["seeds"]
    ]
    if fewer:
        yield f"test is over fewer seeds than last: {', '.join(fewer)}."


def _commits(record: Mapping[str, Any]) -> Iterator[str]:
    finished = [row for row in record["runs"] if row["status"] == "finished"]
    commits = Counter(row.get("commit") or "unknown" for row in finished)
    if len(commits) > 1:
        counts = ", ".join(f"{commit}: {count}" for commit, count in commits.items())
        yield f"The runs are of different commits ({counts}), so a difference may come from the program."


def _threads(record: Mapping[str, Any]) -> Iterator[str]:
    """Say where runs computed with different numbers of threads: that alters the order of sums, and times."""
    finished = [row for row in record["runs"] if row["status"] == "finished" and row.get("threads")]
    threads = Counter(row["threads"] for row in finished)
    if len(threads) > 1 and record["settings"].get("device", "cpu") == "cpu":
        counts = ", ".join(f"{number}: {count}" for number, count in sorted(threads.items()))
        yield (
            f"The runs computed with different numbers of threads ({counts}), so a difference may come from "
            "rounding, and minutes do not compare; keep to one --jobs."
        )


def _missing(record: Mapping[str, Any]) -> Iterator[str]:
    asked = set(record["asked"])
    pending = Counter(row["run"] in asked for row in record["runs"] if row["status"] == "pending")
    for row in record["runs"]:
        when = "" if row["run"] in asked else " in an earlier call"
        if row["status"] == "failed":
            yield f"failed{when}: {row['run']}: {row['reason']}"
        if row.get("test_reason"):
            yield f"no score on test{when}: {row['run']}: {row['test_reason']}"
    if pending[True]:
        yield f"{pending[True]} runs are not done; the same command goes on with them."
    if pending[False]:
        yield f"{pending[False]} runs of earlier calls are not done; those commands go on with them."
