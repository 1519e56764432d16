"""Imbalanced classes, two classes and classes that val does not show, with the real command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import mutualseg
from mutualseg.comparison.record import NAME
from mutualseg.losses.names import LossName
from mutualseg.methods import METHODS
from tests.command.conftest import Command
from tests.command.made import SMALL, draw, flags, write, write_data

pytestmark = pytest.mark.slow  # each trains


LOSSES = get_args(LossName)
SHORT = {**SMALL, "steps": 2}


def summary_of(run: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    return read


def supervision_of(run: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))["supervision"]
    return read


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "weights/deployed.safetensors")


def remap(root: Path, table: dict[int, int], part: str = "") -> None:
    """Give the classes in the masks of a part, or of all, other indices."""
    for path in (root / "masks" / part).rglob("*.png"):
        mask = np.asarray(Image.open(path)).copy()
        Image.fromarray(np.vectorize(lambda value: table.get(value, value))(mask).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def two_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which only a disc is told from the rest."""
    root = write_data(tmp_path_factory.mktemp("two") / "data")
    remap(root, {1: 0, 2: 1})
    (root / "classes.txt").write_text("rest\ndisc\n", encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def val_without_disc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of two classes whose val part holds the first alone."""
    root = write_data(tmp_path_factory.mktemp("absent") / "data")
    remap(root, {1: 0, 2: 1})
    remap(root, {1: 0}, "val")
    (root / "classes.txt").write_text("rest\ndisc\n", encoding="utf-8")
    return root


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains_and_is_recorded(loss: str, data: Path, tmp_path: Path, command: Command) -> None:
    words = ("--supervision.loss", loss, "--supervision.class_weights", "1,2,0.5")
    outcome = command("train", "--data", data, "--out", "run", "--method", "fixmatch", *words, *flags(SHORT))
    assert outcome.code == 0, outcome
    chosen = supervision_of(tmp_path / "run")
    assert (chosen["loss"], chosen["class_weights"]) == (loss, [1.0, 2.0, 0.5])
    assert summary_of(tmp_path / "run")["supervision"] == chosen
    assert all(tensor.isfinite().all() for tensor in weights_of(tmp_path / "run").values())


def test_losses_make_different_networks_and_the_default_is_cross_entropy(
    data: Path, tmp_path: Path, command: Command
) -> None:
    runs = {"usual": (), **{loss: ("--supervision.loss", loss) for loss in LOSSES}}
    found = {}
    for name, words in runs.items():
        rest = ("--method", "labels_only", *words, *flags(SHORT))
        assert command("train", "--data", data, "--out", name, *rest).code == 0
        found[name] = weights_of(tmp_path / name)["classifier.weight"]
    assert torch.equal(found["usual"], found["cross_entropy"])
    distinct = [found[loss] for loss in LOSSES]
    for place, one in enumerate(distinct):
        assert not any(torch.equal(one, two) for two in distinct[:place])


def test_balanced_weights_are_counted_once_and_written_as_numbers(
    data: Path, tmp_path: Path, command: Command
) -> None:
    words = ("train", "--data", data, "--out", "run", "--labeled", "3", *flags(SHORT))
    balanced = ("--supervision.class_weights", "balanced")
    outcome = command(*words, *balanced)
    assert outcome.code == 0, outcome
    split = json.loads((tmp_path / "run/split.json").read_text(encoding="utf-8"))
    masks = [np.asarray(Image.open(data / "masks" / f"{name}.png")) for name in split["labeled"]]
    frequency = []
    for index in range(3):
        showing = [mask for mask in masks if (mask == index).any()]
        frequency.append(
            sum((mask == index).sum() for mask in showing) / sum((mask != 255).sum() for mask in showing)
        )
    expected = [np.median(frequency) / each for each in frequency]
    assert supervision_of(tmp_path / "run")["class_weights"] == pytest.approx(expected, rel=1e-3)
    assert "class weights: " in outcome.err

    # The same call goes on with the run, and its own config.yaml repeats it.
    resumed = command(*words, *balanced, "--resume")
    assert (resumed.code, "finished already" in resumed.err) == (0, True)
    assert command("train", "--config", "run/config.yaml", "--out", "again").code == 0
    assert all(
        torch.equal(tensor, weights_of(tmp_path / "again")[name])
        for name, tensor in weights_of(tmp_path / "run").items()
    )
    other = command(*words, "--supervision.class_weights", "3,2,1", "--resume")
    assert (other.code, "--supervision.class_weights" in other.err) == (2, True)


def test_a_class_that_no_label_shows_weighs_one(tmp_path: Path, command: Command) -> None:
    root = write_data(tmp_path / "data")
    remap(root, {2: 0}, "train")
    words = ("--supervision.class_weights", "balanced", *flags(SHORT))
    outcome = command("train", "--data", root, "--out", "run", *words)
    assert outcome.code == 0, outcome
    assert supervision_of(tmp_path / "run")["class_weights"][2] == 1
    assert "no labeled mask holds disc, so 1 there" in outcome.err


def test_the_baseline_and_python_get_the_same(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    chosen = {"loss": "focal", "class_weights": "balanced", "focal_gamma": 1.0}
    mutualseg.train(str(data), out=str(run), supervision=chosen, with_baseline=True, quiet=True, **SHORT)
    assert supervision_of(run) == supervision_of(run / "baseline")
    assert supervision_of(run)["focal_gamma"] == 1
    assert isinstance(supervision_of(run)["class_weights"], list)


def test_from_a_file(data: Path, tmp_path: Path, command: Command) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("supervision:\n  loss: ohem\n  ohem_keep: 50\n  class_weights: [1, 2, 3]\n")
    assert command("train", "--config", file, "--data", data, "--out", "run", *flags(SHORT)).code == 0
    chosen = supervision_of(tmp_path / "run")
    assert (chosen["loss"], chosen["ohem_keep"], chosen["class_weights"]) == ("ohem", 50, [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--supervision.class_weights", "1,2"), "holds 2 numbers, but there are 3 classes (left to disc)"),
        (("--supervision.class_weights", "balance"), "neither none, balanced nor a list of numbers"),
        (("--supervision.loss", "focl"), "give one of cross_entropy, ohem, focal, dice, cross_entropy_dice"),
        (("--supervision.los", "focal"), "did you mean --supervision.loss?"),
        (("--supervision.ohem_keep", "0.2"), "is for --supervision.loss ohem, not for cross_entropy"),
    ],
)
@pytest.mark.parametrize("verb", ["train", "compare"])
def test_what_cannot_be_is_refused_and_nothing_is_written(
    verb: str, words: tuple[str, ...], said: str, data: Path, tmp_path: Path, command: Command
) -> None:
    outcome = command(verb, "--data", data, "--out", "run", *words, *flags(SHORT))
    assert outcome.code == 2
    assert said in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{loss: focl}", "loss of 'mine' is 'focl'; give one of cross_entropy, ohem, focal, dice"),
        ("{class_weights: [1, 2]}", "class_weights of 'mine' holds 2 numbers, but there are 3 classes"),
        ("{class_weights: balance}", "balance is neither none, balanced nor a list of numbers"),
        ("{gamma: 2}", "supervision.gamma of 'mine'"),
        ("dice", "'supervision' of 'mine'"),
    ],
)
def test_a_variant_that_cannot_be_is_named(
    given: str, said: str, data: Path, tmp_path: Path, command: Command
) -> None:
    file = tmp_path / "variants.yaml"
    file.write_text(f"mine: {{method: labels_only, supervision: {given}}}\n")
    outcome = command("compare", "--data", data, "--out", "cmp", "--variants", file, *flags(SHORT))
    assert (outcome.code, said in outcome.err) == (2, True), outcome.err
    assert not (tmp_path / "cmp").exists()


def test_variants_of_a_comparison_differ_in_it(data: Path, tmp_path: Path, command: Command) -> None:
    file = tmp_path / "variants.yaml"
    file.write_text(
        "dice: {method: labels_only, supervision: {loss: cross_entropy_dice}}\n"
        "alike: {method: labels_only, supervision: {class_weights: balanced}}\n"
    )
    words = ("compare", "--data", data, "--out", "cmp", "--seeds", "0", *flags(SHORT))
    balanced = ("--supervision.class_weights", "balanced", "--methods", "labels_only")
    outcome = command(*words, *balanced, "--variants", file)
    assert outcome.code == 0, outcome
    record = json.loads((tmp_path / "cmp" / NAME).read_text(encoding="utf-8"))
    assert record["settings"]["supervision"]["class_weights"] == "balanced"
    assert record["settings"]["aliases"] == {"alike": "labels_only"}
    runs = {row["label"]: supervision_of(tmp_path / "cmp" / row["run"]) for row in record["runs"]}
    assert {label: chosen["loss"] for label, chosen in runs.items()} == {
        "labels_only": "cross_entropy",
        "dice": "cross_entropy_dice",
    }
    assert runs["dice"]["class_weights"] == runs["labels_only"]["class_weights"]
    refused = command(*words, "--methods", "labels_only")
    assert refused.code == 2
    assert "supervision.class_weights" in refused.err


def test_a_comparison_from_before_there_was_a_choice_goes_on(
    data: Path, tmp_path: Path, command: Command
) -> None:
    words = ("compare", "--data", data, "--out", "cmp", "--seeds", "0", *flags(SHORT))
    assert command(*words, "--methods", "labels_only").code == 0
    path = tmp_path / "cmp" / NAME
    record = json.loads(path.read_text(encoding="utf-8"))
    for name in ("supervision", "layout", "ignore", "channels", "window"):
        del record["settings"][name]
    del record["settings"]["variants"]["labels_only"]["supervision"]
    path.write_text(json.dumps(record), encoding="utf-8")
    refused = command(*words, "--methods", "labels_only", "--supervision.loss", "dice")
    assert (refused.code, "supervision.loss cross_entropy, not dice" in refused.err) == (2, True)
    outcome = command(*words, "--methods", "labels_only,fixmatch")
    assert outcome.code == 0, outcome


def test_a_class_absent_from_val_is_absent_everywhere(
    val_without_disc: Path, tmp_path: Path, command: Command
) -> None:
    outcome = command("train", "--data", val_without_disc, "--out", "run", *flags(SHORT))
    assert outcome.code == 0, outcome
    summary = summary_of(tmp_path / "run")
    assert "NaN" not in (tmp_path / "run/summary.json").read_text(encoding="utf-8")
    assert summary["per_class_iou"]["disc"] is None
    assert summary["per_class_iou"]["rest"] == summary["miou"] > 0
    for role, each in summary["networks_per_class_iou"].items():
        assert each == {"rest": summary["networks"][role], "disc": None}
    lines = [line.split() for line in outcome.err.splitlines() if "disc" in line]
    assert "absent" in lines[-1]
    (events,) = (tmp_path / "run").glob("events*")
    seen = EventAccumulator(str(events))
    seen.Reload()
    scalars = seen.Tags()["scalars"]
    assert "iou_teacher_a/rest" in scalars
    assert "iou_teacher_a/disc" not in scalars

    scored = command("evaluate", "run", "--json")
    assert json.loads(scored.out)["per_class_iou"] == {"rest": summary["miou"], "disc": None}
    shown = command("evaluate", "run")
    (line,) = (line for line in shown.err.splitlines() if "disc" in line)
    assert "absent" in line
    assert "nan" not in shown.err.lower()
    # Of the test part, which has discs, it has an IoU.
    tested = json.loads(command("evaluate", "run", "--split", "test", "--json").out)
    assert tested["per_class_iou"]["disc"] is not None
    assert tested["miou"] == pytest.approx(np.mean(list(tested["per_class_iou"].values())), abs=1e-3)


def test_a_class_absent_from_val_is_absent_in_a_comparison(
    val_without_disc: Path, tmp_path: Path, command: Command
) -> None:
    words = ("--methods", "labels_only,fixmatch", "--seeds", "0,1", *flags(SHORT))
    outcome = command("compare", "--data", val_without_disc, "--out", "cmp", *words)
    assert outcome.code == 0, outcome
    record = json.loads((tmp_path / "cmp" / NAME).read_text(encoding="utf-8"))
    for row in record["runs"]:
        assert row["per_class_iou"] == {"rest": row["miou"], "disc": None}
    for row in record["table"]:
        assert row["per_class_iou"] == {"rest": row["miou"], "disc": None}
    text = (tmp_path / "cmp/table.md").read_text(encoding="utf-8")
    assert "| class | labels_only | fixmatch |" in text
    assert "| disc | absent | absent |" in text
    assert f"| rest | {record['table'][0]['miou']:.2f} | {record['table'][1]['miou']:.2f} |" in text
    assert "nan" not in (outcome.out + text).lower()


def test_an_absent_class_that_is_predicted_lowers_the_others_and_is_not_averaged(
    val_without_disc: Path, tmp_path: Path, command: Command
) -> None:
    """The network that calls everything a disc is wrong on every pixel of val: mIoU 0 over one class."""
    disc = ("--supervision.class_weights", "0,1", "--optimization.decoder_rate", "0.1")
    words = (
        "--method",
        "labels_only",
        "--method.ema",
        "0",
        *disc,
        *flags(SMALL, steps=12, evaluate_every=12),
    )
    assert command("train", "--data", val_without_disc, "--out", "run", *words).code == 0
    summary = summary_of(tmp_path / "run")
    assert summary["per_class_iou"] == {"rest": summary["miou"], "disc": None}
    assert summary["miou"] < 20
    assert summary["pixel_accuracy"] == summary["miou"]  # of one class they are the same


@pytest.mark.parametrize("part", ["val", "train"])
def test_masks_that_say_nothing_are_refused(part: str, tmp_path: Path, command: Command) -> None:
    root = write_data(tmp_path / "data")
    remap(root, {0: 255, 1: 255, 2: 255}, part)
    outcome = command("train", "--data", root, "--out", "run", *flags(SHORT))
    assert outcome.code == 2
    assert f"masks of the {'val' if part == 'val' else 'labeled'} images is 255 (ignore)" in outcome.err
    assert not (tmp_path / "run").exists()


def test_evaluating_on_masks_that_say_nothing_is_refused(
    finished: Path, tmp_path: Path, command: Command
) -> None:
    root = write_data(tmp_path / "data")
    remap(root, {0: 255, 1: 255, 2: 255}, "test")
    outcome = command("evaluate", finished, "--data", root, "--split", "test")
    assert outcome.code == 2
    assert "masks of the test images is 255 (ignore)" in outcome.err


@pytest.mark.parametrize("method", METHODS)
def test_two_classes_work_with_every_method(
    method: str, two_classes: Path, tmp_path: Path, command: Command
) -> None:
    balanced = ("--supervision.class_weights", "balanced", "--supervision.loss", "cross_entropy_dice")
    words = ("--method", method, *balanced, *flags(steps=20, evaluate_every=10))
    outcome = command("train", "--data", two_classes, "--out", "run", *words)
    assert outcome.code == 0, outcome
    summary = summary_of(tmp_path / "run")
    assert list(summary["per_class_iou"]) == ["rest", "disc"]
    values = list(summary["per_class_iou"].values())
    assert all(value is not None and 0 <= value <= 100 for value in values)
    assert summary["miou"] == pytest.approx(sum(values) / 2, abs=1e-3)
    assert len(supervision_of(tmp_path / "run")["class_weights"]) == 2
    photo = write(tmp_path / "photo.png", draw("photo")[0])
    assert command("predict", "run", photo, "--out", "masks").code == 0
    assert set(np.unique(np.asarray(Image.open(tmp_path / "masks/photo.png")))) <= {0, 1}


def test_two_classes_are_learned(two_classes: Path, tmp_path: Path, command: Command) -> None:
    """A disc of a tenth of the pixels is found, where saying "rest" everywhere would score 45."""
    length = flags(SMALL, steps=150, evaluate_every=25, batch=4, crop=64)
    words = ("--method", "labels_only", "--supervision.class_weights", "balanced", *length)
    assert command("train", "--data", two_classes, "--out", "run", *words).code == 0
    assert summary_of(tmp_path / "run")["miou_best"] > 52


@pytest.mark.parametrize("loss", LOSSES)
def test_scribbles_train(loss: str, tmp_path: Path, command: Command) -> None:
    """Masks of which nearly every pixel is unknown, so that many crops hold no label at all."""
    root = write_data(tmp_path / "data")
    for path in (root / "masks/train").glob("*.png"):
        mask = np.asarray(Image.open(path)).copy()
        mask[np.arange(mask.shape[0]) % 32 != 10] = 255
        mask[:, :70] = 255
        Image.fromarray(mask).save(path)
    words = ("--method", "labels_only", "--supervision.loss", loss, *flags(steps=12, evaluate_every=4))
    outcome = command("train", "--data", root, "--out", "run", *words)
    assert outcome.code == 0, outcome
    assert all(tensor.isfinite().all() for tensor in weights_of(tmp_path / "run").values())
