"""`--window`, `--scales` and `--flip` of the verbs, and what a run keeps of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

import mutualseg
from mutualseg.comparison import on_test
from mutualseg.engine import session
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.evaluation.metrics import Scores
from mutualseg.evaluation.network_scores import evaluate_networks
from mutualseg.predictor import Predictor
from mutualseg.weights_files import load_network, save_network
from tests.command.conftest import Command
from tests.command.made import CLASSES, SMALL, Pixels, draw, flags, write_photos

pytestmark = pytest.mark.slow  # each trains


@pytest.fixture(scope="module")
def windowed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that looked at val images in windows of 32 pixels."""
    run = tmp_path_factory.mktemp("windowed") / "run"
    mutualseg.train(str(data), out=str(run), window=32, quiet=True, **SMALL)
    return run


@pytest.fixture(scope="module")
def undecided(windowed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of it whose network likes every class alike on the whole, so that each look differs."""
    run = tmp_path_factory.mktemp("undecided") / "undecided"
    shutil.copytree(windowed, run)
    network, config, facts = load_network(windowed / "weights/deployed.safetensors")
    pixels = torch.from_numpy(np.stack([draw(f"undecided/{index}")[0] for index in range(4)]))
    images = pixels.permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0
        network.train()(images)
        assert network.classifier.bias is not None
        network.classifier.bias.sub_(network.eval()(images).logits.mean((0, 2, 3)))
    save_network(run / "weights/deployed.safetensors", network, config, facts)
    return run


@pytest.fixture(scope="module")
def predictor(undecided: Path) -> Predictor:
    return mutualseg.load(undecided)


def masks_in(folder: str) -> dict[str, Pixels]:
    return {path.name: np.array(Image.open(path)) for path in sorted(Path(folder).iterdir())}


def same(one: dict[str, Pixels], other: dict[str, Pixels]) -> bool:
    assert list(one) == list(other)
    return all(np.array_equal(one[name], other[name]) for name in one)


def score(command: Command, run: Path, *words: object) -> dict[str, Any]:
    outcome = command("evaluate", run, "--json", *words)
    assert outcome.code == 0, outcome
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def test_a_run_keeps_its_window(windowed: Path, finished: Path) -> None:
    assert yaml.safe_load((windowed / "config.yaml").read_text(encoding="utf-8"))["window"] == 32
    assert yaml.safe_load((finished / "config.yaml").read_text(encoding="utf-8"))["window"] is None
    assert json.loads((windowed / "summary.json").read_text(encoding="utf-8"))["window"] == 32


def test_evaluate_does_as_the_run_did(windowed: Path, finished: Path, command: Command) -> None:
    summary = json.loads((windowed / "summary.json").read_text(encoding="utf-8"))
    own = score(command, windowed)
    assert (own["window"], own["scales"], own["flip"]) == (32, [1.0], False)
    assert own["miou"] == pytest.approx(summary["miou"], abs=1e-3)
    assert own["pixel_accuracy"] == pytest.approx(summary["pixel_accuracy"], abs=1e-3)
    assert own == score(command, windowed, "--window", "auto") == score(command, windowed, "--window", 32)
    # The window changes no weight: the same run without it has the same network.
    whole = score(command, windowed, "--window", "whole")
    assert whole == {**score(command, finished), "run": str(windowed)}


def test_the_table_says_how_images_were_looked_at(windowed: Path, command: Command) -> None:
    shown = command("evaluate", windowed, "--scales", "1", "1.5", "--flip").err
    assert " ".join(shown.split()).startswith("val: 3 images, windows of 32, scales 1 1.5, flip, mIoU ")


def test_each_way_of_looking_has_its_own_score(undecided: Path, command: Command) -> None:
    ways: list[tuple[object, ...]] = [(), ("--window", "whole"), ("--flip",), ("--scales", 0.5, 1)]
    found = [score(command, undecided, *words) for words in ways]
    assert len({each["pixel_accuracy"] for each in found}) == len(ways)
    assert len({each["miou"] for each in found}) == len(ways)


def test_scales_may_stand_before_the_run(windowed: Path, command: Command) -> None:
    expected = score(command, windowed, "--scales", "0.75,1,1.25", "--flip")
    assert expected["scales"] == [0.75, 1.0, 1.25]
    assert expected["flip"] is True
    outcome = command("evaluate", "--json", "--flip", "--scales", "0.75", "1", "1.25", windowed)
    assert outcome.code == 0, outcome
    assert json.loads(outcome.out) == expected
    repeated = ("--scales", "0.75", "--scales", "1", "--scales=1.25")
    assert score(command, windowed, *repeated, "--flip", "true") == expected
    assert mutualseg.evaluate(str(windowed), scales=(0.75, 1, 1.25), flip=True, quiet=True) == expected


def test_predict_does_as_the_run_did(undecided: Path, tmp_path: Path, command: Command) -> None:
    photos = write_photos(tmp_path / "photos", ("a.png", "b.png"))
    alone = shutil.copy(undecided / "weights/deployed.safetensors", tmp_path / "alone.safetensors")
    for out, source, words in (
        ("own", undecided, ()),
        ("weights", alone, ("--window", "auto")),
        ("said", undecided, ("--window", 32)),
        ("whole", undecided, ("--window", "whole")),
        ("scales", undecided, ("--flip", "--scales", "0.5", "1")),
    ):
        outcome = command("predict", source, photos, "--out", out, *words)
        assert outcome.code == 0, outcome
    own = masks_in("own")
    assert same(own, masks_in("weights"))
    assert same(own, masks_in("said"))
    assert not same(own, masks_in("whole"))
    assert not same(own, masks_in("scales"))


def test_images_may_follow_the_scales(undecided: Path, tmp_path: Path, command: Command) -> None:
    photos = write_photos(tmp_path / "photos", ("a.png",))
    words = ("--out", "one", "--scales", "0.5", "1", undecided, photos)
    assert command("predict", *words).code == 0
    assert command("predict", undecided, photos, "--out", "two", "--scales", "0.5,1").code == 0
    assert same(masks_in("one"), masks_in("two"))


@settings(max_examples=12, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    window=st.sampled_from(["auto", "whole", 32, 47, 800]),
    scales=st.sampled_from([(), 1, (0.25,), (0.5, 1.0, 1.75), "0.75,1.25"]),
    flip=st.booleans(),
)
def test_every_combination_comes_back_at_the_image_s_size(
    predictor: Predictor, height: int, width: int, window: int | str, scales: Any, flip: bool
) -> None:
    pixels = np.random.default_rng(height * 91 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    indices = predictor.predict(pixels, window=window, scales=scales, flip=flip)
    assert indices.dtype == np.uint8
    assert indices.shape == (height, width)
    assert indices.max() < len(CLASSES)
    if window == 800:
        assert np.array_equal(indices, predictor.predict(pixels, window="whole", scales=scales, flip=flip))
    if window == "auto":
        assert np.array_equal(indices, predictor.predict(pixels, window=32, scales=scales, flip=flip))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--window", "hole"), "neither a number of pixels nor auto nor whole; did you mean 'whole'?"),
        (("--window", "8"), "--window 8 is too small; give at least 32 pixels"),
        (("--window", "80.5"), "give a whole number, such as 512"),
        (("--scales", "big"), "--scales big is no number"),
        (("--scales", "1", "8"), "--scales 8 is out of range; give factors from 0.25 to 4."),
        (("--scales", ","), "is no number"),
        (("--scale", "1"), "did you mean --scales?"),
    ],
)
@pytest.mark.parametrize("verb", ["evaluate", "predict"])
def test_other_values_are_refused(
    verb: str, words: tuple[str, ...], said: str, windowed: Path, data: Path, command: Command
) -> None:
    rest = (data / "images/val", "--out", "masks") if verb == "predict" else ()
    outcome = command(verb, windowed, *rest, *words)
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert said in outcome.err
    assert not Path("masks").exists()


@pytest.mark.parametrize("window", ["hole", "auto", 8])
@pytest.mark.parametrize("verb", ["train", "compare"])
def test_trainings_refuse_other_windows(verb: str, window: str | int, data: Path, command: Command) -> None:
    outcome = command(verb, "--data", data, "--out", "out", "--window", window, *flags())
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert f"--window {window} " in outcome.err
    assert not Path("out").exists()


def test_resume_keeps_the_window(windowed: Path, finished: Path, command: Command) -> None:
    for words in ((), ("--window", 32)):
        assert command("train", "--resume", windowed, *words).code == 0
    for run, window, kept in ((windowed, "whole", "32"), (windowed, 48, "32"), (finished, 48, "whole")):
        outcome = command("train", "--resume", run, "--window", window)
        assert outcome.code == 2
        assert f"--window {window} contradicts the run in {run} ({kept})" in outcome.err
    assert command("train", "--resume", finished, "--window", "whole").code == 0


def test_runs_of_before_look_at_whole_images(finished: Path, tmp_path: Path, command: Command) -> None:
    """Neither their config.yaml nor their weights say anything of windows."""
    old = tmp_path / "old"
    shutil.copytree(finished, old)
    values = yaml.safe_load((old / "config.yaml").read_text(encoding="utf-8"))
    del values["window"]
    (old / "config.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    weights = (old / "weights/deployed.safetensors").read_bytes()
    header = int.from_bytes(weights[:8], "little")
    described = json.loads(weights[8 : 8 + header])
    facts = json.loads(described["__metadata__"]["mutualseg"])
    del facts["window"]
    described["__metadata__"]["mutualseg"] = json.dumps(facts)
    text = json.dumps(described).encode()
    text += b" " * (-len(text) % 8)
    data = len(text).to_bytes(8, "little") + text + weights[8 + header :]
    (old / "weights/deployed.safetensors").write_bytes(data)
    assert mutualseg.load(old).window is None
    assert score(command, old) == {**score(command, finished), "run": str(old)}
    assert command("train", "--resume", old).code == 0


def test_the_twin_of_a_run_has_its_window(data: Path, command: Command) -> None:
    words = flags({**SMALL, "steps": 2}, window=32, with_baseline="true")
    assert command("train", "--data", data, "--out", "run", *words).code == 0
    assert yaml.safe_load(Path("run/baseline/config.yaml").read_text(encoding="utf-8"))["window"] == 32


def test_compare_scores_in_windows(data: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: dict[str, list[int | None]] = {}

    def watched(module: ModuleType) -> None:
        def watch(*arguments: Any, options: InferenceOptions, **rest: Any) -> dict[str, Scores]:
            looks.setdefault(module.__name__, []).append(options.window)
            return evaluate_networks(*arguments, options=options, **rest)

        monkeypatch.setattr(module, "evaluate_networks", watch)

    watched(session)
    watched(on_test)
    short = flags({**SMALL, "steps": 2}, methods="labels_only", seeds=0, split="test")
    assert command("compare", "--data", data, "--out", "cut", "--window", 32, *short).code == 0
    assert looks == {session.__name__: [32], on_test.__name__: [32]}
    record = json.loads(Path("cut/comparison.json").read_text(encoding="utf-8"))
    assert record["settings"]["window"] == 32
    assert score(command, Path("cut", record["runs"][0]["run"]))["window"] == 32
    refused = command("compare", "--data", data, "--out", "cut", *short)
    assert refused.code == 2
    assert "made with window 32, not unset" in refused.err
