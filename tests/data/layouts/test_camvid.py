from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mutualseg.data.catalog.camvid import CAMVID, CAMVID_SEGNET
from mutualseg.data.layouts.camvid import part_of
from mutualseg.data.layouts.reading import read_layout
from mutualseg.errors import DataError, MaskError
from tests.command.made import write
from tests.data.layouts.made import CAMVID_STILLS, coded, write_camvid, write_camvid_segnet

CLASS_OF = {
    (128, 128, 128): "sky",
    (128, 0, 0): "building",
    (64, 192, 0): "building",  # wall
    (0, 128, 64): "building",  # bridge
    (64, 0, 64): "building",  # tunnel
    (192, 0, 128): "building",  # archway
    (192, 192, 128): "pole",
    (0, 0, 64): "pole",  # traffic cone
    (128, 64, 128): "road",
    (128, 0, 192): "road",  # lane markings
    (192, 0, 64): "road",
    (0, 0, 192): "pavement",
    (64, 192, 128): "pavement",  # parking block
    (128, 128, 192): "pavement",  # road shoulder
    (128, 128, 0): "tree",
    (192, 192, 0): "tree",  # other vegetation
    (192, 128, 128): "sign",
    (128, 128, 64): "sign",  # text
    (0, 64, 64): "sign",  # traffic light
    (64, 64, 128): "fence",
    (64, 0, 128): "car",
    (64, 128, 192): "car",  # SUV
    (192, 128, 192): "car",  # truck
    (192, 64, 128): "car",  # train
    (128, 64, 64): "car",  # other moving
    (64, 64, 0): "pedestrian",
    (192, 128, 64): "pedestrian",  # child
    (64, 0, 192): "pedestrian",  # with luggage
    (64, 128, 64): "pedestrian",  # animal
    (0, 128, 192): "bicyclist",
    (192, 0, 192): "bicyclist",  # motorcycle
    (0, 0, 0): None,
}


def test_every_color(tmp_path: Path) -> None:
    mask = write(tmp_path / "colors.png", np.array([list(CLASS_OF)], np.uint8))
    expected = [255 if name is None else CAMVID.classes.index(name) for name in CLASS_OF.values()]
    assert CAMVID.masks.read(mask).tolist() == [expected]
    assert len(CLASS_OF) == 32
    assert len(CAMVID.classes) == 11


def test_segnet_values(tmp_path: Path) -> None:
    mask = write(tmp_path / "ids.png", np.array([[*range(12), 255]], np.uint8))
    assert CAMVID_SEGNET.masks.read(mask).tolist() == [[*range(11), 255, 255]]
    with pytest.raises(MaskError, match="value 12"):
        CAMVID_SEGNET.masks.read(write(tmp_path / "more.png", np.array([[12]], np.uint8)))


@pytest.mark.parametrize("write_it", [write_camvid, write_camvid_segnet])
def test_both_editions_have_the_same_parts_and_classes(tmp_path: Path, write_it: object) -> None:
    assert callable(write_it)
    write_it(tmp_path / "CamVid")
    folder = read_layout(tmp_path)
    assert folder.layout == "camvid"
    assert folder.classes == CAMVID.classes
    for part, samples in (("train", folder.train), ("val", folder.val), ("test", folder.test)):
        assert [sample.name for sample in samples] == [f"{part}/{name}" for name in CAMVID_STILLS[part]]
        for sample in samples:
            assert sample.mask is not None
            expected = coded(sample.name.partition("/")[2], (3, 1, 9))
            assert (folder.encoding.masks.read(sample.mask) == expected).all()


def test_parts_of_all_stills() -> None:
    stills = [f"0001TP_{number:06d}" for number in range(6690, 10381, 30)]
    stills += [f"0006R0_f{number:05d}" for number in range(930, 3931, 30)]
    stills += [f"0016E5_{number:05d}" for number in range(7959, 8160, 2)]
    stills += [f"0016E5_{number:05d}" for number in (390, 7920, 8190, 8640)]
    stills += [f"Seq05VD_f{number:05d}" for number in range(0, 5101, 30)]
    counts = {part: sum(part_of(still) == part for still in stills) for part in CAMVID_STILLS}
    assert counts == {"train": 62 + 101 + 4, "val": 101, "test": 62 + 171}


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    write_camvid(tmp_path)
    (tmp_path / "LabeledApproved_full").rename(tmp_path / "labels")
    with pytest.raises(DataError) as caught:
        read_layout(tmp_path, "camvid")
    assert f"{tmp_path / 'LabeledApproved_full'} is missing; --layout camvid expects" in str(caught.value)
