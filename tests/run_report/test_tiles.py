"""Pictures inside a page: what an error map says, colors that stay exact, bounded sizes."""

from __future__ import annotations

import base64
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mutualseg.run_report import tiles
from mutualseg.run_report.tiles import (
    BROKEN,
    ERROR_COLORS,
    FIXED,
    RIGHT,
    UNKNOWN,
    WRONG,
    Tile,
    class_tile,
    error_map,
    error_tile,
    photo_tile,
    sheet_tile,
)

Pixels = npt.NDArray[np.uint8]


def _decoded(tile: Tile) -> Pixels:
    packed = base64.b64decode(tile.source.partition("base64,")[2])
    with Image.open(BytesIO(packed)) as image:
        return np.asarray(image.convert("RGB"))


def test_error_map_says_who_was_wrong() -> None:
    truth = np.array([[0, 1, 1, 2, 255]], np.uint8)
    found = np.array([[0, 1, 0, 0, 0]], np.uint8)
    before = np.array([[0, 2, 1, 1, 0]], np.uint8)
    assert error_map(truth, found, before).tolist() == [[RIGHT, FIXED, BROKEN, WRONG, UNKNOWN]]
    assert error_map(truth, found).tolist() == [[RIGHT, RIGHT, BROKEN, BROKEN, UNKNOWN]]


def test_classes_have_exactly_their_colors() -> None:
    colors = [(1, 2, 3), (200, 100, 50)]
    tile = class_tile("truth", np.array([[0, 1], [255, 1]], np.uint8), 2, colors, "words")
    assert _decoded(tile).tolist() == [[[1, 2, 3], [200, 100, 50]], [[0, 0, 0], [200, 100, 50]]]
    assert tile.text == "words"


def test_errors_have_exactly_their_colors_and_all_else_is_pale() -> None:
    judged = np.array([[RIGHT, FIXED, BROKEN, WRONG, UNKNOWN]], np.uint8)
    black = np.zeros((1, 5, 3), np.uint8)
    (row,) = _decoded(error_tile("errors", black, judged, "words")).tolist()
    assert [tuple(color) for color in row[1:4]] == [ERROR_COLORS[kind] for kind in (FIXED, BROKEN, WRONG)]
    assert min(row[0]) > 180
    assert row[4][0] == row[4][1] == row[4][2] < 180


def test_error_colors_differ_in_lightness_for_gray_prints() -> None:
    gray = sorted(0.299 * r + 0.587 * g + 0.114 * b for r, g, b in ERROR_COLORS.values())
    assert min(high - low for low, high in pairwise(gray)) > 20


def test_large_pictures_become_small_and_no_class_appears_between_two() -> None:
    indices = np.zeros((3000, 4000), np.uint8)
    indices[:, 2003:] = 2
    tile = class_tile("truth", indices, 3, None, "words")
    assert (tile.width, tile.height) == (tiles.WIDTH, tiles.WIDTH * 3 // 4)
    assert len(np.unique(_decoded(tile).reshape(-1, 3), axis=0)) == 2
    noise = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3)).astype(np.uint8)
    assert len(photo_tile("image", noise, "words").source) < 400_000


def test_a_picture_that_is_none_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "views.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    assert sheet_tile("views", tmp_path / "views.png", "words") is None
    assert sheet_tile("views", tmp_path / "not there.png", "words") is None
