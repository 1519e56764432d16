"""From what a page shows to HTML: whatever names of classes, files and runs hold, they are texts in it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment

from mutualseg.data.catalog import class_colors
from mutualseg.data.image_kinds import bands_in_words
from mutualseg.reporting.escaped_pages import escaped_pages
from mutualseg.web_app.class_shares import ClassRow, class_rows
from mutualseg.web_app.differences import Difference, difference
from mutualseg.web_app.drawing import confidence_colors, css_color, difference_uri, photo_uri, shown_size
from mutualseg.web_app.looking import Seen
from mutualseg.web_app.networks import AppNetwork
from mutualseg.web_app.viewer import View

_STOPS = 9
"""Colors by which the scale of confidence is drawn."""


class Cell(NamedTuple):
    """One class of one network in the table."""

    color: str
    """As CSS has it."""
    percent: float | None
    """Of the image; None if nothing is known of it."""


def page_style() -> str:
    """Return the style sheet of the page."""
    return (files("mutualseg.web_app") / "templates" / "style.css").read_text(encoding="utf-8")


def render_heading(networks: tuple[AppNetwork, ...]) -> str:
    """Return the line that says which networks there are."""
    facts = [
        (network.label, len(network.predictor.classes), _read_as(network), network.predictor.device)
        for network in networks
    ]
    return _template("heading.html", networks=facts)


def render_stage(view: View) -> str:
    """Return the pictures of the image that is shown, with what went wrong above them."""
    return _template("stage.html", **_stage(view), problems=view.problems, view=view)


def render_classes(view: View) -> str:
    """Return the table of classes: the legend, and what each takes of the image."""
    rows = class_rows([network.predictor.classes for network in view.networks])
    answers = (None,) * len(view.networks) if view.seen is None else view.seen.answers
    table = [(row.name, _cells(row, view, answers)) for row in rows]
    if any(answers):  # what takes most comes first
        table.sort(key=lambda row: -max((cell.percent or 0.0 for cell in row[1] if cell), default=0.0))
    return _template("classes.html", networks=view.networks, rows=table, has_shares=any(answers))


def _cells(row: ClassRow, view: View, answers: tuple[Any, ...]) -> list[Cell | None]:
    cells: list[Cell | None] = []
    for network, place, answer in zip(view.networks, row.places, answers, strict=True):
        if place is None:
            cells.append(None)
            continue
        predictor = network.predictor
        color = (predictor.colors or class_colors(len(predictor.classes)))[place]
        percent = None if answer is None else 100 * answer.shares[place]
        cells.append(Cell(css_color(color), percent))
    return cells


def _stage(view: View) -> dict[str, Any]:
    seen = view.seen
    if seen is None or seen.photo is None:
        return {"panels": (), "apart": None, "seen": seen}
    height, width = next(answer.size for answer in seen.answers if answer is not None)
    uri = photo_uri(seen.photo)
    panels = [
        {"label": network.label, "answer": answer, "address": address, "photo": uri}
        for network, answer, address in zip(view.networks, seen.answers, view.mask_addresses, strict=True)
        if answer is not None
    ]
    apart = _difference(seen, view)
    return {
        "seen": seen,
        "panels": panels,
        "apart": apart,
        "apart_uri": None if apart is None else difference_uri(seen.photo, apart.where),
        "size": (height, width),
        "is_smaller": shown_size((height, width)) != (height, width),
        "is_tiny": max(height, width) < 300,
        "scale": ", ".join(map(css_color, confidence_colors()[:: 255 // (_STOPS - 1)].tolist())),
    }


def _difference(seen: Seen, view: View) -> Difference | None:
    if len(seen.answers) < 2 or seen.answers[0] is None or seen.answers[1] is None:
        return None
    first, second = (network.predictor.classes for network in view.networks)
    return difference(seen.answers[0].indices(), seen.answers[1].indices(), first, second)


def _read_as(network: AppNetwork) -> str:
    code = network.predictor.images
    return (
        "8-bit color or gray images"
        if code.is_rgb
        else f"images with {bands_in_words(code.channels, code.kind)}"
    )


def _template(name: str, **content: Any) -> str:
    return _environment().get_template(name).render(content)


@cache
def _environment() -> Environment:
    return escaped_pages("mutualseg.web_app", {"percent": _percent})


def _percent(value: float) -> str:
    """Return a percentage; what is there at all is never 0."""
    return "<0.1 %" if 0 < value < 0.05 else f"{value:.1f} %"
