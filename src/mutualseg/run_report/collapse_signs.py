"""Signs of collapse in the recorded evaluations, for runs whose own watch has left no word of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mutualseg.engine.collapse import Finding, Row, find_collapse, living_classes
from mutualseg.engine.collapse_cures import cure
from mutualseg.run_report.record import RunRecord
from mutualseg.schedules import unlabeled_weight


def collapse_signs(record: RunRecord) -> Iterator[str]:
    """Return a sentence for each sign, as training says it: when it appears, not while it lasts.

    `CollapseGuard` decides on the same numbers in the same order. Its words are in summary.json at the end;
    of a run that is not finished, or that was told not to watch, monitor.csv alone knows.
    """
    method = record.config.get("method")
    steps = record.config.get("steps")
    is_off = (
        record.method == "labels_only" or record.config.get("teachers") is not None
    )  # nothing can collapse
    if is_off or not isinstance(method, Mapping) or not isinstance(steps, int):
        return
    shares = [float(method.get(name, 0.0)) for name in ("burn_in", "ramp", "cooldown")]
    risen = (shares[0] + shares[1]) * steps
    reference: Row | None = None
    reference_step = 0
    alive: set[str] = set()
    before: list[tuple[str, str]] = []
    for recorded in record.monitor:
        step, row = int(recorded["step"] or 0), _complete(recorded, record.classes)
        latest = step - 1
        teaches = unlabeled_weight(latest, steps, *shares) > 0.0
        if not teaches and latest >= shares[0] * steps:
            continue  # it ends on labels alone
        if not teaches or reference is None:
            reference, reference_step = row, step
            alive = set(living_classes(row, record.classes))
        found: list[Finding] = []
        if teaches:
            found = find_collapse(
                row,
                reference,
                classes=record.classes,
                alive=alive,
                is_settled=latest >= risen,
                steps=step - reference_step,
            )
        for each in found:
            if (each.kind, each.class_name) not in before:
                yield f"Step {step}: {_sentence(each, record.config, method)}"
        before = [(each.kind, each.class_name) for each in found]
        alive |= set(living_classes(row, record.classes))


def _complete(row: Row, classes: tuple[str, ...]) -> Row:
    """Return a row in which nothing is missing: a kill may have cut it short."""
    shares = [f"{kind}_share {name}" for kind in ("kept", "true") for name in classes]
    return {**dict.fromkeys(["kept", "kept_accuracy", "accuracy", *shares]), **row}


def _sentence(finding: Finding, config: Mapping[str, Any], method: Mapping[str, Any]) -> str:
    supervision = config.get("supervision")
    weights = supervision.get("class_weights") if isinstance(supervision, Mapping) else None
    way = cure(finding, method, class_weights=weights)
    return f"{finding.fact[0].upper()}{finding.fact[1:]}; train again with {way}."
