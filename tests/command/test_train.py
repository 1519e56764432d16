"""`mutualseg train` from one end to the other: what it writes, prints and repeats."""

from __future__ import annotations

import csv
import json
import subprocess
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

import mutualseg
from mutualseg.command_line.parsing import parse_verb
from mutualseg.methods import METHODS, method_class
from mutualseg.optimization import default_rates
from mutualseg.settings import Settings
from tests.command.conftest import Command
from tests.command.made import CLASSES, PROGRAM, SMALL, draw, flags, write, write_data, write_photos

NETWORKS = {
    **{method: ["student_a", "teacher_a"] for method in METHODS},
    "cps": ["student_a", "student_b", "teacher_a"],
    "mutual": ["student_a", "student_b", "teacher_a", "teacher_b", "teachers_mean"],
}
SUMMARY: dict[str, type | tuple[type, ...]] = {
    "method": str,
    "seed": int,
    "split_seed": int,
    "steps": int,
    "seconds": float,
    "labeled_images": int,
    "unlabeled_images": int,
    "miou": float,
    "miou_best": float,
    "per_class_iou": dict,
    "networks": dict,
    "deployed": str,
    "pixel_accuracy": float,
    "versions": dict,
    "commit": (str, type(None)),
}


def _summary(run: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    return read


def _config(run: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    return read


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def assert_equal_runs(run: Path, other: Path) -> None:
    """Two runs have the same records and, bit for bit, the same weights."""
    for name in ("metrics.csv", "monitor.csv"):
        assert (run / name).read_bytes() == (other / name).read_bytes()
    weights, others = (load_file(path / "weights/deployed.safetensors") for path in (run, other))
    assert weights.keys() == others.keys()
    assert all(torch.equal(weights[name], others[name]) for name in weights)


@pytest.mark.parametrize("method", METHODS)
def test_run_folder_is_complete(method: str, data: Path, tmp_path: Path, command: Command) -> None:
    run = tmp_path / "run"
    outcome = command("train", "--data", data, "--out", run, "--method", method, *flags())
    assert outcome.code == 0, outcome
    uses_unlabeled = method_class(method).uses_unlabeled

    names = {path.name for path in run.iterdir()}
    (events,) = (name for name in names if name.startswith("events"))
    assert names - {events} == {
        *(
            "config.yaml",
            "split.json",
            "metrics.csv",
            "monitor.csv",
            "timing.csv",
            "views.png",
            "summary.json",
            "report.html",
        ),
        *("pseudo_labels", "val_predictions", "checkpoints", "weights", "classes.txt"),
    }
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["last.ckpt"]
    assert [path.name for path in (run / "weights").iterdir()] == ["deployed.safetensors"]
    pictures = sorted((run / "pseudo_labels").iterdir())
    expected = ["step_000002.png", "step_000004.png"] if uses_unlabeled else []
    assert [path.name for path in pictures] == expected
    of_val = sorted((run / "val_predictions").iterdir())
    assert [path.name for path in of_val] == ["step_000002.png", "step_000004.png"]
    for picture in (run / "views.png", *pictures, *of_val):
        with Image.open(picture) as image:
            image.load()
            assert image.width > 200

    config = _config(run)
    assert list(config) == [field.name for field in fields(Settings) if field.name != "teachers"]
    assert config["method"]["name"] == method
    rates = default_rates(SMALL["network"], SMALL["encoder"])
    assert {name: config["optimization"][name] for name in rates} == rates
    assert "auto" not in (run / "config.yaml").read_text(encoding="utf-8")

    split = json.loads((run / "split.json").read_text(encoding="utf-8"))
    counts = {part: len(split[part]) for part in ("labeled", "unlabeled", "val", "test")}
    assert counts == {"labeled": 5, "unlabeled": 5, "val": 3, "test": 2}

    metrics, timing = _rows(run / "metrics.csv"), _rows(run / "timing.csv")
    scored = [f"miou_{role}" for role in NETWORKS[method]]
    assert list(metrics[0]) == ["step", "loss", "kept", *scored]
    assert [row["step"] for row in metrics] == [row["step"] for row in timing] == ["2", "4"]

    watched = _rows(run / "monitor.csv")
    assert [row["step"] for row in watched] == ["2", "4"]
    assert all(0 <= float(value) <= 100 for row in watched for value in row.values() if value)

    summary = _summary(run)
    for key, kind in SUMMARY.items():
        assert isinstance(summary[key], kind), key
    assert {"step": 4.0, **summary["monitor"]} == {
        key: float(value) if value else None for key, value in watched[-1].items()
    }
    if method_class(method).labels_from == "teacher_a":
        assert summary["monitor"]["accuracy"] == pytest.approx(summary["pixel_accuracy"], abs=1e-3)
    assert summary["method"] == method
    for key in ("optimization", "crop", "batch", "unlabeled_batch", "device", "precision"):
        assert summary[key] == _config(run)[key]
    assert (summary["labeled_images"], summary["unlabeled_images"], summary["steps"]) == (5, 5, 4)
    assert list(summary["networks"]) == NETWORKS[method]
    assert summary["deployed"] == "teacher_a"
    assert summary["miou"] == summary["networks"]["teacher_a"] == float(metrics[-1]["miou_teacher_a"])
    assert summary["miou_best"] == max(float(row["miou_teacher_a"]) for row in metrics)
    assert list(summary["per_class_iou"]) == list(CLASSES)
    present = [value for value in summary["per_class_iou"].values() if value is not None]
    assert summary["miou"] == pytest.approx(sum(present) / len(present), abs=1e-3)
    assert 0 <= summary["pixel_accuracy"] <= 100
    assert summary["versions"].keys() >= {"mutualseg", "torch"}

    with safe_open(run / "weights/deployed.safetensors", framework="pt") as file:
        (described,) = file.metadata().values()
    facts = json.loads(described)
    built = {"network": "fpn", "encoder": SMALL["encoder"], "num_classes": 3, "channels": 3}
    assert facts["network"] == {**built, "mean": [], "std": []}  # 8-bit RGB has the encoder's own
    assert (facts["classes"], facts["role"], facts["step"]) == (list(CLASSES), "teacher_a", 4)

    assert len(outcome.out.splitlines()) == 3
    assert outcome.out.splitlines()[-1] == f"report: {run}/report.html"
    assert f"mIoU {summary['miou']:.2f}" in outcome.out
    assert f"best {summary['miou_best']:.2f}" in outcome.out
    for role, score in summary["networks"].items():
        assert (
            f"{role[-1] if role[-2] == '_' else 'mean'}{'*' * (role == 'teacher_a')} {score:.1f}"
            in outcome.err
        )
    assert max(map(len, outcome.out.splitlines()[:1])) <= 80
    assert [line for line in outcome.err.splitlines() if len(line) > 80 and "crops" not in line] == []


def test_absent_class_has_no_score(tmp_path: Path, command: Command) -> None:
    root = write_data(tmp_path / "data")
    (root / "classes.txt").write_text("left\nright\ndisc\nunicorn\n", encoding="utf-8")
    assert command("train", "--data", root, "--out", "run", *flags(steps=1)).code == 0
    summary = _summary(tmp_path / "run")
    assert summary["per_class_iou"]["unicorn"] is None
    assert len([value for value in summary["per_class_iou"].values() if value is not None]) == 3


def test_own_config_repeats_the_run(finished: Path, tmp_path: Path, command: Command) -> None:
    outcome = command("train", "--config", finished / "config.yaml", "--out", "other")
    assert outcome.code == 0, outcome
    assert_equal_runs(finished, tmp_path / "other")
    assert (finished / "config.yaml").read_bytes() == (tmp_path / "other/config.yaml").read_bytes()
    assert (finished / "split.json").read_bytes() == (tmp_path / "other/split.json").read_bytes()


def test_command_equals_python_function_whatever_the_workers(
    data: Path, finished: Path, tmp_path: Path, command: Command
) -> None:
    outcome = command("train", "--data", data, "--out", "run", *flags(workers=1))
    assert outcome.code == 0, outcome
    assert_equal_runs(finished, tmp_path / "run")
    own, other = _summary(finished), _summary(tmp_path / "run")
    for key in ("seconds", "training_seconds", "peak_memory_mb", "commit"):
        del own[key], other[key]
    assert own == other


def test_another_seed_is_another_run(data: Path, finished: Path, tmp_path: Path, command: Command) -> None:
    assert command("train", "--data", data, "--out", "run", *flags(seed=1, steps=2)).code == 0
    assert _rows(tmp_path / "run/metrics.csv")[0] != _rows(finished / "metrics.csv")[0]
    assert (finished / "split.json").read_bytes() == (tmp_path / "run/split.json").read_bytes()


def test_flags_win_over_the_configuration(finished: Path, tmp_path: Path, command: Command) -> None:
    given = ("--steps", "2", "--seed", "7", "--method.threshold", "0.25", "--views.scale", "[0.8,1.2]")
    outcome = command("train", "--config", finished / "config.yaml", "--out", "run", *given)
    assert outcome.code == 0, outcome
    before, config = _config(finished), _config(tmp_path / "run")
    assert (config["steps"], config["seed"], config["views"]["scale"]) == (2, 7, [0.8, 1.2])
    assert config["method"] == before["method"] | {"threshold": 0.25}
    changed = {key for key in config if config[key] != before[key]}
    assert changed == {"steps", "seed", "views", "method"}


def _parsed(*words: str) -> dict[str, Any]:
    parsed = parse_verb("train", "train", words)
    assert parsed is not None
    return parsed.arguments


def test_budget_replaces_the_steps_of_a_configuration(finished: Path) -> None:
    config = str(finished / "config.yaml")
    arguments = _parsed("--config", config, "--budget", "3min", "--out", "run")
    assert (arguments["steps"], arguments["budget"]) == (None, "3min")
    assert _parsed("--config", config, "--out", "run")["steps"] == 4


def test_another_method_leaves_the_arguments_of_the_configured_one(finished: Path) -> None:
    words = ("--config", str(finished / "config.yaml"), "--out", "run", "--method", "labels_only")
    method = _parsed(*words)["method"]
    assert method == {"name": "labels_only", "ema": 0.99, "ema_reach": 0.07}


def test_configuration_of_one_entry(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("unlabeled: [a, b]\n", encoding="utf-8")
    assert _parsed("--config", str(path))["unlabeled"] == ["a", "b"]
    assert _parsed("--config", str(path), "--unlabeled", "c")["unlabeled"] == ["c"]
    path.write_text("method: {name: mutual, ramp: 0.5}\n", encoding="utf-8")
    assert _parsed("--config", str(path))["method"]["ramp"] == 0.5
    assert _parsed("--config", str(path), "--method", "labels_only")["method"]["name"] == "labels_only"


def test_select_best_deploys_the_best_evaluation(data: Path, tmp_path: Path, command: Command) -> None:
    words = flags(evaluate_every=1, method="labels_only", select="best")
    assert command("train", "--data", data, "--out", "run", *words).code == 0
    summary = _summary(tmp_path / "run")
    assert summary["select"] == "best"
    scores = json.loads(command("evaluate", "run", "--json").out)
    assert scores["miou"] == pytest.approx(summary["miou_best"], abs=1e-4)
    rows = _rows(tmp_path / "run/metrics.csv")
    assert summary["miou"] == float(rows[-1]["miou_teacher_a"])
    assert summary["miou_best"] == max(float(row["miou_teacher_a"]) for row in rows)


def test_init_starts_from_a_run(data: Path, finished: Path, tmp_path: Path, command: Command) -> None:
    still = ("--optimization.encoder_rate", "1e-12", "--optimization.decoder_rate", "1e-12")
    words = flags(steps=1, method="labels_only", init=finished)
    outcome = command("train", "--data", data, "--out", "run", *words, *still)
    assert outcome.code == 0, outcome
    before, after = (
        load_file(path / "weights/deployed.safetensors") for path in (finished, tmp_path / "run")
    )
    for name in ("classifier.weight", "encoder.model.conv_stem.weight"):
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-9)


def test_overwrite_spares_what_it_needs_and_what_it_did_not_write(
    data: Path, tmp_path: Path, command: Command
) -> None:
    run = tmp_path / "run"
    words = ("train", "--data", data, "--out", run, *flags(steps=1, method="labels_only"))
    assert command(*words).code == 0
    assert command(*words, "--init", run, "--overwrite").code == 2
    assert (run / "weights/deployed.safetensors").is_file()
    (run / "thesis.tex").write_text("precious", encoding="utf-8")
    outcome = command(*words, "--overwrite")
    assert outcome.code == 2
    assert "thesis.tex" in outcome.err
    assert (run / "summary.json").is_file()
    (run / "thesis.tex").unlink()
    assert command(*words, "--overwrite", "--seed", "5").code == 0
    assert _summary(run)["seed"] == 5


def test_unlabeled_folders_from_anywhere(data: Path, tmp_path: Path, command: Command) -> None:
    first = write_photos(tmp_path / "first", ("a.png", "below/b.jpg"))
    second = write_photos(tmp_path / "second", ("a.png", "c.webp"))
    write(second / "copy_of_val.png", draw("val/00.png")[0])
    words = ("--unlabeled", first, "--unlabeled", second, *flags(steps=2))
    outcome = command("train", "--data", data, "--out", "run", *words)
    assert outcome.code == 0, outcome
    summary = _summary(tmp_path / "run")
    assert summary["unlabeled_images"] == 5 + 2 + 2
    assert any("identical to val" in note for note in summary["notes"])
    assert "identical to val" in outcome.err
    split = json.loads((tmp_path / "run/split.json").read_text(encoding="utf-8"))
    assert set(split["unlabeled_files"]) == {
        "first/a.png",
        "first/below/b.jpg",
        "second/a.png",
        "second/c.webp",
    }


def test_without_a_val_part_some_labels_are_held_out(tmp_path: Path, command: Command) -> None:
    root = write_data(tmp_path / "data", {"train": 10}, labeled=6)
    outcome = command("train", "--data", root, "--out", "run", *flags(steps=1))
    assert outcome.code == 0, outcome
    summary = _summary(tmp_path / "run")
    assert (summary["val_from"], summary["val_images"], summary["labeled_images"]) == ("held out", 2, 4)
    assert any("held out as val" in note for note in summary["notes"])
    assert "2 of 6 labeled images are held out as val" in outcome.err
    split = json.loads((tmp_path / "run/split.json").read_text(encoding="utf-8"))
    assert not {*split["val"]} & {*split["labeled"], *split["unlabeled"]}


def test_labels_only_needs_no_unlabeled_image(tmp_path: Path, command: Command) -> None:
    root = write_data(tmp_path / "data", {"train": 5, "val": 2})
    words = flags(steps=1, method="labels_only")
    assert command("train", "--data", root, "--out", "run", *words).code == 0
    assert _summary(tmp_path / "run")["unlabeled_images"] == 0


def test_labeled_fraction_is_kept(data: Path, tmp_path: Path, command: Command) -> None:
    words = flags(steps=1, method="labels_only")
    assert command("train", "--data", data, "--out", "run", "--labeled", "1/4", *words).code == 0
    summary = _summary(tmp_path / "run")
    assert (summary["labeled_images"], summary["unlabeled_images"]) == (2, 8)


def test_quiet_and_json(data: Path, tmp_path: Path, command: Command) -> None:
    words = ("train", "--data", data, "--quiet", *flags(steps=1, method="labels_only"))
    quiet = command(*words, "--out", "quiet")
    assert (quiet.code, quiet.err) == (0, "")
    assert len(quiet.out.splitlines()) == 3
    shown = command(*words, "--out", "shown", "--json")
    assert shown.out.count("\n") == 1
    assert json.loads(shown.out) == _summary(tmp_path / "shown")


@pytest.mark.slow
def test_terminal_shows_the_run_and_nothing_else(data: Path, tmp_path: Path) -> None:
    """In a process of its own, since the trainer's loggers keep the standard error they were born with."""
    words = ["train", "--data", str(data), "--out", "run", "--json", *flags(workers=1)]
    done = subprocess.run(
        [*PROGRAM, *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == _summary(tmp_path / "run")
    lines = done.stderr.splitlines()
    assert lines[0] == "mutual: 5 labeled, 5 unlabeled, 3 val images, 3 classes"
    assert lines[1].startswith(
        "fpn on mobilenetv3_small_050, on cpu in float32; 4 steps of 2 + 2 crops of 32"
    )
    assert lines[2].startswith("memory: about ")
    table = lines.index("val, teacher_a at the last step")
    assert all(line.startswith("step ") for line in lines[3:table]), done.stderr
    assert [line.split()[1] for line in lines[table + 4 : -1]] == ["left", "right", "disc"]


class _Clock:
    """Advances by one second each time it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += 1.0
        return self.now


@pytest.mark.parametrize(("budget", "every"), [("17s", None), ("16s", 3)])
def test_budget_becomes_steps(
    budget: str,
    every: int | None,
    data: Path,
    tmp_path: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("fitting", "calibration"):
        monkeypatch.setattr(
            f"mutualseg.engine.{module}.time", SimpleNamespace(perf_counter=_Clock().perf_counter)
        )
    words = flags(steps=None, evaluate_every=every, budget=budget)
    outcome = command("train", "--data", data, "--out", "run", *words)
    assert outcome.code == 0, outcome
    # A step takes 1 s of this clock and an evaluation too; unless the user says else there are 5.
    assert f"--budget {budget} is 12 steps" in outcome.err
    text = (tmp_path / "run/config.yaml").read_text(encoding="utf-8")
    assert text.startswith(f"# --budget {budget} is 12 steps")
    assert _config(tmp_path / "run")["steps"] == _summary(tmp_path / "run")["steps"] == 12
    assert [row["step"] for row in _rows(tmp_path / "run/metrics.csv")] == ["3", "6", "9", "12"]


def test_budget_too_small_is_refused(
    data: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("fitting", "calibration"):
        monkeypatch.setattr(
            f"mutualseg.engine.{module}.time", SimpleNamespace(perf_counter=_Clock().perf_counter)
        )
    words = flags(steps=None, evaluate_every=None, budget="9s")
    outcome = command("train", "--data", data, "--out", "run", *words)
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "leaves 4 steps of 1.0 s beside 5 evaluations of 1 s" in outcome.err
    assert "--evaluate-every" in outcome.err
    assert not (tmp_path / "run").exists()


VERBS = ("train", "evaluate", "predict", "suggest", "split", "check", "compare")
HELPS = [
    ["--help"],
    *([verb, "--help"] for verb in VERBS),
    *(["train", "--method", m, "--help"] for m in METHODS),
]


@pytest.mark.parametrize("words", HELPS, ids=" ".join)
def test_help_fits_80_columns(words: list[str], command: Command) -> None:
    outcome = command(*words)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("usage: mutualseg")
    assert [line for line in outcome.out.splitlines() if len(line) > 80] == []
    if "--method" in words:
        assert "--method.ema" in outcome.out
        assert "--views.cutmix_boxes" in outcome.out


def test_version_and_no_words(command: Command) -> None:
    assert command("--version").out == f"mutualseg {mutualseg.__version__}\n"
    nothing = command()
    assert nothing.code == 2
    assert "first steps" in nothing.out


def test_init_gives_both_students_the_encoder_and_one_the_decoder(
    data: Path, finished: Path, command: Command, tmp_path: Path
) -> None:
    still = ("--optimization.encoder_rate", "1e-12", "--optimization.decoder_rate", "1e-12")
    outcome = command("train", "--data", data, "--out", "run", *flags(steps=1, init=finished), *still)
    assert outcome.code == 0, outcome
    start = load_file(finished / "weights/deployed.safetensors")
    saved = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["state_dict"]
    for name in ("encoder.model.conv_stem.weight", "classifier.weight"):
        torch.testing.assert_close(saved[f"method.student_a.{name}"], start[name], rtol=0, atol=1e-9)
    stem = saved["method.student_b.encoder.model.conv_stem.weight"]
    torch.testing.assert_close(stem, start["encoder.model.conv_stem.weight"], rtol=0, atol=1e-9)
    assert not torch.equal(saved["method.student_b.classifier.weight"], start["classifier.weight"])


def test_a_run_without_out_has_the_next_free_folder(data: Path, tmp_path: Path, command: Command) -> None:
    words = flags(method="labels_only", steps=1, evaluate_every=1)
    for name in ("data", "data-2"):
        outcome = command("train", "--data", data, *words)
        assert outcome.code == 0, outcome
        assert f"all results: runs/{name}/summary.json" in outcome.out
        assert (tmp_path / "runs" / name / "summary.json").is_file()
