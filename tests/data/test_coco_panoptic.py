from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from mutualseg.data.coco_panoptic import draw_masks
from mutualseg.errors import DataError, ImageError, MaskError
from tests.data.made_annotations import HEIGHT, WIDTH, blank, coco, made_images, read, state_of, write_json

CATEGORIES = {200: "sky", 1: "person", 90: "tree"}
Numbers = npt.NDArray[np.int64]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUTUALSEG_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def numbers() -> Numbers:
    """Segments whose numbers need one, two and three bytes."""
    segments = np.zeros((HEIGHT, WIDTH), np.int64)
    segments[:4], segments[4:8, :8], segments[4:8, 8:] = 9, 70_000, 16_000_000
    segments[8:, :8] = 300
    return segments


INFO = {9: 200, 300: 1, 70_000: 90, 16_000_000: 1}


def write(
    root: Path, numbers: Numbers, info: dict[int, int], *, names: tuple[str, ...] = ("a.jpg",)
) -> tuple[Path, Path]:
    folder = root / "panoptic_val2017"
    folder.mkdir(parents=True, exist_ok=True)
    colors = np.stack([numbers % 256, numbers // 256 % 256, numbers // 65536], -1).astype(np.uint8)
    Image.fromarray(colors).save(folder / "a.png")
    segments = [
        {
            "id": number,
            "category_id": category,
            "iscrowd": int(number == 300),
            "bbox": [0, 0, 1, 1],
            "area": 1,
        }
        for number, category in info.items()
    ]
    content: dict[str, Any] = coco(names, [], CATEGORIES)
    content["annotations"] = [{"image_id": 1, "file_name": "a.png", "segments_info": segments}]
    return write_json(root / "panoptic_val2017.json", content), folder


def test_segments_become_classes_and_0_is_ignored(tmp_path: Path, numbers: Numbers) -> None:
    data = tmp_path / "data"
    images = made_images(data, "a.jpg", "b.jpg", "c.jpg")
    file, folder = write(data, numbers, INFO, names=("a.jpg", "b.jpg", "gone.jpg"))
    before = state_of(data)
    drawn = draw_masks(file, folder, images)
    assert drawn.classes == ("person", "tree", "sky")
    assert list(drawn.masks) == ["a.jpg"]
    assert (drawn.empty, drawn.absent) == (("b.jpg",), ("gone.jpg",))
    expected = blank(255)
    expected[:4], expected[4:8, :8], expected[4:8, 8:], expected[8:, :8] = 2, 1, 0, 0
    np.testing.assert_array_equal(read(drawn.masks["a.jpg"]), expected)
    listed = draw_masks(file, folder, images, ["sky", "tree", "person", "road"])
    np.testing.assert_array_equal(
        read(listed.masks["a.jpg"]), np.choose(np.minimum(expected, 3), [2, 1, 0, 255])
    )
    assert state_of(data) == before


def test_an_edited_png_is_drawn_anew(tmp_path: Path, numbers: Numbers) -> None:
    images = made_images(tmp_path, "a.jpg")
    draw_masks(*write(tmp_path, numbers, INFO), images)
    drawn = draw_masks(*write(tmp_path, np.full_like(numbers, 9), INFO), images)
    assert (read(drawn.masks["a.jpg"]) == 2).all()


def test_a_segment_that_is_not_listed_is_named(tmp_path: Path, numbers: Numbers) -> None:
    file, folder = write(tmp_path, numbers, {key: INFO[key] for key in (9, 300, 16_000_000)})
    with pytest.raises(MaskError, match=r"a\.png holds the segment 70000, which annotations\[0\].*\.json "):
        draw_masks(file, folder, made_images(tmp_path, "a.jpg"))


@pytest.mark.parametrize(
    ("info", "classes", "problem"),
    [
        ({0: 1}, None, "has the id 0"),
        ({2**70: 1}, None, "has the id 1180591620717411303424"),
        ({9: 5}, None, "category_id 5"),
        ({9: 200}, ["ski", "person"], "'sky'.*'ski'"),
    ],
)
def test_a_broken_list_of_segments_is_named(
    tmp_path: Path, numbers: Numbers, info: dict[int, int], classes: list[str] | None, problem: str
) -> None:
    file, folder = write(tmp_path, numbers, info)
    match = rf"panoptic_val2017\.json: annotations\[0\]\.segments_info\[0\] .*{problem}"
    with pytest.raises(MaskError, match=match):
        draw_masks(file, folder, made_images(tmp_path, "a.jpg"), classes)


def test_pngs_that_do_not_fit_are_named(tmp_path: Path, numbers: Numbers) -> None:
    images = made_images(tmp_path, "a.jpg")
    file, folder = write(tmp_path, numbers[:5], INFO)
    with pytest.raises(MaskError, match=r"a\.png was annotated at 16x5 pixels"):
        draw_masks(file, folder, images)
    Image.fromarray(blank()).save(folder / "a.png")
    with pytest.raises(MaskError, match=r"a\.png is an image of mode L"):
        draw_masks(file, folder, images)
    (folder / "a.png").unlink()
    with pytest.raises(ImageError, match=r"a\.png does not exist"):
        draw_masks(file, folder, images)
    with pytest.raises(DataError, match=r"folder .*nowhere of panoptic PNGs does not exist"):
        draw_masks(file, tmp_path / "nowhere", images)
