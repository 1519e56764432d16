"""`mutualseg compare` on a few small pictures, in this process."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
from PIL import Image

import mutualseg
from mutualseg.cli import main
from mutualseg.comparison import running
from mutualseg.engine.signals import Signals
from mutualseg.errors import TrainingError
from tests.command.conftest import Command
from tests.command.made import SMALL, flags

pytestmark = pytest.mark.slow

TWO = ("--methods", "labels_only,mutual", "--labeled", "3", "4", "--seeds", "0", "1")
SHORT: dict[str, Any] = {**SMALL, "steps": 2, "evaluate_every": 1}


def _record(out: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    return read


def _statuses(out: Path) -> dict[str, str]:
    return {row["run"].removeprefix("runs/"): row["status"] for row in _record(out)["runs"]}


@pytest.fixture(scope="module")
def compared(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished comparison of two methods, two amounts and two seeds, to read."""
    out = tmp_path_factory.mktemp("compared") / "compared"
    assert main(["compare", "--data", str(data), "--out", str(out), "--quiet", *TWO, *flags(SHORT)]) == 0
    return out


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the runs that are trained from here on."""
    names: list[str] = []
    original = running._train

    def remember(planned: Any, *others: Any) -> None:
        names.append(planned.name)
        original(planned, *others)

    monkeypatch.setattr(running, "_train", remember)
    return names


def test_everything_is_trained_in_order_and_written(compared: Path) -> None:
    record = _record(compared)
    assert [row["run"] for row in record["runs"]] == [
        f"runs/{label}-{images}-s{seed}"
        for seed in (0, 1)
        for images in (3, 4)
        for label in ("labels_only", "mutual")
    ]
    for row in record["runs"]:
        summary = json.loads((compared / row["run"] / "summary.json").read_text(encoding="utf-8"))
        assert (row["status"], row["steps"], row["networks"]) == ("finished", 2, summary["networks"])
        assert summary["optimization"]["encoder_rate"] == 2e-4  # that of an encoder that was not measured
        assert row["miou"] == summary["networks"][row["counted"]]
        assert row["miou_best"] >= row["miou"]
        assert summary["peak_memory_mb"] is None or row["peak_memory_mb"] > 100
        if row["method"] == "labels_only":
            assert row["miou"] == max(row["networks"].values())
        else:
            assert row["counted"] == summary["deployed"]
    assert (record["champion"], record["settings"]["steps"]) == ("mutual", 2)
    assert [(line["labeled_images"], line["label"], line["seeds"]) for line in record["table"]] == [
        (images, label, [0, 1]) for images in (3, 4) for label in ("labels_only", "mutual")
    ]
    assert len(record["verdicts"]) == 2
    assert {path.name for path in compared.iterdir()} == {
        *("comparison.json", "table.md", "plot.png", "pictures.png", "runs", ".lock")
    }
    with Image.open(compared / "pictures.png") as pictures:
        assert pictures.width > 4 * 128


def test_a_run_that_was_killed_with_the_whole_call_comes_last(
    data: Path, tmp_path: Path, command: Command, trained: list[str]
) -> None:
    words = ("compare", "--data", data, "--out", "cmp", "--labeled", "3", "--seeds=0", *flags(SHORT))
    (tmp_path / "cmp").mkdir()
    assert command(*words, "--methods", "labels_only").code == 0
    (tmp_path / "cmp/.training").write_text("runs/mutual-3-s0")  # what only a kill leaves
    outcome = command(*words, "--methods", "mutual,fixmatch")
    assert (outcome.code, trained) == (0, ["labels_only-3-s0", "fixmatch-3-s0", "mutual-3-s0"])
    assert "the last call was killed with this run" in outcome.err
    assert not (tmp_path / "cmp/.training").exists()


def test_finished_runs_are_not_repeated_but_more_may_be_added(
    compared: Path, data: Path, tmp_path: Path, command: Command, trained: list[str]
) -> None:
    shutil.copytree(compared, tmp_path / "cmp")
    again = ("compare", "--data", data, "--out", "cmp", *flags(SHORT))
    outcome = command(*again, *TWO)
    assert (outcome.code, trained) == (0, [])
    said = outcome.err.splitlines()
    assert len(said) == len(_record(tmp_path / "cmp")["asked"])
    assert all(line.endswith(" is finished already") for line in said)
    assert "mutual is" in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 80
    added = command(*again, "--methods", "mutual", "--labeled", "1/1", "--seeds=0", "--split=test", "--json")
    assert (added.code, trained) == (0, ["mutual-5-s0"])
    record = json.loads(added.out)
    assert record == _record(tmp_path / "cmp")
    assert len(record["runs"]) == 9
    assert [row["labeled_images"] for row in record["runs"] if "test_miou" in row] == [5]
    assert record["table"][-1]["test_miou"] == record["runs"][-1]["test_miou"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("--steps", "3"), "was made with steps 2, not 3"),
        (("--crop", "64"), "was made with crop 32, not 64"),
        (("--views.flip", "false"), "was made with views.flip True, not False"),
        (("--optimization.poly_power", "0.5"), "was made with optimization.poly_power 0.9, not 0.5"),
        (("--split-seed", "1"), "was made with split-seed 0, not 1"),
    ],
)
def test_other_settings_are_refused(
    changed: tuple[str, ...], said: str, compared: Path, data: Path, command: Command
) -> None:
    before = (compared / "comparison.json").read_bytes()
    outcome = command("compare", "--data", data, "--out", compared, *TWO, *flags(SHORT), *changed)
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert said in outcome.err
    assert (compared / "comparison.json").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--methods mutal", "did you mean 'mutual'"),
        ("--ablation no_peers", "did you mean 'no_peer'"),
        ("--seeds one", "--seeds one is no whole number"),
        ("--seeds -1", "--seeds -1 is no whole number from 0 on"),
        ("--labeled 99", "--labeled 99 asks for more"),
        ("--steps 3 --budget 1min", "exclude each other"),
        ("--batch 1", "--batch 1 is too small"),
        ("--budget soon", "--budget soon is no duration"),
        ("--variants absent.yaml", "There is no file 'absent.yaml'"),
        ("--encoder mobilenetv3_smal", "mobilenetv3_smal"),
        ("--methode mutual", "did you mean --methods"),
        ("--out {file}", "not empty and holds no comparison"),
        ("--methods ,", "--methods is given without a value"),
        ("--seeds ,", "--seeds is given without a value"),
        ("--labeled {one} {other}", "are 1 different images each; compare them in two folders"),
        ("--variants {dpt}", "dpt"),
        ("--split test --data {untested}", "has no test part with masks"),
    ],
)
def test_mistakes_cost_no_training(
    words: str, said: str, data: Path, tmp_path: Path, command: Command, trained: list[str]
) -> None:
    (tmp_path / "file").write_text("")
    for name, content in (("one", "00\n"), ("other", "02\n")):
        (tmp_path / f"{name}.txt").write_text(content)
    (tmp_path / "dpt.yaml").write_text("uneven: {method: {name: mutual, decoder_b: dpt}}\n")
    shutil.copytree(data, tmp_path / "untested")
    shutil.rmtree(tmp_path / "untested/masks/test")
    files = {name: tmp_path / f"{name}.txt" for name in ("one", "other")}
    own = words.format(
        file=tmp_path / "file", dpt=tmp_path / "dpt.yaml", untested=tmp_path / "untested", **files
    ).split()
    small = {name: value for name, value in SHORT.items() if name != "steps" or "--budget" not in own}
    outcome = command("compare", "--data", data, "--out", "cmp", *flags(small), *own)
    assert outcome.code == 2, outcome
    assert outcome.err.count("\n") == 1
    assert said in outcome.err
    assert trained == []
    assert not (tmp_path / "cmp").exists()


def test_one_amount_in_two_spellings_is_one_amount(
    data: Path, tmp_path: Path, command: Command, trained: list[str]
) -> None:
    words = ("--methods", "labels_only", "--labeled", "1/2,5,1/1", "--seeds=0")
    assert command("compare", "--data", data, "--out", "cmp", *flags(SHORT), *words).code == 0
    assert len(trained) == len(set(trained)) == len(_record(tmp_path / "cmp")["settings"]["labeled"])
    assert trained[-1] == "labels_only-5-s0"


def test_processes_started_by_torchrun_are_refused(
    data: Path, command: Command, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "29500")
    outcome = command("compare", "--data", data, "--out", "cmp", *flags(SHORT))
    assert (outcome.code, trained) == (2, [])
    assert "start it without torchrun" in outcome.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_interrupted_comparison_goes_on(
    number: signal.Signals,
    code: int,
    data: Path,
    compared: Path,
    tmp_path: Path,
    command: Command,
    trained: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = signal.getsignal(number)
    original = Signals.on_train_batch_end

    def arrive(self: Signals, trainer: pl.Trainer, *others: Any) -> None:
        if len(trained) == 2 and trainer.global_step == 1:
            signal.raise_signal(number)
        original(self, trainer, *others)

    words = ("compare", "--data", data, "--out", "cmp", *TWO, *flags(SHORT))
    with monkeypatch.context() as patch:
        patch.setattr(Signals, "on_train_batch_end", arrive)
        stopped = command(*words)
    assert (stopped.code, stopped.out) == (code, "")
    last = stopped.err.splitlines()[-1]
    assert last.startswith(f"mutualseg: stopped by {number.name}; ")
    assert last.endswith("call the same command again to go on")
    assert signal.getsignal(number) == before
    assert _statuses(tmp_path / "cmp")["labels_only-3-s0"] == "finished"
    assert _statuses(tmp_path / "cmp")["mutual-3-s0"] == "pending"
    del trained[:]
    assert command(*words).code == 0
    assert trained[0] == "mutual-3-s0"
    assert "labels_only-3-s0" not in trained
    resumed, straight = (out / "runs/mutual-3-s0/metrics.csv" for out in (tmp_path / "cmp", compared))
    assert resumed.read_bytes() == straight.read_bytes()


def test_second_interrupt_does_not_claim_to_have_saved(
    data: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hurry(self: Signals, *others: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    words = ("compare", "--data", data, "--out", "cmp", "--methods=mutual", "--seeds=0", *flags(SHORT))
    with monkeypatch.context() as patch:
        patch.setattr(Signals, "on_train_batch_end", hurry)
        stopped = command(*words)
    assert stopped.code == 130
    last = stopped.err.splitlines()[-1]
    assert "since its last checkpoint is lost; call the same command again" in last
    assert "saved" not in last
    assert not list((tmp_path / "cmp/runs/mutual-5-s0/checkpoints").iterdir())
    assert command(*words).code == 0


def test_late_signal_lets_the_run_finish_and_starts_no_other(
    data: Path, tmp_path: Path, command: Command, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Signals.restore

    def arrive(self: Signals) -> None:
        signal.raise_signal(signal.SIGTERM)
        original(self)

    words = ("compare", "--data", data, "--out", "cmp", "--seeds", "0", *flags(SHORT))
    with monkeypatch.context() as patch:
        patch.setattr(Signals, "restore", arrive)
        stopped = command(*words)
    assert stopped.code == 143
    assert list(_statuses(tmp_path / "cmp").values()).count("finished") == len(trained) == 1


def test_failed_run_is_reported_and_tried_again(
    data: Path, tmp_path: Path, command: Command, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = mutualseg.train
    failures = {"labels_only": TrainingError("The loss became infinite; lower the rates."), "mutual": None}

    def train(*arguments: Any, **options: Any) -> dict[str, Any]:
        failure = failures[options["method"]["name"]]
        if failure is not None:
            raise failure
        return original(*arguments, **options)

    monkeypatch.setattr(mutualseg.api.training, "train", train)
    words = ("compare", "--data", data, "--out", "cmp", *flags(SHORT, seeds=0, labeled=3))
    words += ("--methods", "labels_only", "mutual")
    outcome = command(*words)
    assert outcome.code == 1
    assert "failed: runs/labels_only-3-s0: The loss became infinite" in outcome.out
    assert _statuses(tmp_path / "cmp") == {"labels_only-3-s0": "failed", "mutual-3-s0": "finished"}
    failures["labels_only"] = ValueError("first line\nsecond line")  # type: ignore[assignment]
    assert command(*words).code == 1
    left = "runs/labels_only-3-s0/error.txt"
    reason = f"ValueError: first line; the traceback is in {left}."
    assert _record(tmp_path / "cmp")["runs"][0]["reason"] == reason
    assert "second line" in (tmp_path / "cmp" / left).read_text(encoding="utf-8")
    other = command(*words[:-2], "mutual")  # its own runs are all finished
    assert other.code == 0
    assert "failed in an earlier call: runs/labels_only-3-s0: ValueError" in " ".join(other.out.split())
    failures["labels_only"] = None
    assert command(*words).code == 0
    assert not (tmp_path / "cmp" / left).exists()
    assert trained == ["labels_only-3-s0", "mutual-3-s0", "labels_only-3-s0", "labels_only-3-s0"]


def test_run_killed_before_its_checkpoint_is_started_anew(
    compared: Path, data: Path, tmp_path: Path, command: Command, trained: list[str]
) -> None:
    shutil.copytree(compared, tmp_path / "cmp")
    begun, empty = (tmp_path / f"cmp/runs/mutual-3-s{seed}" for seed in (0, 1))
    (begun / "summary.json").unlink()
    shutil.rmtree(begun / "checkpoints")
    shutil.rmtree(empty)
    (empty / "checkpoints").mkdir(parents=True)
    (empty / "metrics.csv").write_text("step\n")  # as a kill during the deletion of a run leaves it
    assert command("compare", "--data", data, "--out", "cmp", *TWO, *flags(SHORT)).code == 0
    assert trained == ["mutual-3-s0", "mutual-3-s1"]
    for place in ("runs/mutual-3-s0/metrics.csv", "runs/mutual-3-s1/metrics.csv"):
        assert (tmp_path / "cmp" / place).read_bytes() == (compared / place).read_bytes()


def test_ablation_and_variants(data: Path, tmp_path: Path, command: Command, trained: list[str]) -> None:
    (tmp_path / "grid.yaml").write_text("low: {method: {name: mutual, threshold: 0.5}}\nsame: {}\n")
    words = ("compare", "--data", data, "--out", "cmp", *flags(SHORT, seeds=0))
    outcome = command(*words, "--ablation", "no_cutmix", "--variants", "grid.yaml")
    assert outcome.code == 0, outcome
    assert trained == ["mutual-5-s0", "no_cutmix-5-s0", "low-5-s0"]
    table = {line["label"]: line for line in _record(tmp_path / "cmp")["table"]}
    assert table["same"]["same_as"] == "mutual"
    assert table["same"]["miou"] == table["mutual"]["miou"]
    assert table["no_cutmix"]["verdict"] == table["low"]["verdict"] == "one seed"


def test_python_function_returns_the_record(data: Path, tmp_path: Path) -> None:
    record = mutualseg.compare(
        str(data), out=str(tmp_path / "cmp"), methods=["labels_only"], seeds=3, quiet=True, **SHORT
    )
    assert record == _record(tmp_path / "cmp")
    assert [(row["run"], row["seed"]) for row in record["runs"]] == [("runs/labels_only-5-s3", 3)]
    assert (record["champion"], record["verdicts"]) == (None, [])
