"""Names in any script, with line breaks or undecodable bytes, and things that are named like images only."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command.conftest import Command
from tests.command.made import SMALL, files_below, flags, write_data

pytestmark = pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX alone")

NAMES = (
    "new\nline.png",
    "tab\there.png",
    "quo'te\"s,comma.png",
    "عربي.png",
    "ไทย.png",
    "😀👩‍👩‍👧.png",
    "e\u0301.png",
    "-dash.png",
    os.fsdecode(b"caf\xe9.png"),
    "x" * 251 + ".png",
    " lead.png",
    "\x1b[31mred.png",
    "back\\slash.png",
    "{{7*7}}<b>%s.png",
    "a.b.c.png",
)


@pytest.fixture(autouse=True)
def _bounded() -> Iterator[None]:
    """End a test that waits for a pipe."""
    signal.alarm(180)
    yield
    signal.alarm(0)


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Return a data folder whose own name and most of whose files' names are odd."""
    root = write_data(tmp_path / os.fsdecode(b"d\xe9\nta"), {"train": 24, "val": 3, "test": 2})
    for index, name in enumerate(NAMES):
        for kind in ("images", "masks"):
            path = root / kind / f"train/{index:02d}.png"
            if path.exists():
                path.rename(path.with_name(name))
    for index, name in enumerate(NAMES[7:10]):
        for kind in ("images", "masks"):
            path = root / kind / f"val/{index:02d}.png"
            path.rename(path.with_name(name))
    return root


def test_odd_names_before_a_run(odd: Path, tmp_path: Path, command: Command) -> None:
    (odd / "masks/train" / NAMES[0]).write_bytes(b"")
    checked = command("check", odd)
    assert checked.code == 2
    assert "new\\nline.png" in checked.out
    assert "\x1b" not in checked.out
    report = json.loads(command("check", odd, "--json").out)
    assert report["findings"][0]["files"] == [str(odd / "masks/train" / NAMES[0])]
    refused = command("train", "--data", odd, "--out", tmp_path / "run", *flags())
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "new\\nline.png is an empty file" in refused.err
    assert command("check", odd, "--fix", tmp_path / "fixed").code == 0
    assert command("check", tmp_path / "fixed", "--sheet", tmp_path / "sheet.png").code == 0
    out = tmp_path / "split.json"
    assert command("split", tmp_path / "fixed", "--labeled", 3, "--out", out, "--json").code == 0
    split = json.loads(out.read_text(encoding="utf-8"))
    assert f"train/{os.fsdecode(b'caf')}\udce9" in split["unlabeled"]


@pytest.mark.slow
def test_odd_names_in_a_run(odd: Path, tmp_path: Path, command: Command) -> None:
    broken = odd / "images/train" / os.fsdecode(b"caf\xe9.png")
    broken.write_bytes(b"")
    run = tmp_path / "ru\nn"
    small = flags({**SMALL, "method": "mean_teacher", "on_bad_image": "skip"})
    done = command("train", "--data", odd, "--out", run, *small, "--json")
    assert done.code == 0, done
    (skipped,) = json.loads(done.out)["skipped_images"]
    assert skipped["file"].endswith("/images/train/caf\\udce9.png")
    assert skipped["file"] in (run / "skipped.csv").read_text(encoding="utf-8")
    assert json.loads((run / "summary.json").read_text(encoding="utf-8"))["skipped_images"] == [skipped]
    assert command("train", "--resume", run).code == 0
    assert command("evaluate", run).code == 0
    predicted = command("predict", run, odd / "images", "--out", tmp_path / "masks")
    assert predicted.code == 1  # of the broken one
    assert predicted.err.count("skipped: ") == predicted.err.count("caf\\udce9.png") == 1
    written = {path for path in files_below(tmp_path / "masks") if path.endswith(".png")}
    expected = {path for path in files_below(odd / "images") if path.endswith(".png")}
    assert written == expected - {broken.relative_to(odd / "images").as_posix()}
    refused = command("train", "--data", odd, "--out", tmp_path / os.fsdecode(b"r\xe9"), *small)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "no UTF-8 text" in refused.err


def _set_traps(folder: Path) -> tuple[str, ...]:
    """Put in what looks like images and is none, and links that lead in circles or nowhere."""
    (folder / "loop").symlink_to("..")
    (folder / "folder.png").mkdir()
    (folder / "self.png").symlink_to("self.png")
    (folder / "nowhere.png").symlink_to("gone.png")
    (folder / "zero.png").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.png")
    here = Path.cwd()
    os.chdir(folder)  # the path of a socket may be no longer than 108 bytes
    with socket.socket(socket.AF_UNIX) as own:
        own.bind("socket.png")
    os.chdir(here)
    return "self.png", "nowhere.png", "zero.png", "pipe.png", "socket.png"


def test_what_is_no_file_is_named_and_never_waited_for(tmp_path: Path, command: Command) -> None:
    root = write_data(tmp_path / "data", {"train": 120, "val": 3, "test": 2})
    traps = _set_traps(root / "images/train")
    report = json.loads(command("check", root, "--json").out)
    named = {Path(file).name for finding in report["findings"] for file in finding["files"]}
    assert named == set(traps)
    assert report["images"]["train"] == 120 + len(traps)  # what the loop leads to is counted once
    refused = command("train", "--data", root, "--out", tmp_path / "run", *flags())
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert any(trap in refused.err for trap in traps)
    out = tmp_path / "split.json"
    assert command("split", root, "--labeled", 3, "--out", out).code == 0
    assert command("check", root, "--fix", tmp_path / "fixed").code == 0
    mask = root / "masks/train/07.png"
    os.mkfifo(mask)
    refused = command("train", "--data", root, "--out", tmp_path / "run", *flags())
    assert refused.code == 2


@pytest.mark.slow
def test_what_is_no_file_is_skipped(tmp_path: Path, command: Command) -> None:
    root = write_data(tmp_path / "data", {"train": 120, "val": 3, "test": 2})
    traps = _set_traps(root / "images/train")
    run = tmp_path / "run"
    small = flags({**SMALL, "method": "mean_teacher", "on_bad_image": "skip", "steps": 2})
    assert command("train", "--data", root, "--out", run, *small).code == 0
    skipped = json.loads((run / "summary.json").read_text())["skipped_images"]
    assert {Path(file["file"]).name for file in skipped} == set(traps)
    predicted = command("predict", run, root / "images/train", "--out", tmp_path / "masks")
    assert predicted.code == 1
    assert predicted.err.count("skipped: ") == len(traps)


def test_circles_of_links_in_place_of_folders(tmp_path: Path, command: Command) -> None:
    root, circle = write_data(tmp_path / "data"), tmp_path / "circle"
    circle.symlink_to("circle")
    for words in (
        ("check", circle),
        ("split", circle, "--out", tmp_path / "split.json"),
        ("train", "--data", circle, *flags()),
        ("train", "--data", root, "--unlabeled", circle, "--out", tmp_path / "run", *flags()),
        ("train", "--data", root, "--out", circle, *flags()),
        ("train", "--resume", circle),
        ("evaluate", circle),
        ("predict", circle, root / "images", "--out", tmp_path / "masks"),
    ):
        refused = command(*words)
        assert (refused.code, refused.err.count("\n")) == (2, 1), (words, refused)
    (tmp_path / "images").symlink_to(root / "images")
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "images").symlink_to(root / "images")
    (linked / "masks").symlink_to(root / "masks")
    assert command("check", linked).code == 0
