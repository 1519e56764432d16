"""What stands below the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mutualseg.comparison.notes import notes_of
from mutualseg.comparison.record import write_record
from mutualseg.comparison.tables import table_text
from tests.comparison.made import row

SETTINGS: dict[str, Any] = {
    "steps": 300,
    "budget": None,
    "variants": dict.fromkeys(("labels_only", "mutual", "no_peer")),
    "aliases": {},
}


def said(out: Path, rows: list[dict[str, Any]], *asked: str, part: str = "val") -> str:
    record = write_record(out, SETTINGS, rows, asked=[f"runs/{name}" for name in asked], part=part)
    return "\n".join(notes_of(record))


def test_runs_of_earlier_calls_are_told_apart(tmp_path: Path) -> None:
    open_run: dict[str, Any] = {"status": "pending", "reason": None}
    rows = [
        row("mutual", 0, None),
        row("mutual", 1, None, **open_run),
        row("no_peer", 0, None),
        row("no_peer", 1, None, **open_run),
        row("no_peer", 2, None, **open_run),
    ]
    text = said(tmp_path, rows, "mutual-6-s0", "mutual-6-s1")
    assert "failed: runs/mutual-6-s0: It was lost" in text
    assert "failed in an earlier call: runs/no_peer-6-s0: It was lost" in text
    assert "1 runs are not done; the same command goes on" in text
    assert "2 runs of earlier calls are not done" in text


@pytest.mark.parametrize("part", ["val", "test"])
def test_other_seeds_than_labels_only(part: str, tmp_path: Path) -> None:
    rows = [row(label, seed, 40.0, test_miou=39.0) for label in ("labels_only", "mutual") for seed in (0, 1)]
    rows.append(row("no_peer", 0, 41.0, test_miou=40.0))
    assert "Not the same seeds as labels_only: no_peer (6 labeled);" in said(tmp_path, rows, part=part)
    assert "Not the same seeds" not in said(tmp_path, rows[:-1], part=part)


def test_other_commits(tmp_path: Path) -> None:
    rows = [row("mutual", 0, 40.0, commit="abc"), row("mutual", 1, 40.0, commit="abc")]
    assert "commit" not in said(tmp_path, rows)
    text = said(tmp_path, [*rows, row("no_peer", 0, 40.0, commit="def")])
    assert "different commits (abc: 2, def: 1)" in text


def test_other_numbers_of_threads(tmp_path: Path) -> None:
    rows = [row("mutual", 0, 40.0, threads=1), row("mutual", 1, 40.0, threads=1), row("no_peer", 0, 40.0)]
    assert "threads" not in said(tmp_path, rows)
    rows.append(row("no_peer", 1, 40.0, threads=2))
    assert "different numbers of threads (1: 2, 2: 1)" in said(tmp_path, rows)


def test_claims_on_test_are_said_and_fit_80_columns(tmp_path: Path) -> None:
    rows = [
        row(label, seed, 40.0 + seed, test_miou=38.0 + seed)
        for label in ("labels_only", "mutual")
        for seed in (0, 1)
    ]
    rows[0]["test_reason"] = "It is broken; mend it."
    record = write_record(tmp_path, SETTINGS, rows, asked=[line["run"] for line in rows], part="test")
    text = table_text(record)
    assert max(map(len, text.splitlines())) <= 80
    assert "38.50 ± 1.00" in text
    assert any(line.strip().startswith("labels_only ") for line in text.splitlines())  # no name is cut
    whole = " ".join(text.split())
    assert "gain: over labels_only, in test." in whole
    assert "ahead or behind where it is so in test on" in whole
    assert "no score on test: runs/labels_only-6-s0: It is broken; mend it." in whole


def test_a_mean_on_test_over_fewer_seeds_is_said(tmp_path: Path) -> None:
    rows = [row(label, seed, 40.0, test_miou=39.0) for label in ("labels_only", "mutual") for seed in (0, 1)]
    assert "fewer seeds" not in said(tmp_path, rows, part="test")
    del rows[3]["test_miou"]
    assert "test is over fewer seeds than last: mutual (6 labeled) [0]." in said(tmp_path, rows, part="test")
    assert "fewer seeds" not in said(tmp_path, [*rows[:1], row("mutual", 0, 40.0)])  # never asked for
