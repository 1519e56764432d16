"""`mutualseg check` with its picture, its cured copy and its report as data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mutualseg
from mutualseg.data.catalog import class_colors
from mutualseg.reporting.display import as_rgb
from mutualseg.reporting.sample_sheet import paint
from tests.command.conftest import Command
from tests.command.made import HEIGHT, WIDTH, draw, files_below, write, write_data


@pytest.fixture
def sick(tmp_path: Path) -> Path:
    root = write_data(tmp_path / "data")
    (root / "images/train/08.png").write_bytes(b"")
    (root / "images/train/09.png").write_bytes((root / "images/train/07.png").read_bytes())
    write(root / "masks/train/00.png", np.full((HEIGHT, 40), 1, np.uint8))
    return root


def test_fix_cures_and_the_exit_code_is_the_copy_s(sick: Path, command: Command) -> None:
    before = files_below(sick)
    assert command("check", sick).code == 2
    outcome = command("check", sick, "--fix", "cured")
    assert (outcome.code, outcome.err) == (0, "")
    assert "Cured copy: cured" in outcome.out
    assert "13 images and 9 masks written; 3 files changed or left out" in outcome.out
    assert "the copy has 0 errors" in outcome.out
    assert command("check", "cured").code == 0
    assert files_below(sick) == before
    assert command("check", sick, "--fix", "cured").code == 2  # it is no longer empty


def test_what_cannot_be_cured_is_said(tmp_path: Path, command: Command) -> None:
    root = write_data(tmp_path / "data", {"train": 3}, labeled=0)
    outcome = command("check", root, "--fix", "cured")
    assert outcome.code == 2
    assert "the copy has 1 error" in outcome.out
    assert outcome.out.count("no labeled training image") == 2


def test_everything_as_data(sick: Path, command: Command) -> None:
    shown = json.loads(command("check", sick, "--fix", "cured", "--sheet", "s/sheet.png", "--json").out)
    report = mutualseg.check(str(sick), quiet=True)
    assert shown["ok"] is False
    assert shown["counts"] == {"errors": 2, "warnings": 1, "notes": 0}
    assert [one["what"] for one in shown["findings"]] == [finding.what for finding in report.findings]
    assert all(one["cure"] and one["count"] for one in shown["findings"])
    repeat = next(one for one in shown["findings"] if "pixel for pixel" in one["what"])
    assert repeat["files"] == [str(sick / "images/train/09.png")]
    assert repeat["like"] == [str(sick / "images/train/07.png")]
    assert shown["images"] == {"train": 10, "val": 3, "test": 2}
    assert shown["kinds"] == {"8-bit RGB": 14}
    assert shown["smallest"] == [HEIGHT, WIDTH]
    assert shown["class_source"] == "classes.txt"
    assert shown["ignored_pixels"] == report.ignored_pixels
    assert shown["sheet"] == "s/sheet.png"
    assert shown["fixed"]["out"] == "cured"
    assert shown["fixed"]["report"]["ok"] is True
    assert len(shown["fixed"]["changes"]) == 3


def test_all_files_are_in_the_data_and_three_in_the_text(tmp_path: Path, command: Command) -> None:
    root = write_data(tmp_path / "data")
    for number in range(5, 10):
        (root / f"images/train/{number:02}.png").write_bytes(b"")
    (finding,) = (
        one for one in json.loads(command("check", root, "--json").out)["findings"] if "empty" in one["what"]
    )
    assert len(finding["files"]) == finding["count"] == 5
    assert "and 2 more" in command("check", root).out


def test_sheet(data: Path, command: Command) -> None:
    outcome = command("check", data, "--sheet", "deep/sheet.png")
    assert outcome.code == 0
    assert "picture: deep/sheet.png" in outcome.out
    with Image.open("deep/sheet.png") as sheet:
        colors = {color for _, color in sheet.convert("RGB").getcolors(2**24) or []}
    assert sheet.size[0] < 2000
    for color in ((0, 114, 178), (230, 159, 0), (0, 158, 115)):  # the legend's swatches
        assert color in colors


@pytest.mark.parametrize("labeled", [0, 1])
def test_sheet_of_few_images(labeled: int, tmp_path: Path, command: Command) -> None:
    root = write_data(tmp_path / "data", {"train": 2}, labeled=labeled)
    (root / "classes.txt").unlink()
    if labeled:
        write(root / "masks/train/00.png", draw("a")[1][:, :50])  # of another size: shown, and said
    command("check", root, "--sheet", "s.png")
    with Image.open("s.png") as sheet:
        assert sheet.size[0] > 300


def test_sheet_of_nothing(tmp_path: Path, command: Command) -> None:
    (tmp_path / "data/images").mkdir(parents=True)
    (tmp_path / "data/images/a.png").write_bytes(b"")
    outcome = command("check", tmp_path / "data", "--sheet", "s.png")
    assert outcome.code == 2
    assert "is an empty file" in outcome.out
    assert not Path("s.png").exists()


@pytest.mark.parametrize("name", ["sheet.jpg", "data/sheet.png", "sheet"])
def test_sheet_that_cannot_be(name: str, tmp_path: Path, command: Command) -> None:
    root = write_data(tmp_path / "data", {"train": 2})
    before = files_below(root)
    outcome = command("check", root, "--sheet", tmp_path / name)
    assert outcome.code == 2
    assert "--sheet" in outcome.err
    assert files_below(root) == before


def test_paint_hatches_the_unknown_and_mixes_colors() -> None:
    image = np.full((40, 40, 3), 100, np.uint8)
    mask = np.zeros((40, 40), np.uint8)
    mask[:, 20:] = 255
    painted = paint(image, mask, class_colors(2))
    assert painted[5, 5].tolist() == [40, 108, 147]  # 0.4 * 100 + 0.6 * (0, 114, 178)
    assert np.unique(painted[:, 22:].reshape(-1, 3), axis=0).tolist() == [[72, 72, 72], [202, 202, 202]]
    assert (painted[:, 20] == 255).all()  # the edge between them


@pytest.mark.parametrize("shape", [(8, 9, 1), (8, 9, 2), (8, 9, 3), (8, 9, 5)])
def test_any_image_can_be_looked_at(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).random(shape)
    for image in (
        (values * 255).astype(np.uint8),
        (values * 9000).astype(np.uint16),
        values.astype(np.float32),
    ):
        shown = as_rgb(image)
        assert shown.shape == (8, 9, 3)
        assert shown.dtype == np.uint8
        assert shown.std() > 30
