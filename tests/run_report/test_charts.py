"""Charts: where lines lie, what stands for them in words, and that names in them are texts."""

from __future__ import annotations

import re
from importlib.resources import files
from xml.etree import ElementTree

import pytest

from mutualseg.run_report.charts import COLORS, Line, line_chart, sparkline, style_of
from mutualseg.run_report.event_curves import thinned
from mutualseg.run_report.page import parts

SVG = "{http://www.w3.org/2000/svg}"


def test_lines_lie_where_their_values_are() -> None:
    chart = line_chart("Loss", [Line("a", [(0, 0.0), (50, 2.0), (100, 1.0)])], low=0)
    assert chart is not None
    drawn = ElementTree.fromstring(str(chart.svg))
    (line,) = drawn.iter(f"{SVG}polyline")
    places = [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]
    (left, bottom), (middle, top), (right, half) = places
    assert middle == pytest.approx((left + right) / 2, abs=0.1)
    assert half == pytest.approx((bottom + top) / 2, abs=0.1)  # downwards: 1 is halfway from 2 to 0
    assert top < bottom
    labels = [text.text for text in drawn.iter(f"{SVG}text")]
    assert labels == ["0", "0.5", "1", "1.5", "2", "0", "50", "step 100"]


def test_words_say_where_each_line_begins_and_ends() -> None:
    chart = line_chart("mIoU", [Line("ours", [(5, 12.0), (10, 34.5)]), Line("one", [(7, 3.0)])], unit=" %")
    assert chart is not None
    assert chart.text == ("mIoU over steps. ours: 12 % at step 5, 34.5 % at step 10. one: 3 % at step 7.")
    assert [name for _, name in chart.legend] == ["ours", "one"]
    assert len(re.findall("<circle", str(chart.svg))) == 3  # a single value would not be seen as a line


def test_nothing_to_draw_is_no_chart() -> None:
    assert line_chart("Loss", [Line("a", [])]) is None


@pytest.mark.parametrize("values", [(5.0, 5.0), (0.0, 0.0), (1e-7, 3e4), (-3.0, 2.0)])
def test_any_values_have_an_axis_that_holds_them(values: tuple[float, float]) -> None:
    chart = line_chart("x", [Line("a", [(1, values[0]), (2, values[1])])])
    assert chart is not None
    for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', str(chart.svg)):
        assert 0 <= float(x) <= 420
        assert 0 <= float(y) <= 240


def test_lines_differ_in_more_than_color() -> None:
    styles = [style_of(index) for index in range(7)]
    assert len({color for color, _ in styles}) == len({dash for _, dash in styles}) == 7
    assert len({style_of(index) for index in range(35)}) == 35


def test_bars_of_many_runs_differ_and_the_page_knows_each_of_their_styles() -> None:
    bars = re.findall('class="bar ([^"]+)"', str(parts().bars([50.0] * 35)))
    assert len(bars) == len(set(bars)) == 35
    style = (files("mutualseg.run_report") / "templates/style.css").read_text(encoding="utf-8")
    for each in {word for pair in bars for word in pair.split()}:
        assert f".{each} {{" in style
    for index, color in enumerate(COLORS):
        assert f".b{index} {{ background-color: {color.lower()}; }}" in style


@pytest.mark.parametrize("value", [0.0, 5.0, -3.0, 2e-9, 1e6])
@pytest.mark.parametrize("low", [None, 0.0])
def test_a_level_curve_has_an_axis_that_can_be_read(value: float, low: float | None) -> None:
    if low is not None and value < 0:
        return
    chart = line_chart("Loss", [Line("loss", [(1, value), (2, value)])], low=low)
    assert chart is not None
    drawn = ElementTree.fromstring(str(chart.svg))
    ticks = [text.text for text in drawn.iter(f"{SVG}text") if text.attrib["text-anchor"] == "end"][:-1]
    assert len(ticks) == len(set(ticks)) >= 3
    if value == 0:
        assert ticks == ["0", "0.25", "0.5", "0.75", "1"]


def test_names_are_texts() -> None:
    name = '"><script>alert(1)</script>'
    chart = line_chart(name, [Line(name, [(1, 1.0)])])
    assert chart is not None
    for drawn in (chart.svg, sparkline([(1, 2.0), (2, 3.0)], name)):
        assert "<script" not in str(drawn)
        assert "&lt;script&gt;" in str(drawn)


def test_long_curves_keep_their_mean_and_their_end() -> None:
    points = [(step, float(step % 7)) for step in range(1, 1001)]
    short = thinned(points, 100)
    assert len(short) == 100
    assert short[-1][0] == 1000
    assert sum(value for _, value in short) / 100 == pytest.approx(sum(v for _, v in points) / 1000)
    assert thinned(points[:100], 100) == points[:100]
