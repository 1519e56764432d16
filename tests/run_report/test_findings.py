"""What a reader is warned of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from mutualseg.data.split_file import SplitCounts
from mutualseg.evaluation.metrics import ConfusionMatrix
from mutualseg.run_report.bidi import isolated
from mutualseg.run_report.findings import Finding, find
from mutualseg.run_report.page import parts
from mutualseg.run_report.record import RunRecord
from mutualseg.run_report.val_images import ImageScore, ValScores

CLASSES = ("sky", "road", "tree")
SUMMARY: dict[str, Any] = {
    "miou": 50.0,
    "steps": 10,
    "per_class_iou": {"sky": 60.0, "road": 40.0, "tree": 50.0},
    "warnings": [],
    "notes": [],
}


def _record(
    summary: Mapping[str, Any] | None = SUMMARY, *, val: int = 40, config: Mapping[str, Any] | None = None
) -> RunRecord:
    return RunRecord(
        root=Path("runs/a"),
        name="a",
        config={"steps": 10, **(config or {})},
        config_lines=(),
        classes=CLASSES,
        split=SplitCounts(5, 9, val, 0, "part", ()),
        summary=summary,
        metrics=[{"step": 4.0}],
        monitor=[],
        curves={},
    )


def _found(counts: list[list[int]], *, holding: int = 40) -> ValScores:
    """Return scores of 40 images, of which some hold the class tree."""
    matrix = ConfusionMatrix(3)
    matrix.counts = torch.tensor(counts)
    images = [
        ImageScore(place, str(place), 50.0, 50.0, (0, 1, 2) if place < holding else (0, 1))
        for place in range(40)
    ]
    return ValScores(matrix.counts, matrix.scores(), images)


SOUND = [[60, 20, 20], [20, 60, 20], [20, 20, 60]]


def _texts(record: RunRecord, found: ValScores | None = None, **more: Any) -> list[tuple[str, str]]:
    known = {"leak": None, "no_pictures": None, **more}
    return [(kind, text) for kind, text in find(record, found, **known)]


def test_a_sound_run_has_none() -> None:
    found = _found(SOUND)
    assert _texts(_record({**SUMMARY, "miou": found.scores.miou}), found) == []


def test_class_never_predicted() -> None:
    counts = [[60, 40, 0], [20, 80, 0], [90, 10, 0]]
    ((kind, text), *_) = _texts(_record(), _found(counts))
    assert (kind, text) == ("warning", "Never predicted on the val images, though they hold it: tree.")


def test_class_without_iou_where_nobody_can_look() -> None:
    summary = {**SUMMARY, "per_class_iou": {"sky": 60.0, "road": 0.0, "tree": None}}
    texts = _texts(_record(summary), no_pictures="The data are gone.")
    assert texts == [
        ("warning", "Never named rightly on the val images: road."),
        ("note", "The data are gone."),
        ("note", "No val mask holds tree: the IoU is unknown, and no part of the mean."),
    ]


def test_names_from_right_to_left_keep_their_place_in_a_list() -> None:
    names = ("שמיים", "דרך", "road")
    summary = {**SUMMARY, "per_class_iou": dict.fromkeys(names, 0.0)}
    record = _record(summary)
    object.__setattr__(record, "classes", names)
    ((_, text),) = _texts(record)
    assert text == ("Never named rightly on the val images: \u2068שמיים\u2069, \u2068דרך\u2069, road.")


def test_names_of_any_script_are_texts_on_the_page() -> None:
    text = f"Never: {isolated('שמיים<b>')}, <i>road."
    drawn = str(parts().findings_list([Finding("warning", text)]))
    assert "Never: <bdi>שמיים&lt;b&gt;</bdi>, &lt;i&gt;road.</li>" in drawn
    assert "u2068" not in drawn


@pytest.mark.parametrize(("val", "warned"), [(1, True), (19, True), (20, False)])
def test_val_too_small(val: int, warned: bool) -> None:
    texts = [text for _, text in _texts(_record(val=val))]
    assert [text.startswith(f"The val part has {val} image") for text in texts] == [True] * warned


def test_class_in_too_few_val_images() -> None:
    texts = [text for kind, text in _texts(_record(), _found(SOUND, holding=2)) if kind == "warning"]
    assert texts == ["Too few val images hold these classes to trust their IoU: tree (2)."]


def test_collapse_leak_and_skips_are_passed_on() -> None:
    warnings = [{"step": 4, "kind": "few_kept", "message": "0.1% are sure."}]
    summary = {**SUMMARY, "warnings": warnings, "skipped_steps": 2, "notes": ["3 images were dropped."]}
    record = _record(summary)
    object.__setattr__(record, "skipped", ("x.png is cut short.",))
    texts = _texts(record, leak="2 training images are identical to images of val.")
    assert [kind for kind, _ in texts] == ["warning"] * 4 + ["note"]
    said = " ".join(text for _, text in texts)
    for part in ("Step 4: 0.1% are sure.", "identical to images of val", "2 of 10 steps", "x.png", "dropped"):
        assert part in said


def test_unfinished_runs_say_how_far_they_are() -> None:
    ((kind, text),) = _texts(_record(None))
    assert kind == "warning"
    assert "step 4 of 10" in text
    assert text.endswith("mutualseg train --resume runs/a")
    ((_, text),) = _texts(_record(config={"with_baseline": True}))
    assert "twin is not finished" in text


def test_commands_in_sentences_can_be_pasted() -> None:
    for record in (_record(None), _record(config={"with_baseline": True})):
        object.__setattr__(record, "root", Path("runs/r two"))
        ((_, text),) = _texts(record)
        assert text.endswith("mutualseg train --resume 'runs/r two'")


@pytest.mark.parametrize(
    ("kept", "true", "warned"), [(0.0, 2.0, True), (0.05, 2.0, False), (0.0, 0.4, False), (None, 2.0, False)]
)
def test_class_that_pseudo_labels_never_teach(kept: float | None, true: float, warned: bool) -> None:
    record = _record(config={"method": {"name": "mutual"}})
    row = {"step": 4.0, "kept": 80.0, "kept_share tree": kept, "true_share tree": true}
    object.__setattr__(record, "monitor", [row])
    texts = [text for _, text in _texts(record)]
    assert ["tree (0.00 % of the sure labels" in text for text in texts] == [True] * warned


METHOD = {"name": "mutual", "burn_in": 0.2, "ramp": 0.1, "cooldown": 0.2, "threshold": 0.9, "weight": 1.0}


def _row(step: int, kept: float | None, accuracy: float | None, **shares: float) -> dict[str, float | None]:
    known = {f"kept_share {name}": shares.get(name, 30.0) for name in CLASSES}
    true = {f"true_share {name}": 30.0 for name in CLASSES}
    return {"step": step, "kept": kept, "kept_accuracy": 90.0, "accuracy": accuracy, **known, **true}


def _watched(
    rows: list[dict[str, float | None]], summary: Mapping[str, Any] | None, **config: Any
) -> list[str]:
    record = _record(summary, config={"method": METHOD, "steps": 100, **config})
    object.__setattr__(record, "monitor", rows)
    return [text for kind, text in _texts(record) if kind == "warning" and text.startswith("Step ")]


def test_collapse_of_an_unfinished_run_is_read_from_its_table() -> None:
    sound, none = _row(20, 80.0, 70.0), _row(40, 0.0, 70.0)
    (text,) = _watched(
        [sound, none, {**none, "step": 60.0}], None
    )  # said when it appears, not while it lasts
    assert text.startswith("Step 40: 0.00% of the pseudo-labels on the val images are sure enough to teach; ")
    assert text.endswith("train again with --method.threshold 0.7, --method.burn_in 0.4 or more steps.")
    (text,) = _watched([sound, _row(40, 80.0, 70.0, tree=0.01)], None)
    assert text.startswith("Step 40: Class 'tree' is gone from the sure pseudo-labels")
    (text,) = _watched([sound, _row(40, 80.0, 50.0)], None)
    assert "50.0% of the pseudo-labels on the val images are right, and 70.0% were before" in text
    (text,) = _watched([sound, {"step": 40.0, "kept": 0.0}], None)  # a row that a kill cut short
    assert "0.00%" in text


def test_signs_are_those_that_training_would_have_said() -> None:
    none = _row(40, 0.0, 70.0)
    assert _watched([_row(20, 0.0, 70.0)], None) == []  # nothing teaches yet
    assert _watched([_row(20, 80.0, 70.0), _row(25, 0.0, 70.0)], None) == []  # not risen to its weight
    assert _watched([_row(20, 80.0, 70.0), _row(95, 0.0, 10.0)], None) == []  # ends on labels alone
    assert _watched([none], None, teachers={"run": "x"}) == []  # frozen
    assert _watched([none], None, method={"name": "labels_only"}) == []
    assert _watched([none], SUMMARY) == []  # it has watched by itself
    assert len(_watched([none], SUMMARY, guard="off")) == 1


def test_another_score_than_then_is_said() -> None:
    found = _found(SOUND)
    ((kind, text),) = _texts(_record(), found)
    assert kind == "note"
    assert f"{found.scores.miou:.2f}" in text
    assert "50.00" in text
