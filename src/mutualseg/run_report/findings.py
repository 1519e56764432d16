"""What a reader should know before believing a report: warnings first, notes after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mutualseg.engine.collapse import GONE, LEAST_TRUE_SHARE
from mutualseg.run_report.bidi import isolated
from mutualseg.run_report.collapse_signs import collapse_signs
from mutualseg.run_report.facts import role_in_words
from mutualseg.run_report.record import RunRecord
from mutualseg.run_report.val_images import ValScores
from mutualseg.shell_lines import resume_line

OFF = "off"
"""`--guard off`: the run has not watched its pseudo-labels."""
_FEW_IMAGES = 20
"""With fewer val images one of them moves a score by more than most methods differ."""
_FEW_WITH_CLASS = 3
_MOST_NAMED = 5


class Finding(NamedTuple):
    """One thing to know."""

    kind: str
    """warning or note."""
    text: str


def find(
    record: RunRecord,
    found: ValScores | None,
    *,
    leak: str | None,
    no_pictures: str | None,
    role: str | None = None,
    instead: str | None = None,
) -> list[Finding]:
    """Return all that is to be said of a run, warnings first.

    Args:
        record: of the run.
        found: what its network scored when it looked again; None if it could not.
        leak: a warning of images that are trained on and scored.
        no_pictures: why there are no pictures; None if there are.
        role: of the network that looked; None: the deployed one.
        instead: why it is not the network that counts.
    """
    warnings = [Finding("warning", text) for text in _warnings(record, found, leak)]
    notes = [Finding("note", text) for text in _notes(record, found, no_pictures, role or record.deployed)]
    if instead is not None:
        shown = role_in_words(record.deployed)
        text = f"Pictures and confusion matrix are of {shown}, not of the score: {instead}"
        warnings.append(Finding("warning", text))
    return [*warnings, *notes]


def _warnings(record: RunRecord, found: ValScores | None, leak: str | None) -> Iterator[str]:
    summary = record.summary
    if summary is None:
        steps = record.config.get("steps", "?")
        yield (
            f"This run is not finished: its records end at step {record.last_step} of {steps}. "
            f"Go on with: {resume_line(record.root)}"
        )
    elif record.config.get("with_baseline") and "baseline" not in summary:
        yield f"Its labels-only twin is not finished. Go on with: {resume_line(record.root)}"
    if summary is None or record.config.get("guard") == OFF:
        yield from collapse_signs(record)
    for each in (summary or {}).get("warnings", ()):
        yield f"Step {each['step']}: {each['message']}"
    if leak is not None:
        yield leak
    yield from _about_classes(record, found)
    untaught = _untaught(record)
    if untaught:
        yield f"Pseudo-labels hardly ever teach these classes: {_few(untaught)}."
    val = record.split.val if record.split is not None else (summary or {}).get("val_images")
    if val is not None and val < _FEW_IMAGES:
        yield (
            f"The val part has {val} image{'s' if val > 1 else ''}: with so few, scores move by points from "
            "one choice of images to another."
        )
    if summary is not None and summary.get("skipped_steps"):
        yield (
            f"{summary['skipped_steps']} of {summary['steps']} steps were skipped, since their loss or "
            f"gradient was not finite; {record.folder.bad_batches} has the first of them."
        )
    if record.skipped:
        count = len(record.skipped)
        yield f"{count} image{'s were' if count > 1 else ' was'} skipped, such as: {record.skipped[0]}"


def _about_classes(record: RunRecord, found: ValScores | None) -> Iterator[str]:
    """Say which classes are never predicted, or of which val knows little."""
    names = record.classes
    if found is not None:
        never = (found.counts.sum(0) == 0) & (found.counts.sum(1) > 0)
        lost = [names[index] for index in never.nonzero().flatten().tolist()]
        if lost:
            yield f"Never predicted on the val images, though they hold {_them(lost)}: {_few(lost)}."
        holding = [sum(index in image.classes for image in found.images) for index in range(len(names))]
        rare = [
            f"{isolated(name)} ({count})"
            for name, count in zip(names, holding, strict=True)
            if 0 < count < _FEW_WITH_CLASS and len(found.images) >= _FEW_IMAGES
        ]
        if rare:
            yield f"Too few val images hold these classes to trust their IoU: {_few(rare)}."
        return
    per_class = (record.summary or {}).get("per_class_iou", {})
    zero = [name for name, value in per_class.items() if value == 0]
    if zero:
        yield f"Never named rightly on the val images: {_few(zero)}."


def _untaught(record: RunRecord) -> list[str]:
    """Return the classes that are gone from the sure labels at the last evaluation, or never were there."""
    if record.method == "labels_only" or not record.monitor or not record.monitor[-1].get("kept"):
        return []
    last, found = record.monitor[-1], []
    for name in record.classes:
        kept, true = last.get(f"kept_share {name}"), last.get(f"true_share {name}")
        if kept is not None and true is not None and true >= LEAST_TRUE_SHARE and kept < GONE * true:
            found.append(f"{isolated(name)} ({kept:.2f} % of the sure labels, {true:.2f} % of the pixels)")
    return found


def _notes(record: RunRecord, found: ValScores | None, no_pictures: str | None, role: str) -> Iterator[str]:
    summary = record.summary or {}
    if no_pictures is not None:
        yield no_pictures
    absent = [name for name, value in summary.get("per_class_iou", {}).items() if value is None]
    if absent:
        yield f"No val mask holds {_few(absent)}: the IoU is unknown, and no part of the mean."
    then = summary.get("networks", {}).get(role, summary.get("miou"))
    if summary.get("select") == "best" and role == record.deployed:
        yield (
            "--select best: the deployed network is that of the best evaluation on val, so what it scores "
            "there flatters it; the table of classes is of the last step."
        )
    elif found is not None and abs(found.scores.miou - then) > 0.05:
        yield (
            f"Looked at again for this report, the network has an mIoU of {found.scores.miou:.2f} on the val "
            f"images in place of {then:.2f}: another device, other precision, or changed data."
        )
    yield from summary.get("notes", record.split.notes if record.split is not None else ())


def _them(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _few(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(isolated(name) for name in names[:_MOST_NAMED]) + (
        f" and {more} more" if more > 0 else ""
    )
