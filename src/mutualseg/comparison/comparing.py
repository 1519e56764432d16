"""`compare`: everything is looked at first, then run after run; what is known is written after each."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutualseg.comparison.additions import merge_settings
from mutualseg.comparison.amounts import Amount, digest
from mutualseg.comparison.plan import PlannedRun, plan
from mutualseg.comparison.plot import draw_plot
from mutualseg.comparison.record import read_record, variants_in, write_record
from mutualseg.comparison.running import Train, perform, state_of
from mutualseg.comparison.sample_pictures import draw_samples
from mutualseg.comparison.shared import Shared
from mutualseg.comparison.tables import table_markdown
from mutualseg.comparison.variants import Variant, find_aliases
from mutualseg.data.folder import DataFolder
from mutualseg.engine.processes import place_from
from mutualseg.engine.signals import LateSignal
from mutualseg.errors import ConfigError, DataError, Interrupted
from mutualseg.networks.build import NetworkConfig, build_segmenter
from mutualseg.reporting.console import RunConsole
from mutualseg.scoring import score_run

_ADVICE = "; what was trained is saved, so call the same command again to go on"


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
    before = read_record(out)
    now = {
        **shared.to_record(),
        **base,
        "classes": list(source.classes),
        "val": digest(amounts[0].split.val),
        "labeled": {str(amount.images): amount.facts() for amount in amounts},
        "variants": {variant.label: variant.arguments() for variant in variants},
    }
    settings = merge_settings(None if before is None else before["settings"], now, out)
    distinct, aliases = find_aliases(variants_in(settings))
    asked = {aliases.get(variant.label, variant.label) for variant in variants}
    runs = plan([variant for variant in distinct if variant.label in asked], amounts, seeds)
    build_segmenter(  # weights that cannot be had must not fail every run
        NetworkConfig(shared.network, shared.encoder, source.num_classes), weights=shared.weights
    )
    rows = {} if before is None else {row["run"]: row for row in before["runs"]}
    rows |= {run.row()["run"]: state_of(run, out, rows.get(run.row()["run"])) for run in runs}
    return Comparison(out, shared, source, amounts, runs, {**settings, "aliases": aliases}, rows)


def perform_all(comparison: Comparison, train: Train, *, split: str) -> dict[str, Any]:
    """Train what is not finished, and return and write the record.

    Raises:
        Interrupted: a signal came; the run that was going on has saved.
    """
    console = RunConsole(quiet=comparison.shared.quiet)
    record = _write(comparison)
    late = LateSignal()
    with _signals_to(late):
        for index, run in enumerate(comparison.runs, start=1):
            place = run.row()["run"]
            if comparison.rows[place]["status"] != "finished":
                console.say(f"run {index} of {len(comparison.runs)}: {run.name}")
                comparison.rows[place] = perform(run, comparison.out, comparison.shared, train)
            row = comparison.rows[place]
            if split == "test" and row["status"] == "finished" and "test_miou" not in row:
                # Only the deployed network is saved, so this is its score, even where another one counts.
                scores = score_run(comparison.out / place, data=None, part="test", window=None, quiet=True)
                row["test_miou"] = scores["miou"]
            record = _write(comparison)
            if row["status"] == "failed":
                console.say(f"{run.name} failed: {row['reason']}")
            if late.received is not None:
                raise Interrupted(signal.Signals(late.received).name)
        _draw(comparison, record)
    return record


def _write(comparison: Comparison) -> dict[str, Any]:
    record = write_record(comparison.out, comparison.settings, list(comparison.rows.values()))
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


@contextmanager
def _signals_to(receiver: LateSignal) -> Iterator[None]:
    """Let signals stop the comparison in order, between runs too."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, receiver)
    try:
        yield
    except Interrupted as stopped:
        stopped.advice = _ADVICE
        raise
    except KeyboardInterrupt:  # a second one, during a step
        late = Interrupted(signal.SIGINT.name)
        late.advice = _ADVICE
        raise late from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
