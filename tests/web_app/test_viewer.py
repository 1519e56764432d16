"""What a page does, without a server and without a browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import mutualseg
from mutualseg.errors import DataError
from mutualseg.evaluation.large_images import Look
from mutualseg.predictor import Predictor
from mutualseg.web_app import sessions, viewer
from mutualseg.web_app.page import render_classes, render_heading, render_stage
from mutualseg.web_app.page_images import folder_images
from mutualseg.web_app.viewer import Dropped, View, Viewer
from tests.command.made import CLASSES, SMALL, write_data, write_photos
from tests.web_app.conftest import MakeViewer

PAGE = "a page"


def _drop(app: Viewer, tmp_path: Path, *files: Path, names: tuple[str, ...] = ()) -> View:
    """Drop copies, as a server receives them."""
    received = []
    for place, file in enumerate(files):
        copy = tmp_path / f"received{place}{file.suffix}"
        shutil.copyfile(file, copy)
        received.append(Dropped(copy, names[place] if names else file.name))
    return app.drop(PAGE, received)


def _mask(app: Viewer, address: str | None) -> npt.NDArray[np.uint8]:
    with Image.open(_file(app, address)) as image:
        return np.asarray(image)


def _file(app: Viewer, address: str | None) -> Path:
    assert address is not None
    start, token, key = address.split("/")
    found = app.sessions.download(token, key)
    assert start == "result"
    assert found is not None
    return found[0]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos", ("frame_10.png", "frame_2.png", "sub/c.png"))


def test_masks_are_those_of_predict(
    runs: tuple[str, str], photos: Path, tmp_path: Path, make_viewer: MakeViewer
) -> None:
    app = make_viewer(runs[0], images=photos)
    mutualseg.predict(runs[0], str(photos), out=str(tmp_path / "predicted"), quiet=True)
    network = mutualseg.load(runs[0])
    app.open(PAGE)
    for position, name in enumerate(("frame_2", "frame_10", "sub/c")):
        view = app.go(PAGE, position)
        (address,) = view.mask_addresses
        assert view.seen is not None
        assert view.seen.image.name == f"{name}.png"
        assert np.array_equal(_mask(app, address), network.predict(photos / f"{name}.png"))
        assert _file(app, address).read_bytes() == (tmp_path / f"predicted/{name}.png").read_bytes()


def test_nothing_asks_the_network_twice(
    runs: tuple[str, str], photos: Path, make_viewer: MakeViewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    look_at = Predictor.look_at

    def counted(self: Predictor, *words: Any, **named: Any) -> Look:
        asked.append(1)
        return look_at(self, *words, **named)

    monkeypatch.setattr(Predictor, "look_at", counted)
    app = make_viewer(runs[0], images=photos)
    app.open(PAGE)
    app.step(PAGE, 1)
    assert len(asked) == 2
    app.step(PAGE, -1)
    app.compare(PAGE, runs[1])
    assert len(asked) == 3  # the second network alone
    app.compare(PAGE, "")
    app.zip_masks(PAGE, lambda *_: None)
    assert len(asked) == 3


def test_paging_stays_in_the_folder(
    runs: tuple[str, str], photos: Path, tmp_path: Path, make_viewer: MakeViewer
) -> None:
    secret = write_photos(tmp_path / "elsewhere", ("secret.png",)) / "secret.png"
    (photos / "link.png").symlink_to(secret)
    (photos / "up").symlink_to(secret.parent)
    (photos / "note.txt").write_text("no image")
    app = make_viewer(runs[0], images=photos)
    assert [image.name for image in app.folder] == ["frame_2.png", "frame_10.png", "sub/c.png"]
    assert [app.go(PAGE, place).position for place in (-5, 99)] == [0, 0]  # nothing was opened yet
    app.open(PAGE)
    assert [app.go(PAGE, place).position for place in (-5, 1, 99)] == [0, 1, 2]
    assert app.step(PAGE, 1).position == 2
    (photos / "frame_2.png").unlink()
    (photos / "frame_2.png").symlink_to(secret)
    app.open("another page")
    view = app.go("another page", 0)
    assert view.seen is not None
    assert view.seen.photo is None
    assert "leads out of the folder" in view.problems[0]


def test_a_folder_without_images_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no folder"):
        folder_images(tmp_path / "nowhere")
    with pytest.raises(DataError, match="There is no image in --images"):
        folder_images(tmp_path)


def test_bad_files_are_left_out_with_a_sentence_each(
    runs: tuple[str, str], photos: Path, tmp_path: Path, make_viewer: MakeViewer
) -> None:
    text, large, deep, cut = (tmp_path / name for name in ("t.jpg", "large.png", "deep.png", "cut.png"))
    text.write_text("hello")
    Image.new("L", (400, 300)).save(large)
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(deep)
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    Image.fromarray(noise).save(cut)
    cut.write_bytes(cut.read_bytes()[:2000])
    app = make_viewer(runs[0], max_megapixels=0.1)
    view = _drop(app, tmp_path, text, large, deep, photos / "frame_2.png", cut)
    assert (view.total, view.position) == (2, 0)
    assert [problem.split()[2] for problem in view.problems] == ["t.jpg", "large.png", "deep.png"]
    assert "0.1 megapixels, and at most 0.1" in view.problems[1]
    assert str(tmp_path) not in " ".join(view.problems)  # the page knows files by their names
    broken = app.step(PAGE, 1)
    assert broken.seen is not None
    assert broken.seen.answers == (None,)
    assert "cut.png is broken or cut short" in broken.problems[0]
    address, after = app.zip_masks(PAGE, lambda *_: None)
    assert ZipFile(_file(app, address)).namelist() == ["frame_2.png"]
    assert "cut.png" in after.problems[0]


def test_the_archive_has_the_masks_under_their_names(
    runs: tuple[str, str], photos: Path, tmp_path: Path, make_viewer: MakeViewer
) -> None:
    app = make_viewer(*runs)
    app.open(PAGE)
    first = photos / "frame_2.png"
    _drop(app, tmp_path, first, photos / "frame_10.png", first, names=("../Ö (1).png", "b.jpg", "Ö (1).tif"))
    done: list[tuple[int, int]] = []
    address, _ = app.zip_masks(PAGE, lambda *each: done.append(each))
    with ZipFile(_file(app, address)) as packed:
        names = packed.namelist()
        assert sorted(names) == sorted(
            f"{run}/{name}" for run in ("first", "second") for name in ("Ö (1).png", "b.png", "Ö (1)-2.png")
        )
        with packed.open("second/b.png") as file, Image.open(file) as mask:
            assert mask.mode == "P"
            expected = mutualseg.load(runs[1]).predict(photos / "frame_10.png")
            assert np.array_equal(np.asarray(mask), expected)
    assert done == [(0, 3), (1, 3), (2, 3)]


def test_removed_and_forgotten_pages_leave_no_file(
    runs: tuple[str, str],
    photos: Path,
    tmp_path: Path,
    make_viewer: MakeViewer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = make_viewer(runs[0])
    old = _drop(app, tmp_path, photos / "frame_2.png").mask_addresses[0]
    assert list((tmp_path / "sessions").rglob("*.png"))
    assert app.clear(PAGE).seen is None
    assert list((tmp_path / "sessions").rglob("*.png")) == []
    _drop(app, tmp_path, photos / "frame_2.png")
    monkeypatch.setattr(sessions, "MOST_SESSIONS", 2)
    app.open("second page")
    app.open("third page")
    assert list((tmp_path / "sessions").rglob("*.png")) == []
    assert old is not None
    assert app.sessions.download(old.split("/")[1], "0.png") is None


def test_a_page_holds_so_many_images_and_no_more(
    runs: tuple[str, str],
    photos: Path,
    tmp_path: Path,
    make_viewer: MakeViewer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(viewer, "MOST_DROPPED", 2)
    view = _drop(make_viewer(runs[0]), tmp_path, *[photos / "frame_2.png"] * 3)
    assert view.total == 2
    assert "1 more were left out" in view.problems[0]
    assert list(tmp_path.glob("received*")) == []


def test_pages_know_nothing_of_each_other(
    runs: tuple[str, str], photos: Path, tmp_path: Path, make_viewer: MakeViewer
) -> None:
    app = make_viewer(runs[0])
    address = _drop(app, tmp_path, photos / "frame_2.png").mask_addresses[0]
    assert app.open("other page").total == 0
    assert address is not None
    token = address.split("/")[1]
    assert len(token) >= 32
    assert app.sessions.download(token, "0.png") is not None
    assert app.sessions.download(token, "../0.png") is None
    assert app.sessions.download("ä" * 32, "0.png") is None


def test_a_wrong_second_network_is_said_and_changes_nothing(
    runs: tuple[str, str], photos: Path, make_viewer: MakeViewer
) -> None:
    app = make_viewer(*runs, images=photos)
    app.open(PAGE)
    view = app.compare(PAGE, "nowhere")
    assert "There is no run or weights file 'nowhere'" in view.problems[0]
    assert [network.label for network in view.networks] == ["first", "second"]
    assert len(app.compare(PAGE, "  ").networks) == 1


def test_two_networks_are_shown_with_what_differs(
    runs: tuple[str, str], photos: Path, make_viewer: MakeViewer
) -> None:
    app = make_viewer(*runs, images=photos)
    view = app.open(PAGE)
    masks = [_mask(app, address) for address in view.mask_addresses]
    percent = 100 * float((masks[0] != masks[1]).mean())
    page = render_stage(view)
    expected = f"{percent:.1f} %" if percent >= 0.05 or percent == 0 else "<0.1 %"
    assert f"name different classes on <b>{expected}</b>" in page.replace("&lt;", "<")
    shares = render_classes(view)
    for index, name in enumerate(CLASSES):
        assert name in shares
        assert (
            f"{100 * float((masks[0] == index).mean()):.1f} %" in shares or (masks[0] == index).mean() < 5e-4
        )


@pytest.mark.slow
def test_images_of_16_bits_are_read_and_shown(tmp_path: Path, make_viewer: MakeViewer) -> None:
    root = write_data(tmp_path / "data")
    for path in (root / "images").rglob("*.png"):
        with Image.open(path) as image:
            gray = np.asarray(image.convert("L"), np.uint16)
        Image.fromarray(gray * 200 + 1000).save(path)
    run = str(tmp_path / "deep")
    mutualseg.train(str(root), out=run, quiet=True, **{**SMALL, "steps": 1, "network": "deeplabv3plus"})
    image_file = root / "images/test/00.png"
    app = make_viewer(run)
    view = _drop(app, tmp_path, image_file)
    assert view.problems == ()
    assert np.array_equal(_mask(app, view.mask_addresses[0]), mutualseg.load(run).predict(image_file))
    assert view.seen is not None
    assert view.seen.photo is not None
    assert view.seen.photo.min() < 40  # stretched, not cut at 255
    assert view.seen.photo.max() > 215
    assert "images with 1 band of 16 bits" in render_heading(view.networks)


def test_names_are_texts_on_the_page(
    runs: tuple[str, str], photos: Path, tmp_path: Path, make_viewer: MakeViewer
) -> None:
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    hostile = '<img src=x onerror="alert(1)">\u202e'
    source, other = Path(runs[0], "weights/deployed.safetensors"), tmp_path / "<b>network.safetensors"
    with safe_open(source, framework="pt") as file:
        facts = json.loads(file.metadata()["mutualseg"])
    facts["classes"][0] = hostile.rstrip("\u202e")
    save_file(load_file(source), other, metadata={"mutualseg": json.dumps(facts)})
    app = make_viewer(str(other))
    view = _drop(app, tmp_path, photos / "frame_2.png", names=(f"a/{hostile}.png",))
    page = render_stage(view) + render_classes(view) + render_heading(view.networks)
    assert "<img src=x" not in page
    assert "<b>network" not in page
    assert "\u202e" not in page
    assert page.count("&lt;img src=x") >= 3
