"""`mutualseg compare` in a folder that is not as the last call left it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mutualseg.cli import main
from mutualseg.comparison import comparing
from mutualseg.comparison.lock import locked
from tests.command.conftest import Command
from tests.command.made import SMALL, flags

pytestmark = pytest.mark.slow

SHORT: dict[str, Any] = {**SMALL, "steps": 2, "evaluate_every": 2, "seeds": 0}


@pytest.fixture(scope="module")
def before(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished comparison of two methods, to read."""
    out = tmp_path_factory.mktemp("compared_before") / "compared_before"
    words = ["compare", "--data", str(data), "--out", str(out), "--quiet", *flags(SHORT)]
    assert main([*words, "--methods", "labels_only,mutual"]) == 0
    return out


@pytest.fixture
def words(before: Path, data: Path, tmp_path: Path) -> tuple[object, ...]:
    """Return the words of a call in a copy of it, `cmp`, that asks for one of its methods."""
    shutil.copytree(before, tmp_path / "cmp")
    return ("compare", "--data", data, "--out", "cmp", "--methods=labels_only", *flags(SHORT))


def _change(out: Path, *keys: str, value: Any) -> None:
    record = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    inner = record
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    (out / "comparison.json").write_text(json.dumps(record), encoding="utf-8")


def test_changed_default_of_a_method_not_asked_for(
    words: tuple[object, ...], tmp_path: Path, command: Command
) -> None:
    _change(tmp_path / "cmp", "settings", "variants", "mutual", "method", "burn_in", value=0.75)
    outcome = command(*words)
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "cmp was made with variants mutual.method.burn_in 0.75, not " in outcome.err
    assert "which is the default by now" in outcome.err


def test_second_compare_in_one_folder_is_refused(
    words: tuple[object, ...], tmp_path: Path, command: Command
) -> None:
    pytest.importorskip("fcntl")
    with locked(tmp_path / "cmp"):
        outcome = command(*words)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "Another compare is at work in --out cmp; let it end first" in outcome.err
    assert command(*words).code == 0


def test_record_that_another_compare_changed_is_not_replaced(
    words: tuple[object, ...], tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def after_another(out: Path) -> Iterator[None]:
        _change(out, "part", value="test")
        yield

    monkeypatch.setattr(comparing, "locked", after_another)
    outcome = command(*words)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "has just changed --out cmp; call the same command again" in outcome.err
    assert json.loads((tmp_path / "cmp/comparison.json").read_text(encoding="utf-8"))["part"] == "test"


def test_run_folder_that_was_deleted_costs_a_picture_only(
    words: tuple[object, ...], tmp_path: Path, command: Command
) -> None:
    out = tmp_path / "cmp"
    shutil.rmtree(out / "runs/mutual-5-s0")
    earlier = (out / "pictures.png").read_bytes()
    assert command(*words).code == 0
    assert (out / "pictures.png").read_bytes() != earlier
    assert not list(out.glob("*partial*"))


def test_run_with_a_file_of_the_users_is_left_alone(
    words: tuple[object, ...], tmp_path: Path, command: Command
) -> None:
    run = tmp_path / "cmp/runs/labels_only-5-s0"
    for name in ("config.yaml", "summary.json"):
        (run / name).unlink()
    (run / "mine.txt").write_text("")
    outcome = command(*words)
    assert outcome.code == 1
    assert "holds 'mine.txt', which no run wrote" in " ".join(outcome.out.split())
    (run / "mine.txt").unlink()
    assert command(*words).code == 0  # its checkpoint is of no use without its settings
