"""The picture of what is suggested: image, prediction, where the networks disagree, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from mutualseg.reporting.letters import letters, shortened
from mutualseg.reporting.pictures import Colors, overlay
from mutualseg.terminal import shown

Pixels = npt.NDArray[np.uint8]

PER_PAGE = 25
"""Suggestions on one picture at most."""
SIDE = 320
"""Largest width and height of a picture."""
_MARGIN, _GAP, _LINE, _HEAD = 24, 8, 20, 74
_INK, _FAINT, _PAPER = (32, 33, 36), (95, 99, 104), (255, 255, 255)
_LEAST_SCALE = 0.05
"""Least uncertainty that the brightest color stands for: below it all is as good as sure."""


class Panel(NamedTuple):
    """One suggestion as it is shown."""

    title: str
    reason: str
    image: Pixels
    """[h,w,3]."""
    classes: Pixels
    """[h,w]."""
    uncertainty: npt.NDArray[np.float32]
    """[h,w], in [0, 1]."""


def small_panel(
    title: str, reason: str, image: Pixels, classes: Pixels, uncertainty: npt.NDArray[np.float32]
) -> Panel:
    """Return a panel whose pictures are at most `SIDE` long: nothing of full size is kept."""
    height, width = classes.shape
    scale = min(SIDE / width, SIDE / height)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST
    return Panel(
        title,
        reason,
        np.asarray(Image.fromarray(image).resize(size, how)),
        np.asarray(Image.fromarray(classes).resize(size, Image.Resampling.NEAREST)),
        np.asarray(Image.fromarray(uncertainty.astype(np.float32)).resize(size, how)),
    )


def brightest(panels: Sequence[Panel]) -> float:
    """Return the uncertainty that is drawn brightest: the 99.5th percentile of all panels."""
    values = np.concatenate([panel.uncertainty.ravel() for panel in panels])
    return max(_LEAST_SCALE, float(np.percentile(values, 99.5)))


def draw_sheet(
    panels: Sequence[Panel],
    heading: str,
    classes: Sequence[str],
    colors: Colors,
    scale: float,
    *,
    third: str,
) -> Image.Image:
    """Return the picture of some suggestions.

    Args:
        panels: at most `PER_PAGE`.
        heading: what is shown.
        classes: names, for the legend.
        colors: of the classes.
        scale: the uncertainty that is drawn brightest.
        third: what the third picture of each is called.
    """
    widest = max(panel.image.shape[1] for panel in panels)
    cell = max(3 * widest + 2 * _GAP, 660)
    columns = 2 if len(panels) > 6 else 1
    width = columns * cell + (columns + 1) * _MARGIN
    lines = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    heights = [max(one.image.shape[0] for one in line) + 2 * _LINE + _MARGIN for line in lines]
    legend = _legend_places(classes, width - 2 * _MARGIN)
    canvas = Image.new("RGB", (width, _HEAD + sum(heights) + 24 * len(legend) + 2 * _MARGIN + _LINE), _PAPER)
    draw = ImageDraw.Draw(canvas)
    draw.text(
        (_MARGIN, 14), shortened(draw, shown(heading), width - 2 * _MARGIN, 20, end=False), _INK, letters(20)
    )
    what = f"each: image, prediction, {third}"
    draw.text((_MARGIN, 44), what, _FAINT, letters(14))
    _scale_bar(canvas, _MARGIN + draw.textlength(what, letters(14)) + 24, 46, scale)
    top = _HEAD
    for line, height in zip(lines, heights, strict=True):
        for column, panel in enumerate(line):
            _paste(
                canvas, panel, (_MARGIN + column * (cell + _MARGIN), top), cell, len(classes), colors, scale
            )
        top += height
    _draw_legend(draw, legend, top, classes, colors)
    return canvas


def heat(uncertainty: npt.NDArray[np.float32], scale: float) -> Pixels:
    """Return [h,w,3] colors from black over red to pale yellow; `scale` and more are the brightest."""
    levels = (np.clip(uncertainty / scale, 0, 1) * 255).round().astype(np.uint8)
    inferno: Any = matplotlib.colormaps["inferno"]  # a list of colors, which not every map is
    table = (np.asarray(inferno.colors) * 255).round().astype(np.uint8)
    return np.asarray(table[levels])


def _paste(
    canvas: Image.Image,
    panel: Panel,
    corner: tuple[int, int],
    cell: int,
    num_classes: int,
    colors: Colors,
    scale: float,
) -> None:
    draw = ImageDraw.Draw(canvas)
    left, top = corner
    draw.text((left, top), shortened(draw, shown(panel.title), cell, 14), _INK, letters(14))
    reason = shortened(draw, shown(panel.reason), cell, 13, end=False)
    draw.text((left, top + _LINE), reason, _FAINT, letters(13))
    top += 2 * _LINE + 2
    painted = overlay(panel.image, panel.classes, num_classes, 0.65, colors)
    for picture in (panel.image, painted, heat(panel.uncertainty, scale)):
        canvas.paste(Image.fromarray(picture), (left, top))
        left += picture.shape[1] + _GAP


def _scale_bar(canvas: Image.Image, left: float, top: int, scale: float) -> None:
    draw = ImageDraw.Draw(canvas)
    x = round(left)
    draw.text((x, top - 1), "0", _FAINT, letters(13))
    ramp = heat(np.linspace(0, scale, 120, dtype=np.float32)[None].repeat(14, 0), scale)
    canvas.paste(Image.fromarray(ramp), (x + 14, top))
    draw.text((x + 140, top - 1), f"{scale:.2f}", _FAINT, letters(13))


def _legend_places(classes: Sequence[str], width: int) -> list[list[tuple[int, int]]]:
    """Return lines of (left edge, class index) that fit a width."""
    measure = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    lines: list[list[tuple[int, int]]] = []
    left = 0
    for index, name in enumerate(classes):
        needed = round(measure.textlength(shown(name), letters(13))) + 44
        if not lines or left + needed > width:
            lines.append([])
            left = 0
        lines[-1].append((left, index))
        left += needed
    return lines


def _draw_legend(
    draw: ImageDraw.ImageDraw,
    lines: Sequence[Sequence[tuple[int, int]]],
    top: int,
    classes: Sequence[str],
    colors: Colors,
) -> None:
    for line in lines:
        for left, index in line:
            x = _MARGIN + left
            draw.rectangle((x, top + 2, x + 14, top + 16), colors[index], _FAINT)
            draw.text((x + 20, top), shown(classes[index]), _INK, letters(13))
        top += 24
