"""Line charts as SVG inside a page: readable in gray, and by color-blind people, and as a text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mutualseg.run_report.event_curves import Points, thinned
from mutualseg.terminal import shown

COLORS = ("#0072B2", "#D55E00", "#009E73", "#A0468C", "#111111", "#B8860B", "#4AA3D8")
"""Okabe and Ito's, darkened where they would be pale on white."""
_DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2", "1 2", "12 4", "9 2 1 2 1 2")
"""Beside the colors, so that lines differ in a gray print too; one more than colors: 56 pairs."""
_WIDTH, _HEIGHT = 420, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 12, 34
_MOST_POINTS = 240
"""On a line of 360 pixels more are not seen."""


@dataclass(frozen=True)
class Line:
    """One line of a chart."""

    name: str
    points: Points
    is_main: bool = False
    """Drawn bold."""


@dataclass(frozen=True)
class Chart:
    """A drawn chart with its legend and what it says in words."""

    title: str
    svg: Markup
    legend: Sequence[tuple[Markup, str]]
    """A sample of each line, and its name."""
    text: str


def line_chart(
    title: str, lines: Sequence[Line], *, unit: str = "", low: float | None = None, high: float | None = None
) -> Chart | None:
    """Return lines over steps; None if no line has a point.

    Args:
        title: above the chart.
        lines: each with its points.
        unit: behind the numbers, such as %.
        low: where the axis begins; the least value if not given.
        high: where it ends; the largest value if not given.
    """
    drawn = [
        Line(each.name, thinned(each.points, _MOST_POINTS), each.is_main) for each in lines if each.points
    ]
    if not drawn:
        return None
    steps = [step for line in drawn for step, _ in line.points]
    values = [value for line in drawn for _, value in line.points]
    first, last = min(0, *steps), max(steps)
    bottom, top = min(values) if low is None else low, max(values) if high is None else high
    ticks = _ticks(*_opened(bottom, top))
    bottom, top = min(bottom, ticks[0]), max(top, ticks[-1])

    def x(step: float) -> float:
        return _LEFT + (step - first) / max(last - first, 1) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - bottom) / (top - bottom) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [_grid(y(tick), _short(tick)) for tick in ticks]
    parts += [_step_label(x(step), step) for step in (first, (first + last) // 2, last)]
    for index, line in enumerate(drawn):
        color, dash = style_of(index)
        width = "2.6" if line.is_main else "1.7"
        path = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in line.points)
        parts.append(
            Markup(
                '<polyline points="{}" fill="none" stroke="{}" stroke-width="{}" stroke-dasharray="{}"/>'
            ).format(path, color, width, dash)
        )
        if len(line.points) <= 12:
            dot = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3" fill="{}"/>')
            parts += [dot.format(x(step), y(value), color) for step, value in line.points]
    text = f"{title} over steps. " + " ".join(_in_words(line, unit) for line in drawn)
    svg = Markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}" xmlns="http://www.w3.org/2000/svg">{}</svg>'
    ).format(_WIDTH, _HEIGHT, shown(text), Markup("").join(parts))
    legend = [(_sample(index), line.name) for index, line in enumerate(drawn)]
    return Chart(title, svg, legend, text)


def style_of(index: int) -> tuple[str, str]:
    """Return color and dashes of a line by its place."""
    return COLORS[index % len(COLORS)], _DASHES[index % len(_DASHES)]


def sparkline(points: Points, text: str) -> Markup:
    """Return a small line without axes, from 0 to its largest value.

    Args:
        points: to draw; there is at least one.
        text: what it shows, for those who do not see it.
    """
    width, height = 84, 22
    first, last = points[0][0], points[-1][0]
    top = max((value for _, value in points), default=0) or 1

    def place(step: int, value: float) -> str:
        along = (step - first) / max(last - first, 1) if last > first else 1.0
        return f"{2 + along * (width - 6):.1f},{height - 3 - value / top * (height - 6):.1f}"

    places = [place(step, value) for step, value in thinned(points, 60)]
    end = places[-1].split(",")
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<polyline points="{}" fill="none" stroke="{}" stroke-width="1.6"/>'
        '<circle cx="{}" cy="{}" r="2.4" fill="{}"/></svg>'
    ).format(width, height, shown(text), " ".join(places), COLORS[0], *end, COLORS[0])


def _sample(index: int) -> Markup:
    color, dash = style_of(index)
    return Markup(
        '<svg class="sample" viewBox="0 0 30 8" aria-hidden="true"><line x1="0" y1="4" x2="30" y2="4" '
        'stroke="{}" stroke-width="2.6" stroke-dasharray="{}"/></svg>'
    ).format(color, dash)


def _grid(y: float, label: str) -> Markup:
    return Markup(
        '<line x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}" stroke="#dde1e6"/>'
        '<text x="{}" y="{:.1f}" text-anchor="end">{}</text>'
    ).format(_LEFT, _WIDTH - _RIGHT, y, y, _LEFT - 6, y + 4, label)


def _step_label(x: float, step: int) -> Markup:
    anchor = "middle" if x < _WIDTH - _RIGHT - 1 else "end"
    return Markup('<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(
        x, _HEIGHT - _BOTTOM + 20, anchor, f"step {step:,}" if anchor == "end" else f"{step:,}"
    )


def _opened(low: float, high: float) -> tuple[float, float]:
    """Return a range in which a level curve is level, in place of noise spread over the whole chart."""
    if high - low > 1e-3 * max(abs(low), abs(high)):
        return low, high
    around = 0.1 * abs(low)
    return low - around, low + (around or 1.0)


def _ticks(low: float, high: float) -> list[float]:
    """Return about four round numbers that cover a range."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [place * step for place in range(first, last + 1)]


def _short(value: float) -> str:
    return f"{value:.4g}"


def _in_words(line: Line, unit: str) -> str:
    (first, start), (last, end) = line.points[0], line.points[-1]
    if first == last:
        return f"{line.name}: {_short(end)}{unit} at step {last}."
    return f"{line.name}: {_short(start)}{unit} at step {first}, {_short(end)}{unit} at step {last}."
