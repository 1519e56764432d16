from __future__ import annotations

import pytest

from mutualseg.data.annotated_images import AnnotatedImages, check_annotated_size
from mutualseg.errors import MaskError

IMAGES = (
    "train/a.jpg",
    "train/b.png",
    "val/a.jpg",
    "deep/x/c.tif",
    "deep/y/c.tif",
    "d.e.png",
    "caf\u00e9.jpg",
)


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("b.png", "train/b.png"),
        ("b.jpg", "train/b.png"),
        ("anything/b.png", "train/b.png"),
        ("train/a.jpg", "train/a.jpg"),
        ("C:\\data\\val\\a.jpg", "val/a.jpg"),
        ("val2017/a.jpg", "val/a.jpg"),
        ("val/b.png", None),
        ("y/c.tif", "deep/y/c.tif"),
        ("d.e.jpg", "d.e.png"),
        ("d.jpg", None),
        ("cafe\u0301.jpg", "caf\u00e9.jpg"),
        ("", None),
        ("/", None),
    ],
)
def test_the_image_that_a_name_means(name: str, image: str | None) -> None:
    assert AnnotatedImages(IMAGES).find(name, "file") == image


@pytest.mark.parametrize("name", ["a.jpg", "x/a.jpg", "c.tif", "z/c.tif"])
def test_what_could_be_two_images_is_refused(name: str) -> None:
    with pytest.raises(MaskError, match=r"file names the image .*, which could be .* or .*; write"):
        AnnotatedImages(IMAGES).find(name, "file")


def test_the_suffix_decides_between_two() -> None:
    assert AnnotatedImages(["a.png", "x/a.jpg"]).find("a.jpg", "file") == "x/a.jpg"


def test_sizes() -> None:
    check_annotated_size((3, 4), (3, 4), "file")
    with pytest.raises(MaskError, match=r"at 4x3 pixels, but its image is 3x4 when upright"):
        check_annotated_size((3, 4), (4, 3), "file")
    with pytest.raises(MaskError, match=r"^file was annotated at 4x3 pixels, but its image is 8x6; "):
        check_annotated_size((3, 4), (6, 8), "file")
