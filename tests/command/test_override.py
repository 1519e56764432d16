"""`--resume` beside other options: refused, unless `--override` names them and they can change."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import mutualseg
from mutualseg.engine.run_state import read_saved
from tests.command.conftest import Command
from tests.command.made import SMALL, flags, write_data

pytestmark = pytest.mark.slow

RUN: dict[str, Any] = {**SMALL, "steps": 3, "evaluate_every": 1, "checkpoint_every": 1, "method": "fixmatch"}


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run of 3 steps."""
    run = tmp_path_factory.mktemp("override") / "run"
    mutualseg.train(str(data), out=str(run), quiet=True, **RUN)
    return run


@pytest.fixture
def stopped(trained: Path, tmp_path: Path) -> Path:
    """Return a copy of it as it was after 2 steps."""
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    (run / "summary.json").unlink()
    (run / "checkpoints/last.ckpt").unlink()
    return run


def _config(run: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    return read


def _edit(run: Path, before: str, now: str) -> None:
    path = run / "config.yaml"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, now), encoding="utf-8")


REFUSED = [
    ("--seed 1", "--seed 1 contradicts the run in run (0)"),
    ("--batch 8 --override steps --steps 5", "--batch 8 contradicts"),
    ("--compile true", "--compile True contradicts"),
    ("--method.threshold 0.5", "name it to change it, --override method.threshold"),
    ("--method cps", "--method.name cps contradicts the run in run (fixmatch)"),
    ("--unlabeled elsewhere", "leave the option out (the run's split.json says"),
    ("--override steps", "--override steps names an option that is not given, or is as it was (3)"),
    ("--override seed --seed 0", "--override seed names an option that is not given, or is as it was"),
    ("--override stepz --steps 5", "There is no setting 'stepz' to override; did you mean 'steps'?"),
    ("--override network --network dpt", "--override network cannot be: the checkpoint holds other"),
    ("--override method.name --method cps", "--override method.name cannot be"),
    ("--override labeled --labeled 3", "split.json says which images"),
    ("--override with-baseline --with-baseline", "a baseline begins with its run"),
    ("--override budget --budget 5min", "a run is made of steps once it has begun: name those"),
    ("--override steps --steps 2", "--steps 2 is past: run is at step 2 already"),
    ("--override steps --steps 0", "--steps 0 is too small"),
    ("--override batch --batch 1", "--batch 1 is too small"),
    ("--override crop --crop 2000", "more than twice the images' median short side"),
    ("--override method.ema --method.ema 5", "--method.ema is 5.0"),
    ("--override select --select best", "no network of the evaluations so far was kept"),
]


def test_refused_in_one_sentence(stopped: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = read_saved(stopped / "checkpoints/previous.ckpt")  # once: it takes most of a refusal's time
    monkeypatch.setattr("mutualseg.engine.resuming.read_saved", lambda _: saved)
    monkeypatch.setattr("mutualseg.engine.resuming.drop_damaged_checkpoints", lambda *_: None)
    before = {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()}
    for words, said in REFUSED:
        outcome = command("train", "--resume", "run", *words.split())
        assert (outcome.code, outcome.out) == (2, ""), (words, outcome)
        assert said in outcome.err
        assert len(outcome.err.splitlines()) == 1
    assert {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("words", [("--resume", "run"), ("--out", "new", "--data", "data")])
def test_override_belongs_to_resume(words: tuple[str, ...], stopped: Path, command: Command) -> None:
    if "--resume" in words:
        assert "names an option" in command("train", *words, "--override", "seed").err
    else:
        assert "--override is for --resume" in command("train", *words, "--override", "seed").err


def test_named_options_change_and_are_kept(stopped: Path, command: Command) -> None:
    words = ("--override", "steps,method.threshold", "--override", "optimization.decoder-rate")
    values = ("--steps", 5, "--method.threshold", 0.25, "--optimization.decoder_rate", 2e-3, "--workers", 1)
    outcome = command("train", "--resume", "run", *words, *values)
    assert outcome.code == 0, outcome
    for said in ("steps: 3 -> 5 (overridden)", "method.threshold: 0.95 -> 0.25 (overridden)"):
        assert said in outcome.err
    assert "workers: 0 -> 1\n" in outcome.err
    config = _config(stopped)
    assert (config["steps"], config["method"]["threshold"], config["workers"]) == (5, 0.25, 1)
    assert config["optimization"]["decoder_rate"] == 2e-3
    rows = (stopped / "metrics.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows] == ["step", "1", "2", "3", "4", "5"]
    held = torch.load(stopped / "checkpoints/last.ckpt", weights_only=True)
    assert held["global_step"] == 5
    assert json.loads(held["callbacks"]["mutualseg_run"]["settings"])["steps"] == 5
    again = command("train", "--resume", "run")
    assert (again.code, "finished already" in again.err) == (0, True)

    longer = command("train", "--resume", "run", "--override", "steps", "--steps", 6)
    assert longer.code == 0, longer
    assert json.loads((stopped / "summary.json").read_text())["steps"] == 6
    assert (stopped / "metrics.csv").read_text().startswith("\n".join(rows))
    useless = command("train", "--resume", "run", "--override", "seed", "--seed", 3)
    assert (useless.code, "is finished after 6 steps" in useless.err) == (2, True)


def test_an_overridden_run_that_is_stopped_before_it_saves_goes_on(
    stopped: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mutualseg.engine.training.Training.training_step", stop)
        words = ("--override", "steps", "--steps", 4)
        assert command("train", "--resume", "run", *words).code == 130
    assert command("train", "--resume", "run").code == 0
    assert json.loads((stopped / "summary.json").read_text())["steps"] == 4


def test_settings_edited_by_hand_are_seen(stopped: Path, command: Command) -> None:
    _edit(stopped, "\nbatch: 2", "\nbatch: 4")
    _edit(stopped, "workers: 0", "workers: 1")  # changes no result
    refused = command("train", "--resume", "run")
    assert refused.code == 2
    assert "has batch: 4, but the run was trained with 2 so far; restore it, or name it" in refused.err
    _edit(stopped, "encoder: mobilenetv3_small_050", "encoder: resnet18")
    assert "has encoder: resnet18, but" in command("train", "--resume", "run", "--override", "batch").err
    _edit(stopped, "encoder: resnet18", "encoder: mobilenetv3_small_050")
    taken = command("train", "--resume", "run", "--override", "batch")
    assert taken.code == 0, taken
    assert "batch: 2 -> 4 (overridden)" in taken.err


IMPOSSIBLE = [
    ("steps: 3", "steps: many", "steps is 'many'"),
    ("batch: 2\n", "batch: -3\n", "--batch -3 is too small"),
    ("seed: 0", "seed: [1]", "seed is '[1]'"),
    ("  threshold: 0.95", "  threshold: high", "--method.threshold is 'high'"),
    ("  name: fixmatch", "  name: fixmutch", "There is no method 'fixmutch'"),
    ("  name: fixmatch", "  nome: fixmatch", "'method.name'"),
    ("select: last", "select: first", "--select first is unknown; give last or best"),
    ("checkpoint_every: 1", "checkpoint_every: soon", "--checkpoint-every soon is no duration"),
    ("  optimizer: adamw", "  optimizer: adam", "optimizer"),
    ("method:\n", "methods:\n", "'method"),
]


def test_values_that_cannot_be_end_in_one_sentence(stopped: Path, command: Command) -> None:
    whole = (stopped / "config.yaml").read_text(encoding="utf-8")
    for before, now, said in IMPOSSIBLE:
        _edit(stopped, before, now)
        outcome = command("train", "--resume", "run")
        assert outcome.code == 2, (now, outcome)
        assert said in outcome.err
        assert "config.yaml" in outcome.err
        assert len(outcome.err.splitlines()) == 1
        (stopped / "config.yaml").write_text(whole, encoding="utf-8")


def test_a_changed_split_is_refused(stopped: Path, command: Command) -> None:
    split = stopped / "split.json"
    content = json.loads(split.read_text())
    content["unlabeled"].pop()
    split.write_text(json.dumps(content))
    outcome = command("train", "--resume", "run")
    assert (outcome.code, "has changed since the run began" in outcome.err) == (2, True)


def test_the_same_command_goes_on_or_begins(data: Path, stopped: Path, command: Command) -> None:
    """With `auto` and a budget too, which are no contradictions of what they became."""
    words = ("--data", data, *flags(RUN, precision="auto", steps=None, cache="auto"), "--budget", "5min")
    other = command("train", *words, "--out", "run", "--resume")
    assert (other.code, "--budget 5min contradicts the run in run (3 steps)" in other.err) == (2, True)
    _edit(stopped, "data: ", "# --budget 5min is 3 steps: 0.1 s a step\ndata: ")
    goes_on = command("train", *words, "--out", "run", "--resume")
    assert goes_on.code == 0, goes_on
    preset = command("train", "--config", stopped / "config.yaml", "--out", "run", "--resume")
    assert (preset.code, "finished already" in preset.err) == (0, True)
    begins = command("train", "--data", data, *flags(RUN, steps=1), "--out", "fresh", "--resume")
    assert begins.code == 0, begins
    nothing = command("train", "--resume", "nowhere", "--data", data)
    assert (nothing.code, "is no run folder" in nothing.err) == (2, True)


def test_changed_files_are_named(tmp_path: Path, command: Command) -> None:
    data = write_data(tmp_path / "own")
    words = ("--data", data, *flags(RUN, steps=2), "--out", "run")
    assert command("train", *words).code == 0
    (tmp_path / "run/summary.json").unlink()
    (tmp_path / "run/checkpoints/last.ckpt").unlink()
    assert "changed since" not in command("train", "--resume", "run").err
    (tmp_path / "run/summary.json").unlink()
    later = time.time() + 60
    os.utime(data / "masks/train/01.png", (later, later))
    os.utime(data / "images/train/08.png", (later, later))
    outcome = command("train", "--resume", "run")
    assert outcome.code == 0
    said = " ".join(outcome.err.split())
    assert f"note: 2 files have changed since the run began (first: {data}/images/train/08.png)" in said


def _words_to_others(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make this process the first of two that torchrun started, and return what it says and hears."""
    said: list[str] = []

    def share(word: str) -> str:
        said.append(word)
        return word

    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("mutualseg.engine.resuming.connect", lambda *_: said.append("connects"))
    monkeypatch.setattr("mutualseg.engine.resuming.same_everywhere", share)
    return said


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("--override workers --workers 4", 0, ["connects", "finished"]),
        ("--override steps", 2, ["connects", ""]),
        ("--override stepz --steps 9", 2, ["connects", ""]),
        ("--workers 4", 0, []),
    ],
)
def test_the_first_process_always_tells_the_others_how_it_goes_on(
    words: str, code: int, told: list[str], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mutualseg.cli import main

    shutil.copytree(trained, tmp_path / "run")
    said = _words_to_others(monkeypatch)
    assert main(["train", "--resume", "run", *words.split()]) == code
    assert said == told


@pytest.mark.parametrize("word", ["finished", ""])
def test_other_processes_hear_that_there_is_nothing_to_train(
    word: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained, tmp_path / "run")
    _words_to_others(monkeypatch)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr("mutualseg.engine.resuming.same_everywhere", lambda _: word)
    if word:
        assert mutualseg.train(resume="run", workers=4, override="workers", quiet=True)["steps"] == 3
    else:
        with pytest.raises(mutualseg.errors.RunError, match="The first process could not go on with run"):
            mutualseg.train(resume="run", steps=9, override="steps", quiet=True)


SUMMARY = {
    "select": "last",
    "deployed": "student_a",
    "miou": 50.0,
    "miou_best": 50.0,
    "steps": 3,
    "seconds": 1.0,
}


def test_an_override_cut_short_can_be_given_again(
    trained: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of its writes is the last: the new settings never stand beside the old result."""

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    shutil.copytree(trained, tmp_path / "run")
    words = ("train", "--resume", "run", "--override", "steps", "--steps", 4)
    with monkeypatch.context() as patch:
        patch.setattr("mutualseg.engine.changes.write_overridden", stop)
        assert command(*words).code == 130
    assert not (tmp_path / "run/summary.json").exists()
    assert _config(tmp_path / "run")["steps"] == 3
    monkeypatch.setattr("mutualseg.engine.resuming.run_training", lambda *_, **__: SUMMARY)
    again = command(*words)
    assert "steps: 3 -> 4 (overridden); rates, ramp and cooldown" in " ".join(again.err.split())


def test_other_data_are_said_aloud(
    data: Path, stopped: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = stopped.parent / "moved"
    shutil.copytree(data, moved)
    with (moved / "images/train/03.png").open("ab") as file:
        file.write(b"\0")
    monkeypatch.setattr("mutualseg.engine.resuming.run_training", lambda *_, **__: SUMMARY)
    outcome = command("train", "--resume", "run", "--override", "data", "--data", moved)
    said = " ".join(outcome.err.split())
    assert "files of the same names count as the same" in said
    assert f"note: 1 file has another size than in {data} (first: {moved}/images/train/03.png)" in said
