"""What newcomers stumble over: each once gave a silent wrong answer or a dead end."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mutualseg.data.streams import sample_at
from tests.command.conftest import Command
from tests.command.made import SMALL, flags, write, write_data, write_photos


def test_moved_data_are_scored_on_the_images_that_were_held_out(tmp_path: Path, command: Command) -> None:
    data = write_data(tmp_path / "data", {"train": 12}, labeled=8)
    assert command("train", "--data", data, "--out", "run", *flags()).code == 0
    before = json.loads(command("evaluate", "run", "--json").out)
    moved = tmp_path / "moved"
    shutil.move(data, moved)
    after = json.loads(command("evaluate", "run", "--data", moved, "--json").out)
    assert before["images"] == after["images"] == 2
    assert after["miou"] == before["miou"]
    others = write_data(tmp_path / "others", {"train": 3}, labeled=3)
    shutil.move(others / "images/train/00.png", others / "images/train/other.png")
    shutil.move(others / "masks/train/00.png", others / "masks/train/other.png")
    assert json.loads(command("evaluate", "run", "--data", others, "--json").out)["split"] == "all labeled"


def test_an_image_that_breaks_a_run_does_not_cost_it(tmp_path: Path, command: Command) -> None:
    data = write_data(tmp_path / "data", {"train": 16, "val": 2}, labeled=4)
    assert command("split", data, "--out", "split.json").code == 0
    names = json.loads(Path("split.json").read_text())["unlabeled"]
    order = [names[sample_at(place, len(names), 0, "unlabeled")] for place in range(24)]
    broken = next(name for name in order[14:] if name not in order[:4])  # pictures show the first four
    path = data / f"images/{broken}.png"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    outcome = command("train", "--data", data, "--out", "run", "--method.burn_in", 0.5, *flags(steps=12))
    assert outcome.code == 2
    assert f"{broken}.png is broken or cut short" in outcome.err
    assert "is saved, so then go on with: mutualseg train --resume run" in outcome.err
    path.write_bytes(whole)
    assert command("train", "--resume", "run").code == 0
    assert json.loads(Path("run/summary.json").read_text())["steps"] == 12


def test_a_broken_val_image_stops_a_run_before_it_starts(tmp_path: Path, command: Command) -> None:
    data = write_data(tmp_path / "data", {"train": 6, "val": 2}, labeled=4)
    path = data / "images/val/00.png"
    path.write_bytes(path.read_bytes()[:2000])
    outcome = command("train", "--data", data, "--out", "run", *flags())
    assert outcome.code == 2
    assert "val/00.png" in outcome.err
    assert not Path("run").exists()


def test_check_refuses_what_train_refuses(tmp_path: Path, command: Command) -> None:
    data = write_data(tmp_path / "data", {"train": 5}, labeled=2)
    assert command("train", "--data", data, "--out", "run", *flags()).code == 2
    checked = command("check", data)
    assert checked.code == 2
    assert "too few to hold some out" in checked.out


def test_copies_across_parts_are_named(tmp_path: Path, command: Command) -> None:
    data = write_data(tmp_path / "data", {"train": 6, "val": 2}, labeled=4)
    photos = write_photos(tmp_path / "photos", ("a.png", "b.png"))
    shutil.copy(data / "images/val/00.png", photos / "copy.png")
    assert "--unlabeled image is identical to one of val" in command("check", data, "--unlabeled", photos).out
    shutil.copy(data / "images/val/00.png", data / "images/train/00.png")
    shutil.copy(data / "images/val/01.png", data / "images/train/05.png")
    outcome = command("train", "--data", data, "--out", "run", *flags(steps=1))
    assert outcome.code == 0
    assert "1 training images are identical to images of val or test" in outcome.err
    assert "1 unlabeled images are identical to val or test images and were dropped" in outcome.err


def test_a_part_under_another_name_is_pointed_out(tmp_path: Path, command: Command) -> None:
    data = write_data(tmp_path / "data", {"train": 6, "val": 2}, labeled=4)
    for kind in ("images", "masks"):
        for old, new in (("train", "training"), ("val", "validation")):
            shutil.move(data / kind / old, data / kind / new)
    checked = " ".join(command("check", data).out.split())
    for name, part in (("training", "train"), ("validation", "val")):
        assert f"{name} is read as training images cure: rename it to {part}" in checked
    outcome = command("train", "--data", data, "--out", "run", *flags(steps=1))
    assert "validation is read as training images; rename it to val" in outcome.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--init", "run", "--weights", "w.safetensors"), "--init and --weights w.safetensors exclude each"),
        (("--method.burn_in", "0.8", "--method.ramp", "0.5"), "more than the whole run"),
        (("--crop", "7"), "--crop 7 is too small; give at least 16 pixels"),
    ],
)
def test_what_would_be_ignored_is_refused(
    words: tuple[str, ...], said: str, data: Path, command: Command
) -> None:
    given = flags({name: value for name, value in SMALL.items() if f"--{name}" not in words})
    outcome = command("train", "--data", data, "--out", "run", *given, *words)
    assert outcome.code == 2
    assert said in outcome.err


def test_a_split_file_brings_its_own_seed_and_groups(data: Path, command: Command) -> None:
    assert command("split", data, "--labeled", 4, "--split-seed", 3, "--out", "split.json").code == 0
    words = ("train", "--data", data, "--labeled", "split.json", *flags(steps=1))
    refused = command(*words, "--out", "run", "--split-seed", 7)
    assert refused.code == 2
    assert "already fixes the split; leave out --split-seed" in refused.err
    assert command(*words, "--out", "run").code == 0
    assert command("train", "--config", "run/config.yaml", "--out", "again").code == 0


def test_masks_in_the_folder_of_photos_are_not_segmented(finished: Path, command: Command) -> None:
    photos = write_photos(Path("photos"), ("a.jpg", "b.jpg"))
    for _ in range(2):
        assert command("predict", finished, photos, "--out", photos / "masks").out.startswith("2 masks")
    assert sorted(path.name for path in (photos / "masks").iterdir()) == ["a.png", "b.png"]


def test_gray_levels_are_not_taken_for_indices(tmp_path: Path, command: Command) -> None:
    data = write_data(tmp_path / "data", {"train": 6, "val": 2}, labeled=4)
    (data / "classes.txt").unlink()
    for path in (data / "masks").rglob("*.png"):
        mask = np.array(Image.open(path))
        write(path, np.where(mask == 1, 128, 0).astype(np.uint8))
    for outcome in (command("check", data), command("train", "--data", data, "--out", "run", *flags())):
        assert outcome.code == 2
        assert "hold the values 0, 128, which look like gray levels" in " ".join(
            (outcome.out + outcome.err).split()
        )


def test_help_names_methods_and_presets(command: Command) -> None:
    text = " ".join(command("train", "--help").out.split())
    assert "mutual, labels_only" in text
    assert re.search(r"Presets: .*mkd_reference, voc_blended_dinov2_base", text)
    assert command("check", "--help").out.startswith("usage: mutualseg check DIR [options]")
