"""`mutualseg evaluate` and `mutualseg predict`, and the same from Python."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import mutualseg
from mutualseg import opened_data
from mutualseg.errors import ImageError, MutualSegError, WeightsError
from mutualseg.predictor import Predictor
from tests.command.conftest import Command
from tests.command.made import (
    CLASSES,
    HEIGHT,
    SMALL,
    WIDTH,
    Pixels,
    draw,
    write,
    write_data,
    write_photos,
)


@pytest.fixture(scope="module")
def predictor(finished: Path) -> Predictor:
    return mutualseg.load(finished)


def test_val_score_is_the_summary_s(finished: Path, command: Command) -> None:
    summary = json.loads((finished / "summary.json").read_text(encoding="utf-8"))
    outcome = command("evaluate", finished, "--json")
    assert outcome.code == 0
    assert outcome.out.count("\n") == 1
    scores = json.loads(outcome.out)
    assert scores["miou"] == pytest.approx(summary["miou"], abs=1e-3)
    assert scores["per_class_iou"] == pytest.approx(summary["per_class_iou"], abs=1e-3)
    assert scores["pixel_accuracy"] == pytest.approx(summary["pixel_accuracy"], abs=1e-3)
    assert (scores["split"], scores["images"]) == ("val", 3)


def test_test_part_and_table(finished: Path, command: Command) -> None:
    outcome = command("evaluate", finished, "--split", "test")
    assert outcome.code == 0
    assert outcome.out.startswith("test mIoU ")
    assert outcome.out.count("\n") == 1
    for name in (*CLASSES, "2 images"):
        assert name in outcome.err
    assert max(map(len, outcome.err.splitlines())) <= 80
    scores = mutualseg.evaluate(str(finished), split="test", quiet=True)
    assert f"test mIoU {scores['miou']:.2f}" in outcome.out


def test_other_data(finished: Path, tmp_path: Path) -> None:
    with_val = write_data(tmp_path / "a", {"train": 4, "val": 2}, labeled=1)
    assert mutualseg.evaluate(str(finished), data=str(with_val), quiet=True)["images"] == 2
    without_parts = write_data(tmp_path / "b", {"train": 4}, labeled=3)
    assert mutualseg.evaluate(str(finished), data=str(without_parts), quiet=True)["images"] == 3
    with pytest.raises(MutualSegError, match="no test part"):
        mutualseg.evaluate(str(finished), data=str(with_val), split="test", quiet=True)


def test_other_classes_are_refused(finished: Path, tmp_path: Path, command: Command) -> None:
    root = write_data(tmp_path / "data")
    (root / "classes.txt").write_text("left\nright\nsquare\n", encoding="utf-8")
    outcome = command("evaluate", finished, "--data", root)
    assert outcome.code == 2
    assert "left, right, square" in outcome.err
    assert outcome.err.count("\n") == 1


def test_folder_is_segmented_with_its_structure(
    finished: Path, predictor: Predictor, tmp_path: Path, command: Command
) -> None:
    photos = write_photos(tmp_path / "photos", ("a.png", "trip/b.jpg", "trip/day 2/c.webp"))
    outcome = command("predict", finished, photos, "--out", "masks")
    assert outcome.code == 0, outcome
    assert outcome.out == "3 masks written to masks\n"
    written = sorted(path.relative_to("masks").as_posix() for path in Path("masks").rglob("*.png"))
    assert written == ["a.png", "trip/b.png", "trip/day 2/c.png"]
    with Image.open("masks/trip/b.png") as mask:
        assert mask.mode == "P"
        indices = np.array(mask)
        colors = np.unique(np.array(mask.convert("RGB")).reshape(-1, 3), axis=0)
        assert len(colors) == len(np.unique(indices))
    assert np.array_equal(indices, predictor.predict(photos / "trip/b.jpg"))


def test_single_files_and_weights_file(
    finished: Path, predictor: Predictor, tmp_path: Path, command: Command
) -> None:
    photos = write_photos(tmp_path / "photos", ("a.png", "b.png"))
    weights = shutil.copy(finished / "weights/deployed.safetensors", tmp_path / "alone.safetensors")
    outcome = command("predict", weights, photos / "a.png", photos / "b.png", "--out", "masks", "--json")
    assert outcome.code == 0, outcome
    assert json.loads(outcome.out) == {"written": ["masks/a.png", "masks/b.png"], "skipped": []}
    with Image.open("masks/b.png") as mask:
        assert np.array_equal(np.array(mask), predictor.predict(photos / "b.png"))


def test_unreadable_image_is_skipped_and_listed(finished: Path, tmp_path: Path, command: Command) -> None:
    photos = write_photos(tmp_path / "photos", ("a.png", "c.png"))
    (photos / "b.png").write_bytes((photos / "a.png").read_bytes()[:500])
    outcome = command("predict", finished, photos, "--out", "masks")
    assert outcome.code == 1
    assert outcome.out == "2 masks written to masks\n"
    assert outcome.err.count("\n") == 1
    assert outcome.err.startswith("skipped: ")
    assert "b.png" in outcome.err
    listed = json.loads(command("predict", finished, photos, "--out", "masks", "--json").out)
    assert [Path(skip["file"]).name for skip in listed["skipped"]] == ["b.png"]


def test_masks_that_would_collide_are_refused(finished: Path, tmp_path: Path, command: Command) -> None:
    photos = write_photos(tmp_path / "photos", ("a.png", "a.jpg"))
    outcome = command("predict", finished, photos, "--out", "masks")
    assert outcome.code == 2
    assert "would both be written to" in outcome.err
    assert not Path("masks").exists()
    (photos / "a.jpg").unlink()
    before = (photos / "a.png").read_bytes()
    outcome = command("predict", finished, photos, "--out", photos)
    assert outcome.code == 2
    assert "replace the image itself" in outcome.err
    assert (photos / "a.png").read_bytes() == before


def test_predictor_takes_paths_images_and_arrays(predictor: Predictor, tmp_path: Path) -> None:
    assert predictor.classes == CLASSES
    pixels = draw("photo")[0]
    path = write(tmp_path / "photo.png", pixels)
    expected = predictor.predict(path)
    assert expected.dtype == np.uint8
    assert expected.shape == (HEIGHT, WIDTH)
    assert expected.max() < len(CLASSES)
    for image in (str(path), pixels, Image.fromarray(pixels)):
        assert np.array_equal(predictor.predict(image), expected)
    assert np.array_equal(predictor.predict(pixels), expected)  # nothing moved


@pytest.mark.parametrize("size", [(1, 1), (33, 7), (97, 131)])
def test_any_size_comes_back_at_its_own(predictor: Predictor, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert predictor.predict(pixels).shape == size


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4), np.uint16), np.zeros((3, 4, 5), np.uint8), np.zeros((4, 4, 3), np.float32)],
)
def test_other_arrays_are_refused(predictor: Predictor, pixels: Pixels) -> None:
    with pytest.raises(ImageError, match=r"uint8 \[H,W,3\]"):
        predictor.predict(pixels)


@pytest.mark.parametrize("image", [None, 3, torch.zeros(3, 4, 4), [[0, 1]]])
def test_what_is_no_image_is_refused(predictor: Predictor, image: Any) -> None:
    with pytest.raises(ImageError, match="a path, a PIL image or a NumPy array"):
        predictor.predict(image)


def test_loading_what_is_no_run(tmp_path: Path, data: Path) -> None:
    with pytest.raises(WeightsError, match="no run or weights file"):
        mutualseg.load(tmp_path / "nowhere")
    with pytest.raises(WeightsError, match="no weights at"):
        mutualseg.load(data)
    with pytest.raises(WeightsError, match="safetensors"):
        mutualseg.load(data / "classes.txt")


def test_naming_the_own_data_scores_the_held_out_images(data: Path, tmp_path: Path, command: Command) -> None:
    """A folder without val: its held-out images, not those that were trained on."""
    shutil.copytree(data, tmp_path / "flat")
    for part in ("val", "test"):
        shutil.rmtree(tmp_path / "flat/images" / part)
        shutil.rmtree(tmp_path / "flat/masks" / part)
    mutualseg.train(str(tmp_path / "flat"), out="flat_run", quiet=True, **SMALL)
    plain = mutualseg.evaluate("flat_run", quiet=True)
    named = mutualseg.evaluate("flat_run", data="flat", quiet=True)
    assert plain == named
    assert plain["images"] == 2


def test_a_place_that_cannot_be_written_is_one_sentence(
    data: Path, finished: Path, tmp_path: Path, command: Command
) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    outcome = command("predict", finished, data / "images/val", "--out", tmp_path / "taken")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert outcome.err.startswith("mutualseg: ")


def test_windows(finished: Path, tmp_path: Path, command: Command) -> None:
    photos = write_photos(tmp_path / "photos", ("one.png", "two.png", "three.png"))
    for out, words in (("whole", ()), ("windows", ("--window", 32)), ("one", ("--window", 500))):
        assert command("predict", finished, photos, "--out", out, *words).code == 0
    whole, windows, one = (
        {path.name: np.array(Image.open(path)) for path in sorted((tmp_path / out).iterdir())}
        for out in ("whole", "windows", "one")
    )
    assert list(whole) == list(windows) == ["one.png", "three.png", "two.png"]
    assert all(np.array_equal(whole[name], one[name]) for name in whole)
    assert all(whole[name].shape == windows[name].shape for name in whole)
    assert command("evaluate", finished, "--window", 32).code == 0
    refused = command("predict", finished, photos, "--out", "no", "--window", 8)
    assert refused.code == 2
    assert "--window 8 is too small" in refused.err


def test_predictions_do_not_replace_masks(finished: Path, tmp_path: Path, command: Command) -> None:
    data = write_data(tmp_path / "data")
    before = {path: path.read_bytes() for path in data.rglob("*.png")}
    for out in ("data/masks", "data/masks/new"):
        outcome = command("predict", finished, data / "images", "--out", out)
        assert outcome.code == 2
        assert "which predictions would replace or join; name another folder" in " ".join(outcome.err.split())
    assert {path: path.read_bytes() for path in data.rglob("*.png")} == before


@pytest.mark.parametrize("is_own", [True, False])
def test_quiet_also_shows_no_bar_of_unpacking(
    data: Path, finished: Path, monkeypatch: pytest.MonkeyPatch, is_own: bool
) -> None:
    bars: list[tuple[str, bool]] = []

    def noting(title: str, *, quiet: bool) -> AbstractContextManager[Callable[[int, int], None]]:
        bars.append((title, quiet))
        return nullcontext(lambda done, total: None)

    monkeypatch.setattr(opened_data, "file_progress", noting)
    mutualseg.evaluate(str(finished), data=None if is_own else str(data), quiet=True)
    assert bars == [("unpacking", True)]
