"""From the content of a report to one HTML file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from mutualseg.reporting.escaped_pages import escaped_pages
from mutualseg.run_report.bidi import with_isolates
from mutualseg.run_report.distilled import in_millions

GENERATOR = '<meta name="generator" content="mutualseg report">'
"""What every report begins with: only such a file is replaced."""


def render(template: str, content: Mapping[str, Any]) -> str:
    """Return a page.

    Whatever names of classes, files and folders hold, they are texts in it: all is escaped, and a policy in
    the page itself lets it load and run nothing.

    Args:
        template: name of its file.
        content: values by name.
    """
    environment = _environment()
    style = Markup((files("mutualseg.run_report") / "templates" / "style.css").read_text(encoding="utf-8"))
    page = environment.get_template(template)
    return page.render(content, generator=Markup(GENERATOR), style=style)


def parts() -> Any:
    """Return what pages have in common: a function by name for each macro."""
    return _environment().get_template("parts.html").module


@cache
def _environment() -> Environment:
    return escaped_pages(
        "mutualseg.run_report",
        {
            "number": _number,
            "signed": _signed,
            "millions": in_millions,
            "width": _width,
            "isolated": with_isolates,
        },
    )


def _number(value: float | None, places: int = 1) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.{places}f}"


def _signed(value: float | None, places: int = 1) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:+.{places}f}".replace("-", "−")


def _width(value: float | None) -> str:
    """Return how wide the bar of a percentage is, as CSS has it."""
    return f"{value if value is not None and math.isfinite(value) else 0:.1f}%"
