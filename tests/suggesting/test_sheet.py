from __future__ import annotations

import numpy as np
import pytest

from mutualseg.data.catalog import class_colors
from mutualseg.suggesting.sheet import SIDE, Panel, brightest, draw_sheet, heat, small_panel

NAMES = tuple(f"class {index}" for index in range(40))


def panel(height: int = 30, width: int = 40, level: float = 0.2) -> Panel:
    return small_panel(
        "1   images/a.png   score 1.00",
        "networks differ",
        np.full((height, width, 3), 200, np.uint8),
        np.zeros((height, width), np.uint8),
        np.full((height, width), level, np.float32),
    )


def test_pictures_are_small_whatever_the_image() -> None:
    for size in ((2000, 50), (30, 40), (900, 1200)):
        made = panel(*size)
        assert max(made.image.shape[:2]) == SIDE
        assert made.image.shape[:2] == made.classes.shape == made.uncertainty.shape


def test_colors_run_from_dark_to_bright_and_end_at_the_scale() -> None:
    shades = heat(np.array([[0.0, 0.1, 0.2, 0.9]], np.float32), 0.2).astype(int).sum(2)[0]
    assert shades[0] < shades[1] < shades[2] == shades[3]


def test_the_scale_is_that_of_the_most_uncertain_pixels_and_not_below_a_twentieth() -> None:
    assert brightest([panel(level=0.4), panel(level=0.1)]) == pytest.approx(0.4)
    assert brightest([panel(level=0.001)]) == pytest.approx(0.05)


@pytest.mark.parametrize("count", [1, 9])
def test_a_sheet_holds_every_panel_and_a_legend_of_many_classes(count: int) -> None:
    colors = class_colors(40)
    sheet = draw_sheet([panel()] * count, "title", NAMES, colors, 0.2, third="uncertainty")
    found = {color for _, color in sheet.getcolors(2**24) or ()}
    assert set(colors) <= found
    pixels = np.asarray(sheet)
    hottest = heat(np.array([[0.2]], np.float32), 0.2)[0, 0]
    assert (pixels == hottest).all(2).sum() >= count * SIDE * 240  # the third picture of each
