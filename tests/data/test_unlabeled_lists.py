"""`--unlabeled list.txt`: images of the data folder, and files elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mutualseg.data.folder import DataFolder, read_folder
from mutualseg.data.samples import Sample
from mutualseg.data.split_file import read_split, write_split
from mutualseg.data.splits import make_split
from mutualseg.errors import DataError, SplitError
from tests.data.made import write_folder, write_image

TRAIN = [f"train/{letter}" for letter in "abcdef"]


def names(samples: Sequence[Sample]) -> list[str]:
    return [sample.name for sample in samples]


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    """Return a folder of 6 labeled and 2 unlabeled training images, one for val and one for test."""
    write_folder(tmp_path / "data", [*TRAIN, "val/v", "test/t"], ["train/x", "train/y", "val/w"])
    return read_folder(tmp_path / "data")


def write_list(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\r\n".join(lines), encoding="utf-8")
    return path


def labeled(tmp_path: Path) -> str:
    return str(write_list(tmp_path / "labeled.txt", "a", "b"))


@pytest.mark.parametrize(
    "form",
    [
        "train/{0}",
        "{0}",
        "images/train/{0}.png",
        "/images/train/{0}.png",
        "images/train/{0}.png masks/train/{0}.png",
        "images/train/{0}.png,masks/train/{0}.png",
        "JPEGImages/{0}.jpg\tSegmentationClass/{0}.png",
        "{root}/images/train/{0}.png",
    ],
)
def test_images_of_the_data_folder(data: DataFolder, tmp_path: Path, form: str) -> None:
    lines = [form.format(letter, root=data.root) for letter in "adx"]
    path = write_list(tmp_path / "lists/unlabeled.txt", *lines)
    split = make_split(data, labeled=labeled(tmp_path), unlabeled=[path])
    assert names(split.unlabeled) == ["train/d", "train/x"]
    assert not any(sample.mask for sample in split.unlabeled)
    assert split.notes[1:] == (
        f"1 images of {path} are labeled, and not used again as unlabeled ones.",
        "4 training images are neither labeled nor on an --unlabeled list, and are not used.",
    )


def test_val_and_test_are_dropped_and_repeats_taken_once(data: DataFolder, tmp_path: Path) -> None:
    lines = ["val/v", "images/val/w.png", "t", "x", "x.png", "train/c", str(data.root / "images/test/t.png")]
    path = write_list(tmp_path / "list.txt", *lines)
    split = make_split(data, labeled=labeled(tmp_path), unlabeled=[path])
    assert names(split.unlabeled) == ["train/c", "train/x"]
    assert f"2 lines of {path} name an image again; each image is taken once." in split.notes
    assert f"3 images of {path} are in val or test and were dropped." in split.notes


def test_held_out_images_are_dropped(tmp_path: Path) -> None:
    folder = read_folder(write_folder(tmp_path / "data", list("abcdefgh"), ["x"]))
    path = write_list(tmp_path / "list.txt", *"abcdefghx")
    split = make_split(folder, labeled=2, unlabeled=[path])
    assert sorted(names(split.unlabeled) + names(split.labeled) + names(split.val)) == list("abcdefghx")
    assert f"2 images of {path} are in val or test and were dropped." in split.notes
    assert f"2 images of {path} are labeled, and not used again as unlabeled ones." in split.notes


def test_files_elsewhere(data: DataFolder, tmp_path: Path) -> None:
    write_image(tmp_path / "photos/near/1 2.png")
    write_image(tmp_path / "photos/far/b.png")  # named as a labeled image
    write_image(tmp_path / "absolute.png")
    write_image(data.root / "extra/new.png")
    (tmp_path / "photos/copy.png").write_bytes((data.root / "images/val/v.png").read_bytes())
    lines = ["near/1 2.png", "../photos/far/b.png m.png", str(tmp_path / "absolute.png"), "extra/new.png"]
    path = write_list(tmp_path / "photos/list.txt", *lines, "copy.png", "near/1 2.png", "images/train/d.png")
    split = make_split(data, labeled=labeled(tmp_path), unlabeled=[path])
    outside = {str(sample.image): sample.name for sample in split.unlabeled if sample.is_external}
    assert outside == {
        str(tmp_path / "photos/near/1 2.png"): f"{tmp_path.name}/photos/near/1 2.png",
        str(tmp_path / "photos/far/b.png"): f"{tmp_path.name}/photos/far/b.png",
        str(tmp_path / "absolute.png"): f"{tmp_path.name}/absolute.png",
        str(data.root / "extra/new.png"): f"{tmp_path.name}/data/extra/new.png",
    }
    assert [name for name in names(split.unlabeled) if name not in outside.values()] == ["train/d"]
    assert "1 --unlabeled files are identical to val or test images and were dropped." in split.notes
    assert f"1 line of {path} names an image again; each image is taken once." in split.notes
    write_split(split, data.root, tmp_path / "split.json")
    assert read_split(tmp_path / "split.json", data) == split


def test_the_data_folder_by_another_path(data: DataFolder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(data.root)
    path = write_list(
        tmp_path / "list.txt", "link/images/train/x.png", "data/images/train/y.png", "data/images/val/v.png"
    )
    split = make_split(data, labeled=labeled(tmp_path), unlabeled=[path])
    assert names(split.unlabeled) == ["train/x", "train/y"]
    assert f"1 images of {path} are in val or test and were dropped." in split.notes


def test_lists_beside_folders(data: DataFolder, tmp_path: Path) -> None:
    write_image(tmp_path / "photos/1.png")
    given = [
        write_list(tmp_path / "one.txt", "x"),
        tmp_path / "photos",
        write_list(tmp_path / "two.TXT", "c", "x"),
    ]
    split = make_split(data, labeled=labeled(tmp_path), unlabeled=given)
    assert names(split.unlabeled) == ["photos/1.png", "train/c", "train/x"]
    (tmp_path / "folder.txt").mkdir()
    write_image(tmp_path / "folder.txt/1.png")
    split = make_split(data, labeled=labeled(tmp_path), unlabeled=[tmp_path / "folder.txt"])
    assert len(split.unlabeled) == 4 + 2 + 1


def test_groups(tmp_path: Path) -> None:
    root = write_folder(
        tmp_path / "data", ["train/v1_1", "train/v1_2", "train/v2_1", "val/v3_1"], ["train/v3_2"]
    )
    folder = read_folder(root)
    path = write_list(tmp_path / "list.txt", "v3_2", "v2_1")
    split = make_split(
        folder, labeled=str(write_list(tmp_path / "l.txt", "v1_1", "v1_2")), unlabeled=[path], group="^v."
    )
    assert names(split.unlabeled) == ["train/v2_1"]


def test_a_list_replaces_what_a_split_file_has(data: DataFolder, tmp_path: Path) -> None:
    split = make_split(data, labeled=labeled(tmp_path))
    write_split(split, data.root, tmp_path / "split.json")
    assert len(split.unlabeled) == 6
    path = write_list(tmp_path / "list.txt", "a", "c", "y", "val/v")
    again = make_split(data, labeled=str(tmp_path / "split.json"), unlabeled=[path])
    assert again.labeled == split.labeled
    assert names(again.unlabeled) == ["train/c", "train/y"]
    write_split(again, data.root, tmp_path / "again.json")
    assert make_split(data, labeled=str(tmp_path / "again.json")) == again


def test_a_list_brings_no_held_out_image_back(tmp_path: Path) -> None:
    folder = read_folder(write_folder(tmp_path / "data", [f"v{i}_{j}" for i in range(5) for j in range(2)]))
    split = make_split(folder, labeled=2, group="^v.")
    write_split(split, folder.root, tmp_path / "split.json")
    path = write_list(tmp_path / "list.txt", *names(folder.train))
    again = make_split(folder, labeled=str(tmp_path / "split.json"), unlabeled=[path])
    assert replace(again, notes=()) == replace(split, notes=())


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["x", "q", "photos/z.png"],
            r"2 of its 3 names are unknown, line 2: neither an image of .*data nor an image file",
        ),
        (["xx"], r"is called 'xx'; the nearest name is 'x'; correct the list"),
        (["../labeled.txt"], r"is called '\.\./labeled\.txt'"),
        ([], "names no image"),
    ],
)
def test_lists_that_cannot_be(data: DataFolder, tmp_path: Path, lines: list[str], message: str) -> None:
    path = write_list(tmp_path / "lists/list.txt", *lines)
    with pytest.raises(SplitError, match=rf"list\.txt:? {message}|list\.txt: 1 of its 1 .*{message}"):
        make_split(data, labeled=labeled(tmp_path), unlabeled=[path])


def test_what_is_neither_list_nor_folder(data: DataFolder, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--unlabeled .*gone\.txt does not exist; check the path"):
        make_split(data, unlabeled=[tmp_path / "gone.txt"])
    write_list(tmp_path / "names.csv", "x")
    with pytest.raises(DataError, match=r"names\.csv is not a folder; give the folder, or a list .* \.txt"):
        make_split(data, unlabeled=[tmp_path / "names.csv"])
    both = read_folder(write_folder(tmp_path / "two", ["p/x", "q/x", "r/y", "r/z"]))
    path = write_list(tmp_path / "list.txt", "x")
    with pytest.raises(SplitError, match=r"line 1: 'x' may mean p/x or q/x; write the whole name"):
        make_split(both, labeled=1, unlabeled=[path])
