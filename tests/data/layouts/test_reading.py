from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mutualseg.data.layouts import LAYOUTS
from mutualseg.data.layouts.reading import layouts_here, read_layout
from mutualseg.errors import ConfigError, DataError, MaskError
from tests.data.layouts import made
from tests.data.made import write_folder

Write = Callable[[Path], Path]

PUBLIC: dict[str, Write] = {
    "voc": made.write_voc,
    "voc_fine": lambda root: made.write_voc(root, augmented=True),
    "voc_blended": lambda root: made.write_voc(root, augmented=True, own_masks=False),
    "cityscapes": made.write_cityscapes,
    "ade20k": made.write_ade20k,
    "coco_stuff": made.write_coco_stuff,
    "coco_panoptic": made.write_coco_panoptic,
    "coco": made.write_coco_objects,
    "camvid": made.write_camvid,
    "acdc": made.write_acdc,
}


@pytest.mark.parametrize("name", PUBLIC)
def test_each_is_found_by_its_files(tmp_path: Path, name: str) -> None:
    PUBLIC[name](tmp_path)
    folder = read_layout(tmp_path)
    assert folder.layout == name
    assert layouts_here(tmp_path)[0] is LAYOUTS[name]
    assert sum(note.startswith(f"Read as {name} with its ") for note in folder.notes) == 1
    named = read_layout(tmp_path, name)
    assert not any(note.startswith("Read as ") for note in named.notes)
    assert named.train == folder.train
    assert named.val == folder.val
    assert len(folder.colors or ()) == folder.num_classes
    every = [sample.name for sample in (*folder.train, *folder.val, *folder.test, *folder.unscored)]
    assert len(set(every)) == len(every)
    assert not any(sample.is_external for sample in (*folder.train, *folder.val))


@pytest.mark.parametrize("name", PUBLIC)
def test_no_other_kind_is_taken_for_it(tmp_path: Path, name: str) -> None:
    """A layout is here only where its builder wrote, or that of a kindred one."""
    kindred = {"voc": {"voc_fine"}, "voc_fine": {"voc"}, "voc_blended": {"voc_fine"}}
    for other, write in PUBLIC.items():
        if other != name and other not in kindred.get(name, set()):
            assert not LAYOUTS[name].is_here(write(tmp_path / other)), other


def test_images_and_masks_win(tmp_path: Path) -> None:
    write_folder(tmp_path, ["train/a", "val/b"])
    made.write_ade20k(tmp_path)
    folder = read_layout(tmp_path)
    assert folder.layout == "folder"
    assert read_layout(tmp_path, "folder").train == folder.train


def test_an_unknown_name_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no --layout cityscape; did you mean 'cityscapes'"):
        read_layout(tmp_path, "cityscape")


def test_a_folder_of_no_known_layout(tmp_path: Path) -> None:
    (tmp_path / "stuff").mkdir()
    with pytest.raises(DataError) as caught:
        read_layout(tmp_path)
    assert "has no folder images/" in str(caught.value)
    assert all(name in str(caught.value) for name in LAYOUTS)
    with pytest.raises(DataError) as plain:
        read_layout(tmp_path, "folder")
    assert "cityscapes" not in str(plain.value)


@pytest.mark.parametrize("layout", ["auto", *LAYOUTS])
def test_a_folder_that_is_not_there(tmp_path: Path, layout: str) -> None:
    with pytest.raises(DataError, match="does not exist; check the path"):
        read_layout(tmp_path / "gone", layout)


def test_no_mask_at_all(tmp_path: Path) -> None:
    made.write_ade20k(tmp_path)
    for path in (tmp_path / "annotations/training").iterdir():
        path.unlink()
    with pytest.raises(
        DataError, match=r"read as ade20k, has no training image with a mask \(and 4 without\)"
    ):
        read_layout(tmp_path)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_value_that_cannot_be_one_of_a_mask(tmp_path: Path, name: str) -> None:
    PUBLIC[name](tmp_path)
    with pytest.raises(MaskError, match="--ignore 70000"):
        read_layout(tmp_path, ignore=70000)


def test_files_that_are_unpacked_are_counted(tmp_path: Path) -> None:
    made.write_acdc(tmp_path)
    seen: list[tuple[int, int]] = []
    read_layout(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 8) for done in range(1, 9)]
