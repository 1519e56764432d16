"""Names in the archive, whatever files are called."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualseg.web_app.mask_names import folder_names, mask_names


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("photo.jpg", "photo.png"),
        ("Foto für Oma (1).JPG", "Foto für Oma (1).png"),
        ("sub/deep/a.b.tif", "sub/deep/a.b.png"),
        ("../../etc/passwd.png", "etc/passwd.png"),
        ("/absolute.png", "absolute.png"),
        ("..\\up.png", "_._up.png"),
        ("CON.png", "_CON.png"),
        ("a\x1b[31m\u202e.png", "a_[31m_.png"),
        (".hidden.png", "_hidden.png"),
        ("", "image.png"),
        ("a" * 300 + ".png", "a" * 100 + ".png"),
    ],
)
def test_a_mask_is_called_like_its_image(image: str, mask: str) -> None:
    assert mask_names([image]) == [mask]


def test_no_two_masks_are_alike_even_where_case_does_not_count() -> None:
    assert mask_names(["a.jpg", "a.png", "A.png", "b/a.png"]) == ["a.png", "a-2.png", "A-3.png", "b/a.png"]
    assert folder_names(["run", "Run", "../x"]) == ["run", "Run-2", "_._x"]


@settings(deadline=None)  # other tests may share the cores
@given(st.lists(st.text(max_size=30), max_size=6))
def test_no_name_leads_out_of_the_archive(names: list[str]) -> None:
    made = mask_names(names)
    assert len({name.casefold() for name in made}) == len(names)
    for name in made:
        for path in (PurePosixPath(name), PureWindowsPath(name)):
            assert not path.is_absolute()
            assert ".." not in path.parts
        assert not any(unicodedata.category(letter).startswith("C") for letter in name)
