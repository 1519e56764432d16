"""What paths, folders and patterns mean, and where what is written of them would go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualseg.data.file_patterns import fixed_part, is_pattern, matching
from mutualseg.errors import ConfigError, DataError
from mutualseg.predicting import video_extra
from mutualseg.predicting.saved_kinds import KINDS, place_of, read_kinds
from mutualseg.predicting.targets import checked_targets, find_targets

FILES = (
    "photos/a.jpg",
    "photos/b.PNG",
    "photos/notes.txt",
    "photos/c.bmp",
    "photos/img[1].jpg",
    "photos/.hidden.jpg",
    "photos/trip/a.jpg",
    "photos/trip/film.MP4",
    "photos/trip/day 2/d.webp",
    "photos/trip/.cache/e.jpg",
    "other/x.tif",
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*words: str, out: str = "out") -> dict[str, str]:
    found = find_targets([Path(word) for word in words], Path(out))
    assert len({target.source for target in found}) == len(found)
    return {target.source.as_posix(): target.name for target in found}


ALL = {
    "photos/a.jpg": "a",
    "photos/b.PNG": "b",
    "photos/img[1].jpg": "img[1]",
    "photos/trip/a.jpg": "trip/a",
    "photos/trip/film.MP4": "trip/film",
    "photos/trip/day 2/d.webp": "trip/day 2/d",
}


@pytest.mark.parametrize("word", ["photos", "photos/", "photos/**", "photos/**/*", "phot?s/**/*.*"])
def test_a_folder_or_all_below_it(here: Path, word: str) -> None:
    expected = ALL if not word.startswith("phot?s") else {path: path.rpartition(".")[0] for path in ALL}
    assert names(word) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("photos/*.jpg", {"photos/a.jpg": "a", "photos/img[1].jpg": "img[1]"}),
        ("photos/**/a.jpg", {"photos/a.jpg": "a", "photos/trip/a.jpg": "trip/a"}),
        ("photos/*/a.jpg", {"photos/trip/a.jpg": "trip/a"}),
        ("*/x.tif", {"other/x.tif": "other/x"}),
        ("photos/[bc].*", {"photos/b.PNG": "b"}),
        ("photos/*.bmp", {"photos/c.bmp": "c"}),  # asked for by its suffix
        (
            "photos/t*",
            {f"photos/{n}": ALL[f"photos/{n}"] for n in ("trip/a.jpg", "trip/film.MP4", "trip/day 2/d.webp")},
        ),
        ("photos/trip/../*.PNG", {"photos/trip/../b.PNG": "b"}),
        ("photos/.h*.jpg", {"photos/.hidden.jpg": ".hidden"}),
        ("**/d.webp", {"photos/trip/day 2/d.webp": "photos/trip/day 2/d"}),
    ],
)
def test_patterns_keep_what_is_below_their_fixed_part(
    here: Path, pattern: str, expected: dict[str, str]
) -> None:
    assert names(pattern) == expected
    absolute = {str(here / path): name for path, name in expected.items()}
    if not pattern.startswith("*"):
        assert names(str(here / pattern)) == absolute


def test_what_exists_is_itself_whatever_is_in_its_name(here: Path) -> None:
    assert names("photos/img[1].jpg") == {"photos/img[1].jpg": "img[1]"}
    (here / "set [a-z]").mkdir()
    (here / "set [a-z]/one.png").write_bytes(b"")
    assert names("set [a-z]") == {"set [a-z]/one.png": "one"}
    (here / "img1.jpg").write_bytes(b"")
    assert names("img[1].jpg") == {"img1.jpg": "img1"}  # there is no such file here: a pattern
    (here / "img[1].jpg").write_bytes(b"")
    assert names("img[1].jpg") == {"img[1].jpg": "img[1]"}


def test_links_in_a_circle_end(here: Path) -> None:
    (here / "photos/trip/back").symlink_to(here / "photos")
    assert set(names("photos/**/*.webp").values()) == {"trip/day 2/d"}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("nowhere", "There is no image or folder 'nowhere'; check the path."),
        ("photos/*.gif", "No image or video matches 'photos/*.gif'; check the pattern."),
        ("nowhere/*.jpg", "No image or video matches"),
        ("photos/*.txt/*", "No image or video matches"),
    ],
)
def test_what_is_not_there_is_named(here: Path, word: str, said: str) -> None:
    with pytest.raises(DataError) as raised:
        names(word)
    assert said in str(raised.value)


def test_an_empty_folder_is_named(here: Path) -> None:
    (here / "empty").mkdir()
    with pytest.raises(DataError, match="There is no image or video in empty"):
        names("empty")


def test_masks_of_an_earlier_call_are_no_images(here: Path) -> None:
    (here / "photos/masks/color").mkdir(parents=True)
    (here / "photos/masks/a.png").write_bytes(b"")
    (here / "photos/masks/color/a.png").write_bytes(b"")
    for word in ("photos", "photos/**/*.*", "photos/*"):
        assert not [path for path in names(word, out="photos/masks") if "masks" in path]


@pytest.mark.parametrize(
    ("files", "kinds", "said"),
    [
        (("a.png", "a.jpg"), ("index",), "would both be written to out/a.png"),
        (("a.png", "a.jpg"), ("overlay",), "would both be written to out/overlay/a.png"),
        (("a.mp4", "a.avi"), ("index",), "would both be written to out/a"),
        (("color/a.png", "a.png"), ("index", "color"), "would both be written to out/color/a.png"),
        (("a.mp4", "a/000000.jpg"), ("index",), "would be written among the frames of photos2/a.mp4"),
        (("a.mp4", "a.avi"), ("overlay",), "would both be written to out/overlay/a.mp4"),
    ],
)
def test_clashes(here: Path, files: tuple[str, ...], kinds: tuple[str, ...], said: str) -> None:
    for name in files:
        (here / "photos2" / name).parent.mkdir(parents=True, exist_ok=True)
        (here / "photos2" / name).write_bytes(b"")
    with pytest.raises(ConfigError) as raised:
        checked_targets([Path("photos2")], Path("out"), kinds)
    assert said in str(raised.value)


def test_no_image_is_replaced(here: Path) -> None:
    (here / "set/overlay").mkdir(parents=True)
    (here / "set/a.jpg").write_bytes(b"")
    (here / "set/overlay/a.png").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"would replace the image .*set/overlay/a\.png"):
        checked_targets([Path("set/a.jpg"), Path("set/overlay/a.png")], Path("set"), ("overlay",))
    os.symlink(here / "other", here / "set/color")  # noqa: PTH211
    with pytest.raises(ConfigError, match="leads out of --out set by a link"):
        checked_targets([Path("set/a.jpg")], Path("set"), ("color",))


@pytest.mark.parametrize("given", ["set/overlay/film.mp4", "set/overlay", "set/overlay/*.mp4"])
def test_no_video_is_replaced_by_its_own_overlays(here: Path, given: str) -> None:
    (here / "set/overlay").mkdir(parents=True)
    (here / "set/overlay/film.mp4").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"overlay of set/overlay/film\.mp4 would replace the video itself"):
        checked_targets([Path(given)], Path("set"), ("overlay",))
    assert checked_targets([Path(given)], Path("set"), ("index",))


def test_no_video_is_replaced_by_overlays_of_another(here: Path) -> None:
    (here / "set/overlay").mkdir(parents=True)
    for name in ("set/film.avi", "set/overlay/film.mp4"):
        (here / name).write_bytes(b"")
    both = [Path("set/film.avi"), Path("set/overlay/film.mp4")]
    with pytest.raises(ConfigError, match=r"would replace .*set/overlay/film\.mp4; choose another"):
        checked_targets(both, Path("set"), ("overlay",))
    (here / "set/overlay/film.mp4").unlink()
    (here / "set/overlay/film.mp4").symlink_to(here / "other/x.tif")
    with pytest.raises(ConfigError, match=r"film\.mp4 leads out of --out set by a link"):
        checked_targets(both[:1], Path("set"), ("overlay",))


def test_overlays_of_frames_are_one_file_and_no_folder(here: Path) -> None:
    for name in ("a.mp4", "a/000000.jpg"):
        (here / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (here / "set" / name).write_bytes(b"")
    assert len(checked_targets([Path("set")], Path("out"), ("overlay",))) == 2


def test_frames_are_not_written_among_images(here: Path) -> None:
    (here / "set/film").mkdir(parents=True)
    for name in ("set/film.mp4", "set/film/000001.png"):
        (here / name).write_bytes(b"")
    with pytest.raises(ConfigError, match=r"frames of set/film\.mp4 .* where .*set/film/000001\.png is"):
        checked_targets([Path("set/film.mp4"), Path("set/film/000001.png")], Path("set"), ("index",))


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("other/x.tif", "other/x.tif is a file, where a folder is needed"),
        ("other/x.tif/masks", "other/x.tif is a file, where a folder is needed"),
        ("taken", "taken/trip is a file, where a folder is needed"),
        ("taken2", "taken2/a.png is a folder, where a file would be written"),
    ],
)
def test_files_and_folders_in_the_way_are_named(here: Path, out: str, said: str) -> None:
    (here / "taken").mkdir()
    (here / "taken/trip").write_bytes(b"")
    (here / "taken2/a.png").mkdir(parents=True)
    with pytest.raises(ConfigError) as raised:
        checked_targets([Path("photos")], Path(out), ("index",))
    assert said in str(raised.value)
    assert "name another folder" in str(raised.value)


def test_a_video_that_was_named_needs_its_package(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_extra, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"film\.MP4 .*pip install 'mutualseg\[video\]'"):
        checked_targets([Path("photos/trip/film.MP4")], Path("out"), ("index",))
    assert len(checked_targets([Path("photos")], Path("out"), ("index",))) == len(ALL)


def test_kinds() -> None:
    assert read_kinds(()) == read_kinds([]) == read_kinds("index") == ("index",)
    assert read_kinds("overlay, color") == read_kinds(["overlay", "color,overlay"]) == ("color", "overlay")
    assert read_kinds(" ".join(KINDS)) == tuple(KINDS)
    for words, said in (
        (["colour"], "did you mean 'color'?"),
        (" ", "names nothing"),
        (["index", "mask"], "'mask'"),
    ):
        with pytest.raises(ConfigError) as raised:
            read_kinds(words)
        assert said in str(raised.value)
    places = [place_of(kind, Path("out"), "trip/a.b").as_posix() for kind in KINDS]
    assert places == [
        "out/trip/a.b.png",
        "out/color/trip/a.b.png",
        "out/overlay/trip/a.b.png",
        "out/confidence/trip/a.b.png",
        "out/polygons/trip/a.b.json",
    ]


@given(st.text("ab*?[]/.", min_size=1, max_size=12))
def test_any_text_is_a_pattern_or_none(text: str) -> None:
    path = Path(text)
    assert not is_pattern(str(fixed_part(path)))
    if not path.is_absolute() and ".." not in path.parts:
        list(matching(Path("/nonexistent") / path))
