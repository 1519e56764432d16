from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mutualseg.data.layouts.reading import read_layout
from mutualseg.data.splits import make_split
from mutualseg.errors import DataError, MaskError
from tests.command.made import files_below
from tests.data.layouts.made import ACDC_SLICES, coded, gray, write_acdc, write_h5, write_lines


@pytest.mark.parametrize("below", ["", "ACDC"])
def test_slices_and_volumes(tmp_path: Path, below: str) -> None:
    home = write_acdc(tmp_path / below)
    before = files_below(tmp_path)
    folder = read_layout(tmp_path)
    assert files_below(tmp_path) == before
    assert folder.layout == "acdc"
    assert folder.root == home
    assert folder.classes == ("background", "right ventricle", "myocardium", "left ventricle")
    assert [sample.name for sample in folder.train] == [f"train/{name}" for name in ACDC_SLICES]
    assert [sample.name for sample in folder.val] == [f"val/patient011_frame01_slice_{i}" for i in (1, 2, 3)]
    assert [sample.name for sample in folder.test] == [
        f"test/patient021_frame02_slice_{i}" for i in (1, 2, 3)
    ]
    for sample, source in (
        (folder.train[0], ACDC_SLICES[0]),
        (folder.val[2], "patient011_frame01/2"),
        (folder.test[0], "patient021_frame02/0"),
    ):
        with Image.open(sample.image) as image:
            found = np.asarray(image).astype(np.float64) / 65535
        assert image.mode == "I;16"
        assert np.abs(found - gray(source)).max() <= 0.5 / 65535 + 1e-7
        assert sample.mask is not None
        assert (folder.encoding.masks.read(sample.mask) == coded(source, (0, 1, 3), ignore=2)).all()


def test_slices_of_a_patient_stay_together(tmp_path: Path) -> None:
    folder = read_layout(write_acdc(tmp_path))
    split = make_split(folder, labeled=2)
    assert split.group == folder.group == r"patient\d+"
    assert len({sample.name[:16] for sample in split.labeled}) == 1
    assert "acdc; --group changes that" in " ".join(split.notes)
    alone = make_split(folder, labeled=2, group="slice_1")
    assert alone.group == "slice_1"
    assert "--group changes" not in " ".join(alone.notes)


def test_slices_are_unpacked_again_when_a_file_changed(tmp_path: Path) -> None:
    write_acdc(tmp_path)
    first = read_layout(tmp_path).train[0].image
    assert read_layout(tmp_path).train[0].image == first
    write_h5(tmp_path / f"data/slices/{ACDC_SLICES[0]}.h5", np.zeros((30, 40), np.float32), None)
    folder = read_layout(tmp_path)
    assert folder.train[0].image != first
    assert folder.train[0].mask is None  # without a label it is unlabeled
    assert len(folder.labeled) == len(ACDC_SLICES) - 1


@pytest.mark.parametrize(("low", "high"), [(-0.5, 1), (0, 255), (0, np.nan)])
def test_images_that_are_not_scaled_are_refused(tmp_path: Path, low: float, high: float) -> None:
    write_acdc(tmp_path)
    image = np.array([[low, high]], np.float32)
    write_h5(tmp_path / f"data/slices/{ACDC_SLICES[1]}.h5", image, np.zeros((1, 2), np.uint8))
    with pytest.raises(DataError, match=f"{ACDC_SLICES[1]}.h5 has image values from .* 0 to 1 is needed"):
        read_layout(tmp_path)


def test_broken_files_are_named(tmp_path: Path) -> None:
    write_acdc(tmp_path)
    path = tmp_path / f"data/slices/{ACDC_SLICES[2]}.h5"
    write_h5(path, np.zeros((2, 2), np.float32), np.zeros((2, 3), np.uint8))
    with pytest.raises(MaskError, match=r"label of \[2, 3\] for an image of \[2, 2\]"):
        read_layout(tmp_path)
    write_h5(path, np.zeros((2, 2), np.float32), np.full((2, 2), 0.5))
    with pytest.raises(MaskError, match="no class indices"):
        read_layout(tmp_path)
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(DataError, match=f"{path.name} is no complete .h5 file"):
        read_layout(tmp_path)
    path.unlink()
    with pytest.raises(DataError, match=f"1 files .*{path.name}"):
        read_layout(tmp_path)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    write_acdc(tmp_path)
    (tmp_path / "train_slices.list").unlink()
    with pytest.raises(DataError, match=r"train_slices\.list is missing; --layout acdc expects train_slices"):
        read_layout(tmp_path, "acdc")
    write_lines(tmp_path / "train_slices.list", [])
    with pytest.raises(DataError, match="names no image"):
        read_layout(tmp_path, "acdc")


def test_without_the_library_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_acdc(tmp_path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DataError, match=r"not installed; pip install 'mutualseg\[medical\]'"):
        read_layout(tmp_path)
