"""`mutualseg compare --split test`: looked at first, and of the network that counts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mutualseg.comparison import on_test, running
from mutualseg.errors import MaskError
from mutualseg.evaluation.network_scores import evaluate_networks
from tests.command.conftest import Command
from tests.command.made import SMALL, flags

pytestmark = pytest.mark.slow

SHORT: dict[str, Any] = {**SMALL, "steps": 2, "evaluate_every": 2, "split": "test"}


@pytest.fixture
def tested(data: Path, tmp_path: Path) -> Path:
    """Return data whose test part is its val part again."""
    root = tmp_path / "data"
    shutil.copytree(data, root)
    for folder in ("images", "masks"):
        shutil.rmtree(root / folder / "test")
        shutil.copytree(root / folder / "val", root / folder / "test")
    return root


def _rows(out: Path) -> dict[str, dict[str, Any]]:
    record = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    return {row["run"].removeprefix("runs/"): row for row in record["runs"]}


def test_bad_test_mask_costs_no_training(tested: Path, tmp_path: Path, command: Command) -> None:
    mask = tested / "masks/test/01.png"
    mask.write_bytes(b"no image")
    outcome = command("compare", "--data", tested, "--out", "cmp", *flags(SHORT))
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert str(mask) in outcome.err
    assert not (tmp_path / "cmp").exists()


@pytest.mark.parametrize("role", ["student_a", "teacher_a"])
def test_the_network_that_counts_on_val_is_scored(
    role: str, tested: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "counted_network", lambda *others: role)
    words = ("compare", "--data", tested, "--out", "cmp", "--methods=labels_only", "--seeds=0")
    outcome = command(*words, *flags(SHORT))
    assert outcome.code == 0, outcome
    row = _rows(tmp_path / "cmp")["labels_only-5-s0"]
    assert (row["counted"], row["test_network"]) == (role, role)
    assert row["test_miou"] == row["miou"] == row["networks"][role]
    assert len(set(row["networks"].values())) == 2
    summary = json.loads((tmp_path / "cmp" / row["run"] / "summary.json").read_text(encoding="utf-8"))
    assert (summary["test"]["network"], summary["test"]["miou"]) == (role, row["test_miou"])
    assert summary["test"]["per_class_iou"] == summary["networks_per_class_iou"][role]


def test_run_without_a_score_on_test_is_listed_and_tried_again(
    tested: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[dict[str, Any]] = []

    def fail_once(*arguments: Any, **options: Any) -> Any:
        calls.append(options)
        if len(calls) == 1:
            raise MaskError("A mask was spoiled; mend it.")
        return evaluate_networks(*arguments, **options)

    monkeypatch.setattr(on_test, "evaluate_networks", fail_once)
    words = ("compare", "--data", tested, "--out", "cmp", "--methods=labels_only,mutual", "--seeds=0")
    outcome = command(*words, *flags(SHORT))
    assert outcome.code == 1
    assert "no score on test: runs/labels_only-5-s0: A mask was spoiled" in outcome.out
    first, second = _rows(tmp_path / "cmp").values()
    assert (first["status"], first["test_reason"]) == ("finished", "A mask was spoiled; mend it.")
    assert second["test_miou"] is not None
    assert {(call["device"], call["precision"]) for call in calls} == {("cpu", "32")}
    again = command(*words, *flags(SHORT))
    assert (again.code, len(calls)) == (0, 3)
    first, second = _rows(tmp_path / "cmp").values()
    assert "test_reason" not in first
    record = json.loads((tmp_path / "cmp/comparison.json").read_text(encoding="utf-8"))
    lead = second["test_miou"] - first["test_miou"]
    assert record["table"][1]["gain"] == record["verdicts"][0]["lead"] == pytest.approx(lead, abs=1e-4)


def test_counted_weights_that_are_gone(
    tested: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "counted_network", lambda *others: "student_a")
    words = ("compare", "--data", tested, "--out", "cmp", "--methods=labels_only", "--seeds=0")
    assert command(*words, *flags(SHORT, split="val")).code == 0
    checkpoint = tmp_path / "cmp/runs/labels_only-5-s0/checkpoints/last.ckpt"
    checkpoint.write_bytes(b"cut short")
    for said in ("cannot be read; delete the run", "is not there; delete the run"):
        outcome = command(*words, *flags(SHORT))
        assert outcome.code == 1
        assert said in _rows(tmp_path / "cmp")["labels_only-5-s0"]["test_reason"]
        checkpoint.unlink(missing_ok=True)
