"""`compare`: everything is looked at first, then run after run; what is known is written after each."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutualseg import resolving
from mutualseg.comparison.additions import merge_settings
from mutualseg.comparison.amounts import Amount, digest
from mutualseg.comparison.lock import locked
from mutualseg.comparison.on_test import score_on_test
from mutualseg.comparison.plan import PlannedRun, plan
from mutualseg.comparison.plot import draw_plot
from mutualseg.comparison.record import read_record, stamp_of, variants_in, write_record
from mutualseg.comparison.running import Train, of_earlier_call, perform, state_of
from mutualseg.comparison.sample_pictures import draw_samples
from mutualseg.comparison.shared import Shared
from mutualseg.comparison.stopping import signals_to
from mutualseg.comparison.tables import table_markdown
from mutualseg.comparison.variants import Variant, find_aliases, resolved_again
from mutualseg.data.folder import DataFolder
from mutualseg.engine.processes import place_from
from mutualseg.engine.signals import LateSignal
from mutualseg.errors import ConfigError, DataError, Interrupted, RunError
from mutualseg.networks.build import NetworkConfig, build_segmenter
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder


@dataclass(frozen=True)
class Comparison:
    """What is compared, looked at and found possible."""

    out: Path
    shared: Shared
    source: DataFolder
    amounts: Sequence[Amount]
    runs: Sequence[PlannedRun]
    """Those that this call asks for."""
    settings: Mapping[str, Any]
    """For comparison.json, with what earlier calls asked for."""
    rows: dict[str, dict[str, Any]]
    """Row by run folder, those of earlier calls among them."""
    part: str
    """`val`, or `test` to score that too, and to base gains and verdicts on it."""
    stamp: bytes | None
    """Of the record that all this is made of."""


def prepare(
    *,
    out: Path,
    shared: Shared,
    source: DataFolder,
    variants: Sequence[Variant],
    amounts: Sequence[Amount],
    seeds: Sequence[int],
    base: Mapping[str, Any],
    split: str,
) -> Comparison:
    """Return a comparison, or refuse it; nothing is written.

    Args:
        out: its folder.
        shared: arguments of every run.
        source: the data.
        variants: what this call compares.
        amounts: numbers of labeled images.
        seeds: of the runs.
        base: the views and the optimization that variants start from.
        split: part of the data that is scored at the end.
    """
    if place_from(os.environ) is not None:
        raise ConfigError(
            "compare trains in one process at a time; start it without torchrun or SLURM tasks."
        )
    if split == "test" and not source.test:
        raise DataError(f"{source.root} has no test part with masks; leave out --split test.")
    stamp = stamp_of(out)
    before = read_record(out)
    again = resolved_again([] if before is None else before["settings"]["variants"], **base)
    now = {
        **shared.to_record(),
        **base,
        "classes": list(source.classes),
        "val": digest(amounts[0].split.val),
        "labeled": {str(amount.images): amount.facts() for amount in amounts},
        "variants": {variant.label: variant.arguments() for variant in (*again, *variants)},
    }
    settings = merge_settings(None if before is None else before["settings"], now, out)
    distinct, aliases = find_aliases(variants_in(settings))
    asked = {aliases.get(variant.label, variant.label) for variant in variants}
    runs = plan([variant for variant in distinct if variant.label in asked], amounts, seeds)
    if split == "test":
        resolving.refuse_bad_samples(source.test, source.num_classes)
    build_segmenter(  # weights that cannot be had must not fail every run
        NetworkConfig(shared.network, shared.encoder, source.num_classes), weights=shared.weights
    )
    known = {} if before is None else {row["run"]: row for row in before["runs"]}
    rows = {place: of_earlier_call(row, out) for place, row in known.items()}
    rows |= {run.place: state_of(run, out, known.get(run.place)) for run in runs}
    settings["aliases"] = aliases
    return Comparison(out, shared, source, amounts, runs, settings, rows, part=split, stamp=stamp)


def perform_all(comparison: Comparison, train: Train) -> dict[str, Any]:
    """Train what is not finished, and return and write the record.

    Raises:
        RunError: another process compares in the same folder.
        Interrupted: a signal came; the run that was going on has saved, unless it came twice.
    """
    out, rows = comparison.out, comparison.rows
    console = RunConsole(quiet=comparison.shared.quiet)
    late = LateSignal()
    with locked(out), signals_to(late):
        if stamp_of(out) != comparison.stamp:
            raise RunError(f"Another compare has just changed --out {out}; call the same command again.")
        record = _write(comparison)
        for index, run in enumerate(comparison.runs, start=1):
            if rows[run.place]["status"] != "finished":
                console.say(f"run {index} of {len(comparison.runs)}: {run.name}")
                rows[run.place] = perform(run, out, comparison.shared, train)
            row = rows[run.place]
            if comparison.part == "test" and row["status"] == "finished" and "test_miou" not in row:
                row |= score_on_test(row, RunFolder(out / run.place), comparison.source, comparison.shared)
            record = _write(comparison)
            if row["status"] == "failed":
                console.say(f"{run.name} failed: {row['reason']}")
            if "test_reason" in row:
                console.say(f"{run.name} has no score on test: {row['test_reason']}")
            if late.received is not None:
                raise Interrupted(signal.Signals(late.received).name)
        _draw(comparison, record)
    return record


def _write(comparison: Comparison) -> dict[str, Any]:
    record = write_record(
        comparison.out,
        comparison.settings,
        list(comparison.rows.values()),
        asked=[run.place for run in comparison.runs],
        part=comparison.part,
    )
    (comparison.out / "table.md").write_text(table_markdown(record), encoding="utf-8")
    return record


def _draw(comparison: Comparison, record: Mapping[str, Any]) -> None:
    draw_plot(record, comparison.out / "plot.png")
    draw_samples(
        record,
        comparison.amounts[0].split.val,
        comparison.source.classes,
        comparison.out,
        comparison.out / "pictures.png",
    )
