"""A comparison before its first run: everything is looked at, and nothing is written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutualseg import resolving
from mutualseg.comparison.additions import merge_settings
from mutualseg.comparison.amounts import Amount, digest, mask_digest
from mutualseg.comparison.in_hand import killed_run
from mutualseg.comparison.plan import PlannedRun, plan
from mutualseg.comparison.record import read_record, stamp_of, variants_in
from mutualseg.comparison.running import of_earlier_call, state_of
from mutualseg.comparison.shared import Shared
from mutualseg.comparison.variants import Variant, find_aliases, resolved_again
from mutualseg.data.folder import DataFolder
from mutualseg.engine.processes import place_from
from mutualseg.errors import ConfigError, DataError
from mutualseg.networks.build import NetworkConfig, build_segmenter


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
    killed: str | None
    """The run with which the system killed an earlier call; it is the last of `runs`."""


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
        base: the views, the optimization and the supervision that variants start from.
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
        "val_masks": mask_digest(amounts[0].split.val),
        "labeled": {str(amount.images): amount.facts() for amount in amounts},
        "variants": {variant.label: variant.arguments() for variant in (*again, *variants)},
    }
    settings = merge_settings(None if before is None else before["settings"], now, out)
    distinct, aliases = find_aliases(variants_in(settings))
    asked = {aliases.get(variant.label, variant.label) for variant in variants}
    runs = plan([variant for variant in distinct if variant.label in asked], amounts, seeds)
    killed = killed_run(out)
    runs.sort(key=lambda run: run.place == killed)
    if split == "test":
        resolving.refuse_bad_samples(source.test, source.num_classes, source.encoding)
    _try_networks(shared, distinct, source)
    known = {} if before is None else {row["run"]: row for row in before["runs"]}
    rows = {place: of_earlier_call(row, out) for place, row in known.items()}
    rows |= {run.place: state_of(run, out, known.get(run.place)) for run in runs}
    settings["aliases"] = aliases
    return Comparison(
        out, shared, source, amounts, runs, settings, rows, part=split, stamp=stamp, killed=killed
    )


def _try_networks(shared: Shared, variants: Sequence[Variant], source: DataFolder) -> None:
    """Build each kind of network once, so that what cannot be had or does not fit fails here."""
    decoders = {variant.method.get("decoder_b", "none") for variant in variants}
    for network in (shared.network, *sorted(decoders - {"none", shared.network})):
        config = NetworkConfig(network, shared.encoder, source.num_classes, shared.channels)
        build_segmenter(config, weights=shared.weights)
