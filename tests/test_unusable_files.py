from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mutualseg.data.folder import DataFolder, read_folder
from mutualseg.data.samples import Split
from mutualseg.data.splits import make_split
from mutualseg.errors import DataError, UnusableFileError
from mutualseg.unusable_files import leave_out_unusable
from tests.command.made import draw, write_data


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data", {"train": 75, "val": 5, "test": 2}, labeled=20)


def _read(root: Path) -> tuple[DataFolder, Split]:
    folder = read_folder(root, skip_broken=True)
    return folder, make_split(folder)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_every_bad_file_is_left_out_with_its_reason(root: Path) -> None:
    (root / "classes.txt").unlink()
    images, masks = root / "images", root / "masks"
    _cut(images / "train/03.png")
    (masks / "train/05.png").write_bytes(b"")
    Image.fromarray(draw("x")[0]).convert("I;16").save(images / "train/40.png")
    Image.fromarray(draw("x")[1][:9]).save(masks / "val/01.png")
    (images / "test/00.png").write_bytes(b"")  # of no use to the run: it stays, and is no fault of it
    folder, split = _read(root)
    usable = leave_out_unusable(folder, split, None)
    assert sorted((Path(file.file).name, file.part) for file in usable.skipped) == [
        ("01.png", "val"),
        ("03.png", "labeled"),
        ("05.png", "labeled"),
        ("40.png", "unlabeled"),
    ]
    reasons = {Path(file.file).name: file.reason for file in usable.skipped}
    assert "16 bits, unlike most" in reasons["40.png"]
    assert "cut short" in reasons["03.png"]
    assert f"{masks}/train/05.png is an empty file" in reasons["05.png"]
    assert "same size" in reasons["01.png"]
    assert usable.images == 80
    left = usable.split
    assert (len(left.labeled), len(left.unlabeled), len(left.val)) == (18, 54, 4)
    assert left.test == split.test
    names = {sample.name for sample in (*left.labeled, *left.unlabeled, *left.val)}
    assert names.isdisjoint({"train/03", "train/05", "train/40", "val/01"})
    assert usable.source.encoding.images.is_rgb


def test_a_sound_folder_is_left_as_it_is(root: Path) -> None:
    folder, split = _read(root)
    usable = leave_out_unusable(folder, split, None)
    assert usable.split == split
    assert usable.skipped == ()


@pytest.mark.parametrize(("bad", "stops"), [(4, False), (5, True)])
def test_above_five_percent_there_is_no_run(root: Path, bad: int, stops: bool) -> None:
    for index in range(bad):
        (root / f"images/train/{30 + index}.png").write_bytes(b"")
    folder, split = _read(root)
    if not stops:
        assert len(leave_out_unusable(folder, split, None).skipped) == bad
        return
    with pytest.raises(UnusableFileError, match=r"^5 of 80 images \(6\.2%\) cannot be used") as caught:
        leave_out_unusable(folder, split, None)
    said = str(caught.value)
    assert "which is 4 here" in said
    assert all(f"images/train/{30 + index}.png" in said for index in range(3))
    assert "30.png is an empty file" in said


def test_masks_that_are_all_of_another_code_stop_the_run(root: Path) -> None:
    for path in (root / "masks").rglob("*.png"):
        Image.fromarray(np.full((64, 80), 7, np.uint8)).save(path)
    folder, split = _read(root)
    with pytest.raises(UnusableFileError, match="holds class 7"):
        leave_out_unusable(folder, split, None)


@pytest.mark.parametrize("part", ["labeled", "val"])
def test_few_labels_among_many_images_may_not_all_be_bad(root: Path, part: str) -> None:
    folder, split = _read(root)
    few = replace(split, **{part: getattr(split, part)[:2]})
    for sample in getattr(few, part):
        sample.mask.write_bytes(b"")
    with pytest.raises(DataError, match=f"No {part} image can be used: .*empty file"):
        leave_out_unusable(folder, few, None)


def test_a_deep_image_that_is_cut_short_behind_its_header_is_not_measured(root: Path) -> None:
    for path in (root / "images").rglob("*.png"):
        gray = np.array(Image.open(path).convert("L")).astype(np.uint16) * 16
        Image.fromarray(gray).save(path)
    _cut(root / "images/train/30.png")
    folder, split = _read(root)
    usable = leave_out_unusable(folder, split, None)
    assert usable.skipped == ()  # its header is sound: it is skipped once it is used
    assert usable.source.encoding.images.kind == "16-bit"


def test_a_lone_mask_is_left_out_with_a_note_and_many_are_refused(root: Path) -> None:
    (root / "images/train/00.png").unlink()
    with pytest.raises(DataError, match="no image of the same name"):
        read_folder(root)
    assert any("1 masks have no image" in note for note in read_folder(root, skip_broken=True).notes)
    for index in range(1, 5):
        (root / f"images/train/{index:02d}.png").unlink()
    with pytest.raises(DataError, match="5 masks have no image"):
        read_folder(root, skip_broken=True)
