"""The content of the report of several runs side by side, for its template to lay out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from mutualseg.evaluation.speed import parameter_count
from mutualseg.run_report import commands, facts
from mutualseg.run_report.chosen_images import choose_images, scores_by_name
from mutualseg.run_report.class_scores import Scores, Totals, class_rows, true_shares
from mutualseg.run_report.confusion import Confusion, draw_confusion
from mutualseg.run_report.curves_of_runs import compared_charts
from mutualseg.run_report.findings import Finding, find
from mutualseg.run_report.legend import legend_of
from mutualseg.run_report.looking import Looked, PictureRow, own_pictures, shared_pictures
from mutualseg.run_report.one_run import CHANCE, verdict
from mutualseg.run_report.record import RunRecord, counted_role
from mutualseg.run_report.same_images import different_val, scores_in_common

_FEW_RUNS = 3
"""Of more runs one image of each kind is shown, so that the page stays small."""


class Part(NamedTuple):
    """What a page of several runs says of one of them alone."""

    record: RunRecord
    findings: Sequence[Finding]
    verdict: str | None
    confusion: Confusion | None
    pictures: Sequence[PictureRow]
    """Its own, where runs are not of the same images."""
    legend: Sequence[tuple[str, str]]
    commands: Sequence[commands.Command]
    version_facts: facts.Facts


def several_runs_content(
    records: Sequence[RunRecord], looked: Sequence[Looked | None], reasons: Sequence[str | None]
) -> dict[str, Any]:
    """Return everything that the page of several runs shows, by name.

    Args:
        records: of the runs.
        looked: their networks on their val images; None of a run that could not look.
        reasons: why it could not.
    """
    able = [each for each in looked if each is not None]
    is_shared = len({record.classes for record in records}) == 1
    chosen = []
    if is_shared and able:
        of_each = 2 if len(records) <= _FEW_RUNS else 1
        chosen = choose_images(scores_in_common(able), of_each)
    legend = legend_of(records[0], able[0].val.colors if able and is_shared else None)
    colors = [color for _, color in legend]
    finished = [record for record in records if record.summary is not None]
    several = [_per_class(record) for record in finished]
    shares = true_shares(finished[0].summary, finished[0].monitor) if finished else {}
    return {
        "title": f"{len(records)} runs side by side",
        "records": records,
        "scores": [_score_row(record, own) for record, own in zip(records, looked, strict=True)],
        "different_val": different_val(records, looked) if is_shared else None,
        "has_other_networks": len({_network(record) for record in records}) > 1,
        "chance": CHANCE,
        "differences": facts.differing_settings(records),
        "columns": [record.name for record in finished],
        "totals": Totals([_miou(record) for record in finished], None),
        "class_rows": class_rows(records[0].classes, colors, several, shares)
        if is_shared and several
        else [],
        "legend": legend if is_shared else [],
        "is_shared": is_shared,
        "pictures": shared_pictures(able, chosen),
        "charts": compared_charts(records),
        "parts_of_runs": [
            _part(record, own, reason, with_pictures=not chosen)
            for record, own, reason in zip(records, looked, reasons, strict=True)
        ],
        "command": commands.report_of(records),
    }


def _part(record: RunRecord, looked: Looked | None, reason: str | None, *, with_pictures: bool) -> Part:
    found = None if looked is None else looked.found
    pictures: Sequence[PictureRow] = ()
    if looked is not None and with_pictures:
        pictures = own_pictures(looked, choose_images([scores_by_name(looked.found.images)], 1))
    return Part(
        record,
        find(
            record,
            found,
            leak=None if looked is None else looked.val.leak,
            no_pictures=reason,
            role=None if looked is None else looked.role,
            instead=None if looked is None else looked.instead,
        ),
        verdict(record),
        None if found is None else draw_confusion(found.counts, record.classes),
        pictures,
        legend_of(record, None if looked is None else looked.val.colors),
        commands.commands_of(record),
        facts.version_facts(record),
    )


def _network(record: RunRecord) -> str:
    return f"{record.config.get('network')} on {record.config.get('encoder')}"


def _score_row(record: RunRecord, looked: Looked | None) -> dict[str, Any]:
    summary = record.summary or {}
    rows = record.metrics
    role = counted_role(record)
    miou = _miou(record) if summary else rows[-1].get(f"miou_{role}") if rows else None
    return {
        "name": record.name,
        "method": record.method,
        "labeled": None if record.split is None else record.split.labeled,
        "unlabeled": None if record.split is None else record.split.unlabeled,
        "steps": f"{record.last_step} of {record.config.get('steps')}" if not summary else summary["steps"],
        "seed": record.config.get("seed"),
        "miou": miou,
        "network": facts.role_in_words(role),
        "architecture": _network(record),
        "parameters": summary.get("parameters")
        if looked is None
        else parameter_count(looked.predictor.network),
        "miou_best": summary.get("networks_best", {}).get(role, summary.get("miou_best")),
        "baseline": summary.get("baseline", {}).get("miou"),
        "gain": summary.get("gain"),
        "time": facts.duration(float(summary["seconds"])) if "seconds" in summary else None,
        "finished": bool(summary),
    }


def _miou(record: RunRecord) -> float | None:
    summary = record.summary
    return None if summary is None else float(summary["networks"].get(counted_role(record), summary["miou"]))


def _per_class(record: RunRecord) -> Scores:
    summary = record.summary or {}
    known: Scores = summary.get("networks_per_class_iou", {}).get(
        counted_role(record), summary["per_class_iou"]
    )
    return known
