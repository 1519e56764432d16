"""The content of the report of one run, for its template to lay out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mutualseg.engine.baseline import verdict_sentence
from mutualseg.methods import DISTILLATION
from mutualseg.run_report import commands, facts
from mutualseg.run_report.chosen_images import choose_images, scores_by_name
from mutualseg.run_report.class_scores import ClassRow, Totals, class_rows, true_shares
from mutualseg.run_report.confusion import draw_confusion
from mutualseg.run_report.curves_of_runs import class_shares, pseudo_label_charts, training_charts
from mutualseg.run_report.distilled import distilled_networks, in_millions
from mutualseg.run_report.findings import find
from mutualseg.run_report.legend import legend_of
from mutualseg.run_report.looking import Looked, own_pictures
from mutualseg.run_report.record import RunRecord
from mutualseg.run_report.tiles import Tile, sheet_tile

CHANCE = "One seed says little about differences of a point or two; mutualseg compare trains several of each."


def one_run_content(record: RunRecord, looked: Looked | None, no_pictures: str | None) -> dict[str, Any]:
    """Return everything that the page of one run shows, by name.

    Args:
        record: of the run.
        looked: its network on the val images; None if it could not look.
        no_pictures: why it could not.
    """
    found = None if looked is None else looked.found
    legend = legend_of(record, None if looked is None else looked.val.colors)
    chosen = [] if looked is None else choose_images([scores_by_name(looked.found.images)])
    rows = [] if looked is None else own_pictures(looked, chosen)
    return {
        "record": record,
        "title": _title(record),
        "findings": find(
            record, found, leak=None if looked is None else looked.val.leak, no_pictures=no_pictures
        ),
        "headline": headline(record),
        "verdict": verdict(record),
        "twin_command": None if not _could_have_twin(record) else commands.with_twin(record),
        "chance": CHANCE,
        "columns": _columns(record),
        "totals": _totals(record),
        "class_rows": _class_rows(record, [color for _, color in legend]),
        "networks": _networks(record),
        "distilled": distilled_networks(record),
        "pictures": rows,
        "ranked_images": 0 if looked is None else len(looked.found.images),
        "has_twin_pictures": any(len(row.tiles) > 4 for row in rows),
        "legend": legend,
        "confusion": None if found is None else draw_confusion(found.counts, record.classes),
        "training_charts": training_charts(record),
        "pseudo_label_charts": pseudo_label_charts(record),
        "class_shares": class_shares(record, [color for _, color in legend]),
        "sheets": _sheets(record),
        "data_facts": facts.data_facts(record),
        "training_facts": facts.training_facts(record),
        "version_facts": facts.version_facts(record),
        "commands": commands.commands_of(record),
    }


def headline(record: RunRecord) -> list[tuple[str, str, str]]:
    """Return the numbers that come first: what, value, and where it comes from."""
    summary = record.summary
    if summary is None:
        column = f"miou_{record.deployed}"
        if not record.metrics or record.metrics[-1].get(column) is None:
            return []
        row = record.metrics[-1]
        return [
            (
                "mIoU so far",
                f"{row[column]:.2f} %",
                f"{facts.role_in_words(record.deployed)}, step {row['step']:.0f}",
            )
        ]
    cards = [
        (
            "mIoU",
            f"{summary['miou']:.2f} %",
            f"{facts.role_in_words(record.deployed)}, last step, {summary.get('val_images', 'all')} images",
        )
    ]
    baseline = summary.get("baseline")
    if baseline is not None:
        where = f"{facts.role_in_words(baseline['counted'])} of its twin"
        cards.append(("labels only", f"{baseline['miou']:.2f} %", where))
        cards.append(("gain", f"{summary['gain']:+.2f}", "points of mIoU on this seed"))
    taught_by = summary.get("distilled_from")
    if taught_by is not None:
        cards.append(("run that taught it", f"{taught_by['miou']:.2f} %", f"mIoU, {taught_by['method']}"))
        size = in_millions(summary["parameters"])
        cards.append(
            ("parameters", size, f"of {in_millions(taught_by['parameters'])} of the run that taught")
        )
    cards.append(("pixel accuracy", f"{summary['pixel_accuracy']:.2f} %", "of val's labeled pixels"))
    cards.append(("best mIoU", f"{summary['miou_best']:.2f} %", "as choosing on val would have claimed"))
    cards.append(("time", facts.duration(float(summary["seconds"])), f"{summary['steps']} steps"))
    return cards


def verdict(record: RunRecord) -> str | None:
    """Return whether the unlabeled images helped, in a sentence; None if nobody knows."""
    summary = record.summary or {}
    if "baseline" not in summary or "gain" not in summary:
        return None
    sentence = verdict_sentence(summary)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _title(record: RunRecord) -> str:
    data = str(record.config.get("data", "")).rstrip("/").rpartition("/")[2]
    return f"{record.method} on {data}" if data else record.method


def _could_have_twin(record: RunRecord) -> bool:
    return (
        record.summary is not None
        and record.method not in ("labels_only", DISTILLATION)
        and not record.config.get("with_baseline")
    )


def _columns(record: RunRecord) -> list[str]:
    has_twin = "baseline" in (record.summary or {})
    return [record.method, "labels only"] if has_twin else [record.method]


def _totals(record: RunRecord) -> Totals:
    summary = record.summary or {}
    baseline = summary.get("baseline")
    return Totals(
        [summary.get("miou")] if baseline is None else [summary["miou"], baseline["miou"]],
        summary.get("gain"),
    )


def _class_rows(record: RunRecord, colors: Sequence[str]) -> list[ClassRow]:
    summary = record.summary
    if summary is None:
        return []
    several = [summary["per_class_iou"]]
    if "baseline" in summary:
        several.append(summary["baseline"]["per_class_iou"])
    return class_rows(record.classes, colors, several, true_shares(summary, record.monitor))


def _networks(record: RunRecord) -> list[tuple[str, float, float | None, bool]]:
    """Return name, mIoU at the last step, best mIoU, and whether it is the deployed one."""
    summary = record.summary
    if summary is None:
        return []
    best = summary.get("networks_best", {})
    return [
        (facts.role_in_words(role), miou, best.get(role), role == record.deployed)
        for role, miou in summary["networks"].items()
    ]


def _sheets(record: RunRecord) -> list[Tile]:
    newest = max(record.folder.pseudo_labels.glob("step_*.png"), default=None)
    found = [
        sheet_tile(
            "What the networks saw",
            record.folder.views,
            "Training crops: labeled ones with their masks, unlabeled ones in the weak view, in the strong "
            "view, and after CutMix, and which of their pixels count.",
        )
    ]
    if newest is not None:
        step = newest.stem.removeprefix("step_").lstrip("0")
        text = "Unlabeled crops, the pseudo-labels on them, and those of them that were sure enough to teach."
        found.append(sheet_tile(f"Pseudo-labels at step {step}", newest, text))
    return [tile for tile in found if tile is not None]
