from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mutualseg.data.doctor import Finding, Report, format_report, inspect
from mutualseg.data.duplicates import identical_files, identical_to
from mutualseg.errors import DataError
from tests.data.made import pixels, write_folder, write_image, write_mask
from tests.data.made_annotations import box, coco, coco_object, made_images, write_json


def find(report: Report, text: str) -> Finding:
    found = [finding for finding in report.findings if text in finding.what]
    assert len(found) == 1, [finding.what for finding in report.findings]
    return found[0]


def test_a_sound_folder(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    root = write_folder(tmp_path, ["train/a", "train/b", "val/c", "test/d"], ["train/e"], 32, 48)
    report = inspect(root, progress=lambda done, total: steps.append((done, total)))
    assert report.findings == ()
    assert report.ok
    assert report.images == {"train": 3, "val": 1, "test": 1}
    assert report.labeled == {"train": 2, "val": 1, "test": 1}
    assert report.smallest == report.largest == (32, 48)
    assert report.classes == ("class 0", "class 1", "class 2")
    assert report.class_pixels == (1536, 1536, 1536)
    assert report.class_images == (4, 4, 4)
    assert report.ignored_pixels == 1536
    assert steps == [(done, 5) for done in range(1, 6)]


def test_everything_wrong_at_once(tmp_path: Path) -> None:
    root = write_folder(
        tmp_path,
        [f"train/{name}" for name in ("good", "cut1", "cut2", "deep", "size", "rgb", "out", "void", "twice")],
        ["train/bare", "val/bare"],
    )
    (root / "classes.txt").write_text("road\nsky\ntree\nboat\n")
    for index, name in enumerate(("cut1", "cut2")):
        path = write_image(root / f"images/train/{name}.png", 40, 40)
        path.write_bytes(path.read_bytes()[: 2000 + 100 * index])
    Image.fromarray(np.zeros((6, 8), np.uint16)).save(root / "images/train/deep.png")
    write_mask(root / "masks/train/size.png", height=5)
    Image.fromarray(pixels("color")).save(root / "masks/train/rgb.png")
    write_mask(root / "masks/train/out.png", [0, 9, 12])
    write_mask(root / "masks/train/void.png", [255])
    write_mask(root / "masks/train/orphan.png")
    write_image(root / "images/train/twice.tif")
    write_image(root / "images/stray.png")
    (root / "images/train/notes.txt").write_text("x")
    (root / "images/val/copy.png").write_bytes((root / "images/train/good.png").read_bytes())
    write_mask(root / "masks/val/copy.png", [0, 1])
    (root / "images/train/empty.jpg").write_bytes(b"")
    report = inspect(root)
    assert not report.ok
    assert find(report, "cut short").count == 2
    assert find(report, "16-bit").files == (root / "images/train/deep.png",)
    assert find(report, "empty file").files == (root / "images/train/empty.jpg",)
    assert "8x5 pixels but its image is 8x6" in find(report, "pixels but its image").what
    assert "save it as the other masks are" in find(report, "is a color image").cure
    assert "9, 12" in find(report, "outside the 4 classes (0 to 3)").what
    assert find(report, "no image of the same name").files == (root / "masks/train/orphan.png",)
    assert find(report, "share their name").count == 2
    warnings = {f.what: f for f in report.findings if f.severity == "warning"}
    assert find(report, "is empty: every").files == (root / "masks/train/void.png",)
    assert find(report, "absent from all training masks").what.endswith(": boat")
    assert find(report, "absent from val").what.endswith(": tree")
    assert find(report, "identical to one of val").files == (root / "images/train/good.png",)
    assert find(report, "has no mask and is left out").count == 1
    assert find(report, "beside train/").count == 1
    assert find(report, ".txt file").count == 1
    assert find(report, "smaller than 32").count == 10
    assert len(warnings) == 9
    severities = [finding.severity for finding in report.findings]
    assert severities == sorted(severities)
    assert all(finding.cure for finding in report.findings)


@pytest.mark.parametrize("with_list", [False, True])
def test_masks_of_0_and_255(tmp_path: Path, with_list: bool) -> None:
    write_folder(tmp_path, [], ["a", "b", "c"])
    for name in ("a", "b", "c"):
        write_mask(tmp_path / f"masks/{name}.png", [0, 255])
    if with_list:
        (tmp_path / "classes.txt").write_text("a\nb\n")
    report = inspect(tmp_path)
    assert report.ok
    assert report.classes == (("a", "b") if with_list else ("background", "foreground"))
    assert report.ignored_pixels == 0


def test_no_labels(tmp_path: Path) -> None:
    report = inspect(write_folder(tmp_path, [], ["a", "b"]))
    assert find(report, "no labeled training image").severity == "error"
    assert report.classes == ()
    assert report.class_source == "none"
    assert "no labeled" in format_report(report)


def test_warnings_alone_are_ok(tmp_path: Path) -> None:
    report = inspect(write_folder(tmp_path, ["a", "b", "c"]))
    assert {finding.severity for finding in report.findings} == {"warning"}
    assert "--unlabeled DIR" in find(report, "no unlabeled training image").cure
    assert "no val part" in find(report, "no val part").what
    assert report.ok


def test_class_file_and_class_count_findings(tmp_path: Path) -> None:
    write_folder(tmp_path, [], ["a"])
    write_mask(tmp_path / "masks/a.png", [0])
    assert "only class 0" in find(inspect(tmp_path), "hold only").what
    (tmp_path / "classes.txt").write_text("a\na\n")
    report = inspect(tmp_path)
    assert "own name" in find(report, "names the class 'a' twice").cure


def test_unlabeled_folders_are_read_too(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "data", ["a", "b", "c"])
    write_image(tmp_path / "photos/ok.png")
    (tmp_path / "photos/bad.png").write_bytes(b"")
    report = inspect(root, unlabeled=[tmp_path / "photos"])
    assert report.further == 2
    assert find(report, "empty file").files == (tmp_path / "photos/bad.png",)
    assert "--unlabeled" in format_report(report)
    assert find(inspect(root, unlabeled=[tmp_path / "gone"]), "is not a folder").severity == "error"


def test_nothing_to_inspect(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        inspect(tmp_path / "gone")


def test_the_text_fits_80_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = write_folder(Path("data"), ["train/a", "train/b", "train/c"], (), 40, 40)
    (root / "classes.txt").write_text("road\n" + "a very long class name " * 4 + "\nsky\n")
    for index in range(5):
        (root / f"images/train/broken{index}.png").write_bytes(b"")
    text = format_report(inspect(root))
    assert max(map(len, text.splitlines())) <= 80
    assert "error: 5 x image is an empty file" in text
    assert "and 2 more" in text
    assert "cure: replace or delete it" in text
    assert text.endswith("1 error, 1 warning\n")


def test_identical_files(tmp_path: Path) -> None:
    same_tail = b"x" * 5000
    contents = {
        "a": b"1" + same_tail,
        "b": b"2" + same_tail,
        "c": b"1" + same_tail,
        "d": b"",
        "e": b"",
        "f": b"1",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    paths = [tmp_path / name for name in (*contents, "gone")]
    assert identical_files(paths) == [[tmp_path / "a", tmp_path / "c"]]
    assert identical_to(paths[1:], paths[:1]) == {tmp_path / "c"}
    assert identical_to(paths[:2], paths[:1]) == {tmp_path / "a"}


def test_drawing_masks_shows_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUTUALSEG_CACHE", str(tmp_path / "cache"))
    names = ["a.png", "b.png", "c.png", "d.png"]
    made_images(tmp_path / "data", *names)
    objects = [coco_object(n, n, 7, [box(1, 2, 5, 6)]) for n in range(1, 5)]
    write_json(tmp_path / "data/instances.json", coco(names, objects, {7: "cat"}))
    moves: list[tuple[int, int]] = []
    report = inspect(tmp_path / "data", progress=lambda done, total: moves.append((done, total)))
    assert report.layout == "coco_json"
    assert len(moves) > sum(report.images.values())
    assert moves[-1] == (4, 4)
