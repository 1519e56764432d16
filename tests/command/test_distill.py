"""`mutualseg distill` from a finished run to a small network that is a run itself, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
import yaml
from safetensors.torch import load_file

import mutualseg
from mutualseg.engine.checked_settings import read_settings
from mutualseg.engine.signals import Signals
from mutualseg.engine.teachers import Teachers, choose_teachers, load_teachers
from mutualseg.errors import ConfigError, Interrupted, RunError
from mutualseg.runs import RunFolder
from tests.command.conftest import Command
from tests.command.made import SMALL, files_below
from tests.command.test_train import assert_equal_runs

STUDENT: dict[str, Any] = {
    "network": "fpn",
    "encoder": "mobilenetv3_small_050",
    "weights": "none",
    "workers": 0,
    "device": "cpu",
    "precision": "32",
    "evaluate_every": 2,
    "checkpoint_every": 2,
}


def words(**changes: Any) -> list[str]:
    given = {**STUDENT, **changes}
    return [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]


@pytest.fixture(scope="module")
def taught(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run that has taught a small network, to read."""
    run = Path(shutil.copytree(finished, tmp_path_factory.mktemp("distill") / "run"))
    mutualseg.distill(str(run), quiet=True, **STUDENT)
    return run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """Return a copy of a finished run, to change."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.mark.slow
def test_it_is_a_run_like_any_other(taught: Path, command: Command, data: Path) -> None:
    small, before = RunFolder(taught / "distilled"), RunFolder(taught)
    own, theirs = small.read_summary(), before.read_summary()
    assert own["steps"] == SMALL["steps"]
    assert (own["method"], own["deployed"]) == ("distillation", "average")
    assert list(own["networks"]) == ["student_a", "average", "teacher_a", "teacher_b", "teachers_mean"]
    for role in ("teacher_a", "teacher_b", "teachers_mean"):  # the very networks of the run, on the same val
        assert own["networks"][role] == pytest.approx(theirs["networks"][role], abs=1e-3)
    assert own["miou"] == own["networks"]["average"]
    weights = load_file(small.weights)
    assert (
        own["parameters"]
        == sum(
            value.numel()
            for name, value in weights.items()
            if "running" not in name and "batches" not in name
        )
        - weights["pixel_mean"].numel()
        - weights["pixel_std"].numel()
    )
    source = own["distilled_from"]
    assert (source["miou"], source["networks"]) == (theirs["miou"], ["teacher_a", "teacher_b"])
    assert source["parameters"] > 0
    assert min(own["milliseconds_per_image"], source["milliseconds_per_image"]) > 0
    assert own["image_size"] == [64, 80]

    mine, his = (json.loads(folder.split.read_text()) for folder in (small, before))
    assert mine == his
    assert not set(mine["val"]) & {*mine["labeled"], *mine["unlabeled"]}
    saved = torch.load(small.checkpoint, weights_only=True)
    assert {name.split(".")[1] for name in saved["state_dict"]} == {"student_a", "average"}
    assert {"views.png", "report.html", "metrics.csv", "pseudo_labels"} <= {
        p.name for p in small.root.iterdir()
    }
    assert list((small.root / "pseudo_labels").glob("*.png"))

    scored = command("evaluate", small.root, "--json", "--device", "cpu")
    assert json.loads(scored.out)["miou"] == pytest.approx(own["miou"], abs=1e-3)
    assert command("predict", small.root, data / "images/test", "--out", "masks", "--quiet").code == 0
    assert files_below(Path("masks")) == {"00.png", "01.png"}
    done = command("train", "--resume", small.root)
    assert (done.code, done.out.count("\n")) == (0, 3)
    asked = mutualseg.suggest(str(small.root), count=2, out="next", prefill="none", quiet=True)
    assert asked.networks == ("deployed",)


@pytest.mark.slow
def test_reports_show_it_beside_the_run(taught: Path, command: Command) -> None:
    own, theirs = (json.loads((root / "summary.json").read_text()) for root in (taught / "distilled", taught))
    page = (taught / "report.html").read_text()  # made anew by distill
    assert "Small networks that it taught" in page
    row = page.partition('<th scope="row">distilled</th>')[2].partition("</tr>")[0]
    assert f">{own['miou']:.2f}<" in row
    assert f"{own['miou'] - theirs['miou']:+.2f}".replace("-", "−") in row
    assert f"{own['parameters'] / 1e6:.2f} M" in row
    assert f"{(taught / 'distilled/weights/deployed.safetensors').stat().st_size / 1e6:.1f} MB" in row
    alone = (taught / "distilled/report.html").read_text()
    assert "run that taught it" in alone
    assert f"teacher a and teacher b of {taught}" in alone
    assert f"mutualseg distill {taught} --encoder mobilenetv3_small_050" in alone
    assert "--with-baseline" not in alone
    assert command("report", taught, taught / "distilled", "--out", "both.html").code == 0
    both = Path("both.html").read_text()
    assert f"{own['miou']:.2f}" in both
    assert f"{theirs['miou']:.2f}" in both
    assert "distillation" in both


@pytest.fixture(scope="module")
def killed(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a distilled run that was killed in its third of four steps, to copy with its teaching run."""
    run = Path(shutil.copytree(finished, tmp_path_factory.mktemp("killed") / "run"))
    original = Signals.on_train_batch_end

    def arrive(self: Signals, trainer: pl.Trainer, *others: Any) -> None:
        if trainer.global_step == 3:
            raise KeyboardInterrupt  # as near to SIGKILL as this process survives
        original(self, trainer, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Signals, "on_train_batch_end", arrive)
        with pytest.raises(Interrupted) as caught:
            mutualseg.distill(str(run), quiet=True, **STUDENT)
    assert caught.value.run == str(run / "distilled")
    return run / "distilled"


@pytest.fixture
def stopped(killed: Path, tmp_path: Path) -> Path:
    """Return a copy of that run."""
    shutil.copytree(killed.parent, tmp_path / "moved")
    return tmp_path / "moved/distilled"


@pytest.mark.slow
def test_resumed_bit_for_bit_even_where_both_were_moved(
    stopped: Path, killed: Path, taught: Path, command: Command
) -> None:
    killed.parent.rename(killed.parent.with_name("gone"))
    try:
        done = command("train", "--resume", stopped, "--quiet")
    finally:
        killed.parent.with_name("gone").rename(killed.parent)
    assert done.code == 0, done.err
    assert_equal_runs(stopped, taught / "distilled")
    assert json.loads((stopped / "summary.json").read_text())["distilled_from"]["parameters"] > 0


@pytest.mark.slow
def test_teachers_that_changed_are_refused(stopped: Path, command: Command) -> None:
    run = stopped.parent
    config = yaml.safe_load((stopped / "config.yaml").read_text())
    settings_of(stopped, teachers=config["teachers"] | {"run": str(run)})  # as for a run moved elsewhere
    with (run / "checkpoints/last.ckpt").open("r+b") as file:
        file.seek(5000)
        byte = file.read(1)
        file.seek(5000)
        file.write(bytes([byte[0] ^ 1]))
    done = command("train", "--resume", stopped)
    assert done.code == 2
    assert "has changed since the run that it teaches began" in done.err
    assert "mutualseg distill" in done.err
    shutil.rmtree(run / "checkpoints")
    done = command("train", "--resume", stopped)
    assert done.code == 2
    assert "that teaches is gone, or its checkpoints/last.ckpt is" in done.err
    assert done.err.count("\n") == 1


def settings_of(run: Path, **changes: Any) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text())
    (run / "config.yaml").write_text(yaml.safe_dump(config | changes, sort_keys=False))


def test_a_run_without_checkpoints_teaches_by_its_deployed_network(run: Path) -> None:
    shutil.rmtree(run / "checkpoints")
    folder = RunFolder(run)
    teachers, note = choose_teachers(folder, read_settings(folder))
    assert (teachers.file, teachers.networks) == ("weights/deployed.safetensors", ["teacher_a"])
    assert note == f"{run} has no sound checkpoint, so its deployed network teaches alone"
    found = load_teachers(teachers, beside=run / "distilled", num_classes=3, channels=3)
    assert list(found) == ["teacher_a"]
    for name, value in load_file(folder.weights).items():
        assert torch.equal(found["teacher_a"].state_dict()[name], value)
    folder.weights.unlink()
    with pytest.raises(RunError, match="neither a sound checkpoint nor weights"):
        choose_teachers(folder, read_settings(folder))


def test_both_teachers_come_from_the_checkpoint(run: Path) -> None:
    folder = RunFolder(run)
    teachers, note = choose_teachers(folder, read_settings(folder))
    assert note == f"teacher a and teacher b of {run} teach, by the mean of their probabilities"
    found = load_teachers(teachers, beside=run / "distilled", num_classes=3, channels=3)
    saved = torch.load(folder.checkpoint, weights_only=True)["state_dict"]
    for role, network in found.items():
        for name, value in network.state_dict().items():
            assert torch.equal(value, saved[f"method.{role}.network.{name}"])
    assert not torch.equal(*(network.classifier.weight for network in found.values()))
    with pytest.raises(RunError, match="know 3 classes and take 3 channels, not 4 and 3"):
        load_teachers(teachers, beside=run, num_classes=4, channels=3)
    # The newest checkpoint may have become the one before.
    folder.checkpoint.rename(folder.previous_checkpoint)
    assert list(load_teachers(teachers, beside=run, num_classes=3, channels=3)) == ["teacher_a", "teacher_b"]


def test_edited_teachers_are_refused() -> None:
    good = Teachers(
        "/run", "checkpoints/last.ckpt", "0" * 64, ["teacher_a"], "mutual", "fpn", "resnet18", 50.0
    )
    assert Teachers.from_plain(good.to_plain()) == good
    changes: list[dict[str, Any]] = [
        {"file": "../../secret"},
        {"networks": []},
        {"networks": ["a", "b", "c"]},
        {"odd": 1},
    ]
    for change in changes:
        with pytest.raises(ConfigError, match="teachers"):
            Teachers.from_plain(good.to_plain() | change)
    with pytest.raises(ConfigError, match=r"teachers\.sha256 is missing"):
        Teachers.from_plain({name: value for name, value in good.to_plain().items() if name != "sha256"})


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown encoder": ({"encoder": "mobilenetv3_smal_050"}, "near names are mobilenetv3_small_050"),
    "an unknown network": ({"network": "fpm"}, "did you mean 'fpn'"),
    "two lengths": ({"steps": 3, "budget": "1min"}, "--steps and --budget exclude each other"),
    "no steps": ({"steps": 0}, "--steps 0 is too small"),
    "a batch of one": ({"batch": 1}, "--batch 1 is too small"),
    "an odd batch": ({"batch": "many"}, "--batch many is neither a number nor auto"),
    "no temperature": ({"temperature": 0.0}, "--temperature is 0.0"),
    "an odd threshold": ({"threshold": 2.0}, "--threshold is 2.0"),
    "a negative weight": ({"teacher_weight": -1.0}, "--teacher-weight is -1.0"),
    "an odd logger": ({"logger": "tensorbord"}, "did you mean 'tensorboard'"),
    "two loggers and none": ({"logger": "none,csv"}, "--logger none excludes every other"),
    "a huge crop": ({"crop": 4000}, "--crop 4000 is more than twice"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refused_before_anything_is_written(name: str, run: Path, command: Command) -> None:
    changes, message = REFUSALS[name]
    before = files_below(run)
    done = command("distill", run, *words(**changes))
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert files_below(run) == before


def test_refused_of_what_can_teach_nothing(run: Path, data: Path, command: Command) -> None:
    def refusal(*given: object) -> str:
        done = command("distill", *given)
        assert done.code == 2
        assert done.err.count("\n") == 1
        return done.err

    assert "distill needs --encoder" in refusal(run)
    assert "no run folder" in refusal(run / "weights/deployed.safetensors", *words())
    assert "There is no run folder 'nowhere'" in refusal("nowhere", *words())
    assert "is no run folder (it has no config.yaml)" in refusal(data, *words())
    assert "holds the run that teaches" in refusal(run, *words(), "--out", run, "--overwrite")
    shutil.copytree(data, "elsewhere")
    settings_of(run, data="/gone/data")
    assert "The data folder /gone/data of the run is gone; say where it is now with --data" in refusal(
        run, *words()
    )
    Path("elsewhere/classes.txt").write_text("one\ntwo\nthree\n")
    assert "but the run learned left, right, disc" in refusal(run, *words(), "--data", "elsewhere")
    (run / "summary.json").unlink()
    assert f"{run} is not finished" in refusal(run, *words())
    assert "distill RUN" in command("train", "--data", data, "--method", "distillation").err


def test_other_data_place_and_single_network(run: Path, data: Path) -> None:
    """The split is the run's wherever the data lie, and one network teaches alone."""
    from mutualseg.engine.distilling import prepare_distillation, require_teaching_run

    moved = Path(shutil.copytree(data, "elsewhere")).absolute()
    settings_of(run, data="/gone/data")
    options: dict[str, Any] = {
        **STUDENT,
        "data": str(moved),
        "steps": None,
        "budget": None,
        "seed": 0,
        "batch": None,
    }
    options |= {"crop": None, "compile": False, "overwrite": False, "quiet": True}
    options |= {"teacher_weight": 1.0, "temperature": 1.0, "threshold": 0.0, "logger": "csv,tensorboard"}
    session, method = prepare_distillation(require_teaching_run(run), run / "distilled", **options)
    assert all(sample.image.is_relative_to(moved) for sample in (*session.split.labeled, *session.split.val))
    assert session.settings.data == str(moved)
    assert session.settings.steps == SMALL["steps"]
    assert method.labels_from == "teachers_mean"
    assert session.settings.logger == ["tensorboard", "csv"]
    assert not method.networks()["teacher_a"].training


@pytest.mark.slow
def test_a_single_network_teaches_alone_in_the_next_free_folder(data: Path, command: Command) -> None:
    run = Path("single")
    mutualseg.train(str(data), out="single", quiet=True, method="labels_only", **SMALL | {"steps": 2})
    (run / "distilled").mkdir()
    (run / "distilled/mine.txt").write_text("not to be touched")
    done = command("distill", run, *words(steps=2, threshold=0.5, seed=3))
    assert done.code == 0, done.err
    told = " ".join(done.err.split())
    assert "single (labels_only) deploys one network, which teaches alone: teacher a" in told
    assert files_below(run / "distilled") == {"mine.txt"}
    own, theirs = (json.loads((run / name / "summary.json").read_text()) for name in ("distilled-2", "."))
    assert list(own["networks"]) == ["student_a", "average", "teacher_a"]
    assert own["unlabeled_images"] == 5  # which the teacher can name though its own run did not use them
    head, *rows, size, use, report = done.out.splitlines()
    assert head.split() == ["val", "mIoU", "parameters", "per", "image"]
    assert [row.split()[2:5] for row in rows] == [
        [f"{summary['miou']:.2f}", "1.98", "M"] for summary in (own, theirs)
    ]
    assert size == "(per image of 80 x 64 pixels on cpu)"
    assert use == "use it: mutualseg predict single/distilled-2 IMAGES --out masks/"
    assert report == "report: single/distilled-2/report.html"
    assert all(len(line) <= 80 for line in done.out.splitlines())
    config = yaml.safe_load((run / "distilled-2/config.yaml").read_text())
    assert (config["steps"], config["seed"], config["method"]["threshold"]) == (2, 3, 0.5)
    assert "distilled-2" in (run / "report.html").read_text()
