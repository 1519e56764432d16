"""Images that occur twice or nearly, within the training images and across parts, and the cure for them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mutualseg.data.doctor import inspect
from mutualseg.data.folder import read_folder
from mutualseg.data.group_patterns import group_pattern
from mutualseg.data.samples import Sample
from mutualseg.data.splits import make_split
from tests.data.made import camvid_or_skip, write_mask
from tests.data.test_doctor import find
from tests.data.test_look_alikes import scene


def frame(video: int, number: int = 0) -> Image.Image:
    """Return one of the frames of a video, in which little moves."""
    pixels = scene(video)
    pixels[20:30, 10 + 3 * number : 20 + 3 * number] = 200
    return Image.fromarray(pixels)


def write(root: Path, frames: dict[str, Image.Image], labeled: str = "") -> Path:
    """Write images by name, with masks where the pattern `labeled` matches."""
    for name, image in frames.items():
        path = root / "images" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
        if re.search(labeled, name):
            write_mask(root / "masks" / f"{name}.png", height=image.height, width=image.width)
    return root


def test_exact_repeats_among_the_unlabeled(tmp_path: Path) -> None:
    frames = {f"train/{number}": frame(number) for number in range(6)} | {"val/v": frame(9)}
    root = write(tmp_path, frames, "/[012v]$")
    folder = root / "images/train"
    (folder / "again.png").write_bytes((folder / "3.png").read_bytes())
    frame(4).save(folder / "lossless.tif")
    frame(0).save(folder / "of_labeled.webp", lossless=True)
    report = inspect(root)
    found = find(report, "pixel for pixel")
    assert found.files == tuple(folder / name for name in ("again.png", "lossless.tif", "of_labeled.webp"))
    # Of equal images, the one whose name comes first is kept.
    assert found.like == tuple(folder / name for name in ("3.png", "4.png", "0.png"))
    assert "--fix OUT" in found.cure
    assert report.ok
    assert not [one for one in report.findings if "looks almost like" in one.what]


def test_look_alikes_among_the_unlabeled(tmp_path: Path) -> None:
    frames = {f"train/{number}": frame(number) for number in range(6)} | {"val/v": frame(9)}
    frames |= {f"train/x{number}": frame(4, number) for number in range(1, 4)} | {"train/y": frame(5, 1)}
    report = inspect(write(tmp_path, frames, "/[012v]$"))
    found = find(report, "unlabeled image looks almost like")
    assert found.count == len(found.files) == len(found.like) == 4
    assert "2 groups" in found.what
    assert found.severity == "note"


def test_leaks_are_found_by_pixels(tmp_path: Path) -> None:
    frames = {"train/a": frame(0), "train/b": frame(1), "val/c": frame(2), "test/d": frame(3)}
    root = write(tmp_path / "data", frames)
    frame(2).save(root / "images/train/other_encoding.tif")
    (root / "images/train/bytes.png").write_bytes((root / "images/test/d.png").read_bytes())
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "dropped.png").write_bytes((root / "images/val/c.png").read_bytes())
    frame(2).save(photos / "not_dropped.tif")
    report = inspect(root, unlabeled=[photos])
    leaks = find(report, "training image is identical to one of val or test")
    assert {path.name for path in leaks.files} == {"other_encoding.tif", "bytes.png", "not_dropped.tif"}
    assert [path.parent.name for path in leaks.like] == ["test", "val", "val"]
    dropped = find(report, "will be dropped")
    assert dropped.files == (photos / "dropped.png",)
    assert not [one for one in report.findings if "looks almost like" in one.what]


def test_one_image_with_two_masks(tmp_path: Path) -> None:
    root = write(tmp_path, {"train/a": frame(0), "train/b": frame(0), "train/c": frame(1), "val/d": frame(2)})
    assert not [one for one in inspect(root).findings if "different masks" in one.what]
    write_mask(root / "masks/train/b.png", [2, 1, 0], 120, 160)
    found = find(inspect(root), "different masks")
    assert found.files == (root / "images/train/b.png",)
    assert found.like == (root / "images/train/a.png",)


def test_black_images_are_no_look_alikes(tmp_path: Path) -> None:
    black = {f"train/k{level}": Image.new("RGB", (64, 64), (level,) * 3) for level in range(5)}
    frames = {"train/a": frame(0), "train/b": frame(1), "val/v": Image.new("RGB", (64, 64), (9, 9, 9))}
    report = inspect(write(tmp_path, frames | black, "/[abv]$"))
    assert not [one for one in report.findings if "image" in one.what and one.like]


NAMINGS = {
    "number last": ("v{video}_{number:04}", r"^(.*?)[_.-]?\d+$"),
    "number before words": ("town_{video:06}_{number:06}_leftImg8bit", None),
    "folders": ("v{video}/{number:03}", None),
    "folders of words": ("{word}/left-{number}", None),
    "variants": ("{video:04}_{word}{number}", None),
}


@pytest.mark.parametrize("naming", NAMINGS)
def test_frames_of_one_video_in_two_parts(naming: str, tmp_path: Path) -> None:
    """The pattern that is proposed is used as it is printed: then no look-alikes are on two sides."""
    names, pattern = NAMINGS[naming]
    frames = {}
    for video in range(6):
        for number in range(4):
            part = "val" if video == 5 or (video == 4 and number == 3) else "train"
            name = names.format(video=video, number=number, word="abcdef"[video] * 3)
            frames[f"{part}/{name}"] = frame(video, number)
    root = write(tmp_path, frames)
    found = find(inspect(root), "training image looks almost like one of val or test")
    assert found.severity == "warning"
    assert found.count == 3
    words = shlex.split(found.cure.split(",")[0])
    assert words[:3] == ["mutualseg", "split", str(root)]
    group = words[words.index("--group") + 1]
    assert pattern in (None, group)
    assert "leaves 3 of 19 training images out" in found.cure
    split = make_split(read_folder(root), group=group)
    assert len(split.labeled) == 16
    assert len(split.val) == 5


def test_no_pattern_where_names_say_nothing(tmp_path: Path) -> None:
    names = ["q8", "m1", "zz", "k4", "b7", "u2"]
    frames = {f"train/{name}": frame(place) for place, name in enumerate(names)}
    frames |= {"val/r5": frame(0, 1), "val/h6": frame(8)}
    found = find(inspect(write(tmp_path, frames)), "training image looks almost like")
    assert "no --group pattern" in found.cure
    assert "move" in found.cure


def test_no_pattern_that_leaves_nothing_to_train_on(tmp_path: Path) -> None:
    frames = {f"train/clip_{number:03}": frame(0, number) for number in range(4)}
    frames["val/clip_004"] = frame(0, 4)
    found = find(inspect(write(tmp_path, frames)), "training image looks almost like")
    assert "no --group pattern" in found.cure


def test_labeled_frames_without_a_val_part(tmp_path: Path) -> None:
    frames = {f"v{video}_{number}": frame(video, number) for video in range(4) for number in range(3)}
    root = write(tmp_path, frames)
    found = find(inspect(root), "labeled image looks almost like another")
    assert found.count == 8
    group = shlex.split(found.cure.split(",")[0])[-3]
    split = make_split(read_folder(root), group=group)
    assert {sample.image.name[:2] for sample in split.val}.isdisjoint(
        sample.image.name[:2] for sample in split.labeled
    )
    one = write(tmp_path / "one", {f"v0_{number}": frame(0, number) for number in range(4)})
    assert "add images/val" in find(inspect(one), "labeled image looks almost like another").cure


def test_the_pattern_that_leaves_out_least_wins() -> None:
    def sample(name: str, part: str = "train") -> Sample:
        return Sample(Path(f"{part}/{name}.png"), Path("mask"), f"{part}/{name}", part)  # type: ignore[arg-type]

    train = [sample(f"town_{street}_{number}") for street in "abc" for number in range(3)]
    val = [sample("town_a_7", "val")]
    found = group_pattern([(train[0], val[0])], train, val)
    assert found is not None
    assert (found.pattern, found.left_out) == (r"^(.*?)[_.-]?\d+$", 3)  # not the word town, which is all


@pytest.mark.slow
def test_camvid_has_no_false_alarm_and_a_random_split_of_it_has_true_ones(tmp_path: Path) -> None:
    source = camvid_or_skip()
    report = inspect(source)
    assert not [one for one in report.findings if one.like]
    rng = np.random.default_rng(0)
    for image in sorted((source / "images").rglob("*.jpg")):
        part = "val" if rng.random() < 0.2 else "train"
        for kind, suffix in (("images", ".jpg"), ("masks", ".png")):
            target = tmp_path / kind / part / f"{image.stem}{suffix}"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source / kind / image.parent.name / target.name)
    found = find(inspect(tmp_path), "training image looks almost like")
    assert found.count > 20
    drives = [
        (a.name.split("_")[0], b.name.split("_")[0]) for a, b in zip(found.files, found.like, strict=True)
    ]
    assert all(one == other for one, other in drives)
