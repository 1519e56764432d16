"""`check --fix`: the copy has no error, the source is untouched, and every difference is listed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from mutualseg.data.class_names import read_classes
from mutualseg.data.cured_copy import upright
from mutualseg.data.findings import CuredCopy, Report
from mutualseg.data.images import read_image
from mutualseg.errors import ConfigError, DataError
from mutualseg.reporting.checking import check_folder
from tests.command.made import HEIGHT, WIDTH, draw, write, write_data, write_photos

Spoil = Callable[[Path], object]


def digests(root: Path) -> dict[str, str]:
    """Return a digest of every file below a folder."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def cure(root: Path, out: Path, *unlabeled: Path) -> tuple[Report, CuredCopy]:
    """Write a copy, and see that it is sound and that nothing else changed."""
    before = [digests(folder) for folder in (root, *unlabeled)]
    report = check_folder(root, unlabeled=unlabeled, fix=out, quiet=True)
    assert [digests(folder) for folder in (root, *unlabeled)] == before
    assert report.copy is not None
    assert report.copy.report.ok, report.copy.report.findings
    listed = (out / "FIXED.txt").read_text().splitlines()[1:]
    assert listed == [f"{change.file}: {change.what}" for change in report.copy.changes]
    return report, report.copy


def what(copy: CuredCopy) -> dict[str, str]:
    return {"/".join(change.file.parts[-2:]): change.what for change in copy.changes}


def turned(path: Path, name: str, orientation: int) -> Path:
    """Write a JPEG that is stored turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw(name)[0]).save(path, exif=exif, quality=95)
    return path


def test_a_sound_folder_is_copied_byte_for_byte(tmp_path: Path) -> None:
    root = write_data(tmp_path / "data")
    _, copy = cure(root, tmp_path / "out")
    assert copy.changes == ()
    assert (copy.images, copy.masks) == (15, 10)
    own, other = digests(root / "images"), digests(tmp_path / "out/images")
    assert own == other
    for path in (root / "masks").rglob("*.png"):
        same = Image.open(tmp_path / "out" / path.relative_to(root))
        assert same.mode == "L"
        assert (np.array(same) == np.array(Image.open(path))).all()
    assert (tmp_path / "out/classes.txt").read_text() == "left\nright\ndisc\n"


def _bytes(path: str, content: bytes) -> Spoil:
    return lambda root: (root / path).write_bytes(content)


def _cut(path: str) -> Spoil:
    return lambda root: (root / path).write_bytes((root / path).read_bytes()[:700])


def _copied(source: str, target: str) -> Spoil:
    return lambda root: (root / target).write_bytes((root / source).read_bytes())


def _mask(path: str, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Spoil:
    return lambda root: write(root / path, pixels)


def _saved(path: str, image: Image.Image, kind: str) -> Spoil:
    def save(root: Path) -> None:
        (root / path).unlink(missing_ok=True)
        image.save(root / path, kind)

    return save


PICTURE = Image.fromarray(draw("picture")[0])
SICK: dict[str, tuple[Spoil, dict[str, str]]] = {
    "empty image": (
        _bytes("images/train/01.png", b""),
        {"train/01.png": "left out with its image"},
    ),
    "image cut short": (_cut("images/train/08.png"), {"train/08.png": "cut short"}),
    "no image": (_bytes("images/val/00.png", b"no image"), {"val/00.png": "left out with its image"}),
    "mask of another size": (
        _mask("masks/train/00.png", np.ones((HEIGHT, WIDTH // 2), np.uint8)),
        {"train/00.png": f"left out: is {WIDTH // 2}x{HEIGHT} pixels"},
    ),
    "mask cut short": (_bytes("masks/train/02.png", b"\x89PNG\r\n\x1a\n"), {"train/02.png": "left out: "}),
    "wrong ids": (
        _mask("masks/train/03.png", np.full((HEIGHT, WIDTH), 9, np.uint8)),
        {"train/03.png": f"{HEIGHT * WIDTH} pixels of values that no class has (9) set to 255"},
    ),
    "orphan": (
        _mask("masks/train/zz.png", draw("zz")[1]),
        {"train/zz.png": "left out: no image has its name"},
    ),
    "clash": (
        _saved("images/train/00.tif", PICTURE, "TIFF"),
        {"train/00.tif": "left out: 00.png has the same name but for the suffix"},
    ),
    "stray": (_saved("images/stray.png", PICTURE, "PNG"), {"images/stray.png": "left out: it lies beside"}),
    "lying suffix": (_saved("images/train/06.png", PICTURE, "JPEG"), {"train/06.png": "named .jpg"}),
    "repeat": (
        _copied("images/train/07.png", "images/train/09.png"),
        {"train/09.png": "left out: it is identical to"},
    ),
    "leak": (
        _copied("images/val/01.png", "images/train/05.png"),
        {"train/05.png": "left out of train: it is identical to"},
    ),
    "JPEG mask": (
        _saved("masks/train/04.png", Image.fromarray(draw("x")[1]), "JPEG"),
        {"train/04.png": "left out: "},
    ),
}


@pytest.mark.parametrize("sickness", SICK)
def test_a_sick_folder_is_cured(sickness: str, tmp_path: Path) -> None:
    spoil, said = SICK[sickness]
    root = write_data(tmp_path / "data")
    spoil(root)
    _, copy = cure(root, tmp_path / "out")
    found = what(copy)
    assert set(found) == set(said)
    for file, text in said.items():
        assert text in found[file]


def test_all_sicknesses_at_once(tmp_path: Path) -> None:
    root = write_data(tmp_path / "data", {"train": 12, "val": 4, "test": 2}, labeled=7)
    for spoil, _ in SICK.values():
        spoil(root)
    report, _ = cure(root, tmp_path / "out")
    assert not report.ok
    again = check_folder(tmp_path / "out", fix=tmp_path / "again", quiet=True)
    assert again.copy is not None
    assert again.copy.changes == ()


@pytest.mark.parametrize("orientation", range(2, 9))
def test_turned_images_become_upright(orientation: int, tmp_path: Path) -> None:
    root = write_data(tmp_path / "data")
    source = turned(root / "images/train/t.jpg", "t", orientation)
    as_stored = draw("t")[1]
    write(root / "masks/train/t.png", as_stored if orientation >= 5 else upright(as_stored, orientation))
    report, copy = cure(root, tmp_path / "out")
    target = tmp_path / "out/images/train/t.png"
    assert (read_image(target) == read_image(source)).all()
    with Image.open(target) as image:
        assert image.getexif().get(0x0112, 1) == 1
    mask = np.array(Image.open(tmp_path / "out/masks/train/t.png"))
    transposed = Image.fromarray(as_stored)
    exif = transposed.getexif()
    exif[0x0112] = orientation
    assert (mask == np.array(ImageOps.exif_transpose(transposed))).all()
    assert "upright" in what(copy)["train/t.jpg" if orientation < 5 else "train/t.png"]
    assert any("orientation" in finding.what for finding in report.findings)
    assert not any("orientation" in finding.what for finding in copy.report.findings)


def test_masks_of_other_codes_become_indices(tmp_path: Path) -> None:
    colors = np.array([[200, 0, 0], [0, 200, 0], [0, 0, 200]], np.uint8)
    codes = {"black and white": np.array([0, 0, 255], np.uint8), "colors": colors}
    for name, code in codes.items():
        root = write_data(tmp_path / name)
        (root / "classes.txt").unlink()
        expected = {}
        for path in sorted((root / "masks").rglob("*.png")):
            mask = np.array(Image.open(path)) % 255
            write(path, code[mask])
            expected[path.relative_to(root)] = mask
        classes = read_classes(root, sorted((root / "masks").rglob("*.png")))
        cure(root, tmp_path / f"{name} out")
        for path in expected:
            copied = Image.open(tmp_path / f"{name} out" / path)
            assert copied.mode == "L"
            assert (np.array(copied) == classes.code.read(root / path)).all()
        assert (tmp_path / f"{name} out/classes.txt").read_text().split("\n")[:-1] == list(classes.names)


def test_two_classes_of_which_masks_show_one_stay_that(tmp_path: Path) -> None:
    """Masks of 0 and 255 alone would read as black and white: the copy says that 255 is unknown."""
    root = write_data(tmp_path / "data")
    (root / "classes.txt").write_text("left\nright\n")
    for path in (root / "masks").rglob("*.png"):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[:9] = 255
        write(path, mask)
    (root / "dataset.yaml").write_text("classes: [left, right]\nvalues: [0, 1]\n")
    (root / "classes.txt").unlink()
    _, copy = cure(root, tmp_path / "out")
    assert copy.report.class_pixels == (10 * (HEIGHT - 9) * WIDTH, 0)
    assert copy.report.ignored_pixels == 10 * 9 * WIDTH


def test_unlabeled_folders_become_training_images(tmp_path: Path) -> None:
    root = write_data(tmp_path / "data")
    photos = write_photos(tmp_path / "photos", ("a.png", "deep/b.png", "bad.png"))
    PICTURE.save(photos / "a.jpg")
    (photos / "bad.png").write_bytes(b"")
    (photos / "again.png").write_bytes((photos / "a.png").read_bytes())
    _, copy = cure(root, tmp_path / "out", photos)
    names = {path.name for path in (tmp_path / "out/images/train/photos").rglob("*.*")}
    assert names == {"a.jpg", "a_2.png", "b.png"} or names == {"a.jpg", "again.png", "b.png"}
    assert copy.images == 15 + 3
    assert copy.report.images["train"] == 10 + 3


@pytest.mark.parametrize("place", ["data", "data/out", "data/images/new", "full", "file", "photos/out"])
def test_places_that_may_not_be_written(place: str, tmp_path: Path) -> None:
    root = write_data(tmp_path / "data")
    photos = write_photos(tmp_path / "photos", ("a.png",))
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_text("x")
    (tmp_path / "file").write_text("x")
    before = digests(tmp_path)
    with pytest.raises(ConfigError, match="--fix"):
        check_folder(root, unlabeled=[photos], fix=tmp_path / place, quiet=True)
    assert digests(tmp_path) == before
    assert not (tmp_path / "data/out").exists()


def test_a_link_into_the_data_folder_is_no_way_around(tmp_path: Path) -> None:
    root = write_data(tmp_path / "data")
    (tmp_path / "link").symlink_to(root)
    with pytest.raises(ConfigError, match="only read"):
        check_folder(root, fix=tmp_path / "link/out", quiet=True)
    with pytest.raises(ConfigError, match="only read"):
        check_folder(root, sheet=tmp_path / "link/sheet.png", quiet=True)


def test_nothing_to_copy(tmp_path: Path) -> None:
    (tmp_path / "data/images").mkdir(parents=True)
    (tmp_path / "data/images/a.png").write_bytes(b"")
    with pytest.raises(DataError, match="nothing to copy"):
        check_folder(tmp_path / "data", fix=tmp_path / "out", quiet=True)
    assert not (tmp_path / "out").exists()
