"""Listing beside the plain way with one `Path` a file, which it replaced."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from mutualseg.data.file_names import stem_of, suffix_of, without_suffix
from mutualseg.data.listing import list_tree, walk_files, walk_names
from mutualseg.errors import DataError


def plain_walk(root: Path) -> Iterator[Path]:
    seen: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if not name.startswith(".") and path.suffix:
                yield path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "images"
    for name in (
        "b.png",
        "a.png",
        "a.b.JPG",
        "README",
        ".hidden.png",
        "notes.txt",
        ".git/x.png",
        "deep/er/one.png",
        "deep-er/two.tif",
        "deep/two.png",
        "Z/é.png",
        f"Z/{unicodedata.normalize('NFD', 'ü')}.png",
        "val/c.webp",
        "val/more/train/d.png",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/far.png").write_text("x")
    (root / "deep/link").symlink_to(tmp_path / "elsewhere")
    (root / "zlink").symlink_to(tmp_path / "elsewhere")
    (root / "deep/loop").symlink_to(root)
    (root / "deep/file.png").symlink_to(root / "a.png")
    (root / "gone.png").symlink_to(root / "nowhere.png")
    (root / "gone").symlink_to(root / "nowhere")
    return root


def test_the_walk_is_the_plain_one(tree: Path) -> None:
    expected = list(plain_walk(tree))
    assert len(expected) == 14
    assert list(walk_files(tree)) == expected
    assert [tree / name for name in walk_names(tree)] == expected


def test_a_tree_by_part(tree: Path) -> None:
    found = list_tree(tree)
    assert found.has_parts
    assert found.count() == 13
    assert found.unknown == {".txt": 1}
    assert found.files["val"].paths == ["c.webp", "more/train/d.png"]
    assert found.files["val"].folder == tree / "val"
    own = ["a.b", "a", "b", "gone"]
    below = ["Z/ü", "Z/é", "deep/file", "deep/two", "deep/er/one", "deep/link/far", "deep-er/two"]
    assert found.files["train"].stems == [*own, *below]
    assert found.clashes() == []
    (tree / "deep/two.JPEG").write_text("x")
    assert list_tree(tree).clashes() == [[tree / "deep/two.JPEG", tree / "deep/two.png"]]
    (tree / "train").mkdir()
    beside = list_tree(tree)
    assert [len(beside.files[part].paths) for part in ("train", "val")] == [0, 2]
    assert len(beside.outside) == 12


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("x")
    with pytest.raises(DataError, match=r"images cannot be read \(Not a directory\); mend it\.$"):
        list(walk_names(tmp_path / "images"))
    assert list(walk_names(tmp_path / "masks")) == []


@pytest.mark.parametrize(
    ("path", "suffix"),
    [
        ("a.png", ".png"),
        ("a.b.PNG", ".PNG"),
        ("x.y/a", ""),
        ("x/.png", ""),
        ("a.", ""),
        ("", ""),
        ("x/a.", ""),
    ],
)
def test_suffixes(path: str, suffix: str) -> None:
    assert suffix_of(path) == suffix
    assert without_suffix(path) + suffix == path


def test_stems_spell_accents_in_one_way() -> None:
    assert stem_of("e\u0301/e\u0301.png") == "é/é"
