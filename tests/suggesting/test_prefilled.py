"""Masks to begin with, read back by the readers of data folders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from mutualseg.data import cvat, labelme
from mutualseg.data.catalog import class_colors
from mutualseg.data.class_files import read_class_file
from mutualseg.data.mask_codes import BINARY, INDICES, MaskCode
from mutualseg.errors import ConfigError
from mutualseg.suggesting.prefilled import (
    CVAT_END,
    FORMATS,
    cvat_head,
    cvat_image,
    labelme_text,
    read_formats,
    save_mask,
)
from mutualseg.suggesting.writing import dataset_yaml

Indices = npt.NDArray[np.uint8]

PLAIN = ("road", 'cell 2 <&> "x"', "straße")
WITH_BACKGROUND = ("car", "Background", "sign")


def islands() -> Indices:
    """Return a map in which each class has a region, a hole with another one, and an island in the hole."""
    down, right = np.mgrid[:60, :80]
    away = np.hypot(down - 30, right - 40)
    classes = np.ones((60, 80), np.uint8)
    classes[away < 26] = 0
    classes[away < 17] = 1
    classes[away < 9] = 2
    return classes


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "images" / "a b.png"
    path.parent.mkdir()
    Image.new("RGB", (80, 60)).save(path)
    return path


def read_labelme(text: str, image: Path, names: tuple[str, ...]) -> Indices:
    file = image.parent.parent / "a b.json"
    file.write_text(text, encoding="utf-8")
    drawn = labelme.draw_masks([file], {image.name: image}, names)
    return INDICES.read(drawn.masks[image.name])


def read_cvat(text: str, image: Path, names: tuple[str, ...] | None) -> Indices:
    file = image.parent.parent / "annotations.xml"
    file.write_text(text, encoding="utf-8")
    drawn = cvat.draw_masks(file, {image.name: image}, names)
    return INDICES.read(drawn.masks[image.name])


@pytest.mark.parametrize("names", [PLAIN, WITH_BACKGROUND])
def test_labelme_reads_back_nearly_all(names: tuple[str, ...], image: Path) -> None:
    classes = islands()
    again = read_labelme(labelme_text(classes, names, "images/a b.png"), image, names)
    assert not (again == 255).any()
    assert (again == classes).mean() > 0.985


@pytest.mark.parametrize("names", [PLAIN, WITH_BACKGROUND])
def test_cvat_reads_back_every_pixel(names: tuple[str, ...], image: Path) -> None:
    classes = islands()
    text = cvat_head(names, None) + cvat_image(0, image.name, classes, names) + CVAT_END
    np.testing.assert_array_equal(read_cvat(text, image, names), classes)


def test_cvat_declares_its_labels_in_the_order_of_the_classes(image: Path) -> None:
    classes = islands()
    text = cvat_head(PLAIN, None) + cvat_image(0, image.name, classes, PLAIN) + CVAT_END
    np.testing.assert_array_equal(read_cvat(text, image, None), classes + 1)  # after a background of its own


def test_background_is_outlined_only_where_something_would_be_painted_below() -> None:
    shapes = json.loads(labelme_text(islands(), WITH_BACKGROUND, "x.png"))["shapes"]
    assert [shape["label"] for shape in shapes] == ["car", "Background", "sign"]
    everything = np.ones((5, 7), np.uint8)
    shapes = json.loads(labelme_text(everything, WITH_BACKGROUND, "x.png"))["shapes"]
    assert [shape["label"] for shape in shapes] == ["Background"]  # none would mean that nobody looked


def test_background_alone_is_a_mask_of_its_own_in_cvat(image: Path) -> None:
    everything = np.ones((60, 80), np.uint8)
    text = (
        cvat_head(WITH_BACKGROUND, None) + cvat_image(0, image.name, everything, WITH_BACKGROUND) + CVAT_END
    )
    np.testing.assert_array_equal(read_cvat(text, image, WITH_BACKGROUND), everything)


def test_masks_have_indices_and_a_palette(tmp_path: Path) -> None:
    path = tmp_path / "masks" / "a.png"
    save_mask(path, islands(), INDICES, class_colors(3))
    with Image.open(path) as written:
        assert written.mode == "P"
        assert tuple(written.getpalette() or ())[:9] == tuple(sum(class_colors(3), ()))
        np.testing.assert_array_equal(np.asarray(written), islands())


@pytest.mark.parametrize(
    "code",
    [
        MaskCode.of_values({7: 0, 11: 1, 26: 2, 0: 255}),
        MaskCode.of_colors({(128, 64, 128): 0, (0, 0, 142): 1, (220, 220, 0): 2, (0, 0, 0): 255}),
    ],
)
def test_masks_have_the_values_or_colors_of_the_data(code: MaskCode, tmp_path: Path) -> None:
    save_mask(tmp_path / "a.png", islands(), code, class_colors(3))
    np.testing.assert_array_equal(code.read(tmp_path / "a.png"), islands())
    (tmp_path / "dataset.yaml").write_text(dataset_yaml(code, PLAIN), encoding="utf-8")
    listed = read_class_file(tmp_path)
    assert listed is not None
    assert listed.names == PLAIN
    own = MaskCode.of_values(listed.values) if code.kind == "values" else MaskCode.of_colors(listed.colors)
    assert own == code


def test_black_and_white_masks_stay_so(tmp_path: Path) -> None:
    classes = (islands() == 0).astype(np.uint8)
    save_mask(tmp_path / "a.png", classes, BINARY, class_colors(2))
    with Image.open(tmp_path / "a.png") as written:
        np.testing.assert_array_equal(np.asarray(written), 255 * classes)


def test_formats_by_name() -> None:
    assert read_formats(()) == FORMATS
    assert read_formats("none") == ()
    assert read_formats(["cvat,png"]) == ("png", "cvat")
    assert read_formats(["labelme", "labelme"]) == ("labelme",)
    with pytest.raises(ConfigError, match="labelme"):
        read_formats("labelmee")
    with pytest.raises(ConfigError, match="alone"):
        read_formats("none,png")
