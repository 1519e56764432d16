"""What is odd about images one by one, and classes that are shown too little."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from mutualseg.data.doctor import inspect
from mutualseg.data.file_heads import FileHead, file_head, true_suffix
from mutualseg.data.image_findings import image_kind_findings
from mutualseg.data.rare_classes import rare_class_findings
from mutualseg.data.value_counts import GrowingCounts, ValueCounts
from tests.data.made import pixels, write_folder, write_image
from tests.data.test_doctor import find


@pytest.mark.parametrize(
    ("suffix", "kind"), [(".jpg", "JPEG"), (".png", "PNG"), (".webp", "WebP"), (".tiff", "TIFF")]
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_file_heads(suffix: str, kind: str, mode: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(pixels("a")).convert(mode).save(path)
    head = file_head(path)
    assert head == FileHead(kind, 1)
    assert true_suffix(head.format, path.name) is None
    assert true_suffix(head.format, "a.GIF") == {".tiff": ".tif"}.get(suffix, suffix)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8\xff", b"RIFF", b"no image at all", b"\x89PNG\r\n\x1a\n\0\0"]
)
def test_heads_of_broken_files_say_nothing_wrong(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    head = file_head(path)
    assert head.orientation == 1
    assert file_head(tmp_path / "gone.png") == FileHead()
    assert true_suffix("", "a.png") is None


def test_orientation(tmp_path: Path) -> None:
    root = write_folder(tmp_path, ["train/a", "train/b", "val/c"], ["train/u"], 40, 48)
    for orientation in (1, 3, 8):
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = root / f"images/train/turned{orientation}.jpg"
        Image.fromarray(pixels(str(orientation), 40, 48)).save(path, exif=exif)
        assert file_head(path).orientation == orientation
    found = find(inspect(root), "EXIF orientation")
    assert [path.name for path in found.files] == ["turned3.jpg", "turned8.jpg"]
    assert found.severity == "warning"


def test_suffixes_that_lie(tmp_path: Path) -> None:
    root = write_folder(tmp_path, ["train/a", "train/b", "val/c"], ["train/u"], 40, 48)
    Image.fromarray(pixels("j", 40, 48)).save(root / "images/train/j.png", "JPEG")
    Image.fromarray(pixels("p", 40, 48)).save(root / "images/train/p.JPG", "PNG")
    report = inspect(root)
    assert find(report, "is a JPEG file").files == (root / "images/train/j.png",)
    assert find(report, "is a PNG file").what.endswith(".JPG")


def test_mixed_kinds_and_sizes(tmp_path: Path) -> None:
    root = write_folder(tmp_path, ["train/a", "train/b", "val/c"], ["train/u"], 40, 48)
    for name in "xyz":
        Image.fromarray(pixels(name, 40, 48)).convert("L").save(root / f"images/train/{name}.png")
    write_image(root / "images/train/huge.png", 200, 300)
    write_image(root / "images/train/small.png", 20, 100)
    report = inspect(root)
    mixed = find(report, "another kind than most")
    assert mixed.count == 3
    assert "6 8-bit RGB, 3 8-bit gray" in mixed.what
    assert dict(report.kinds) == {"8-bit RGB": 6, "8-bit gray": 3}
    assert find(report, "smaller than 32").files == (root / "images/train/small.png",)
    sizes = find(report, "differ much in size")
    assert sizes.severity == "note"
    assert "48x40 to 300x200" in sizes.what
    assert sizes.count == 1


def test_kinds_given_by_a_reader() -> None:
    kinds = {"8-bit RGB": [Path("a"), Path("b")], "16-bit gray": [Path("c")], "5 channels": []}
    (found,) = image_kind_findings(kinds)
    assert found.files == (Path("c"),)
    assert "2 8-bit RGB, 1 16-bit gray images" in found.what
    assert found.severity == "error"  # as train refuses them
    (mixed,) = image_kind_findings({"8-bit RGB": [Path("a")], "8-bit gray": [Path("b")]})
    assert mixed.severity == "warning"
    assert not list(image_kind_findings({"8-bit RGB": [Path("a")]}))
    assert not list(image_kind_findings({}))


def test_bands_that_no_other_image_has(tmp_path: Path) -> None:
    root = write_folder(tmp_path, ["train/a", "train/b", "val/c"], [], 40, 48)
    five = np.random.default_rng(0).random((40, 48, 5), np.float32)
    tifffile.imwrite(root / "images/train/u.tif", five, photometric="minisblack", planarconfig="contig")
    report = inspect(root)
    assert dict(report.kinds) == {"8-bit RGB": 3, "floating-point with 5 channels": 1}
    assert not report.ok
    assert "of another kind" in next(f.what for f in report.findings if f.severity == "error")


def test_an_injected_reader_of_masks(tmp_path: Path) -> None:
    root = write_folder(tmp_path, ["train/a", "train/b", "val/c"], ["train/u"], 40, 48)
    report = inspect(root, read_mask=lambda path: np.full((40, 48), 1, np.uint8))
    assert report.class_pixels == (0, 3 * 40 * 48, 0)


def _counts(*masks: dict[int, int]) -> ValueCounts:
    counts = GrowingCounts()
    for place, mask in enumerate(masks):
        histogram = np.zeros(256, np.int64)
        histogram[list(mask)] = list(mask.values())
        counts.add(place, histogram)
    return counts.done()


def test_classes_of_few_pixels_or_masks() -> None:
    names = ["road", "sky", "sign", "cat"]
    common = [{0: 6000, 1: 4000, 2: 1}] * 5
    few, seldom = rare_class_findings(names, _counts(*common, {0: 9000, 3: 500, 255: 10**7}))
    assert (few.count, seldom.count) == (1, 1)
    assert "sign (0.0084 %)" in few.what
    assert "cat (1)" in seldom.what
    assert "6 training masks" in seldom.what
    assert "--supervision.class_weights balanced" in few.cure
    assert not list(rare_class_findings(names, _counts({0: 10, 1: 10}, {0: 10, 1: 10})))
    assert not list(rare_class_findings((), _counts(*common)))
    assert not list(rare_class_findings(names, _counts()))
