"""Templates to HTML: whatever names of classes, files and runs hold, they are texts in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mutualseg.terminal import shown


def escaped_pages(package: str, filters: Mapping[str, Callable[..., str]]) -> Environment:
    """Return what fills the templates of a package; all that is filled in is escaped.

    Args:
        package: its folder `templates` has them.
        filters: of the templates, by name.
    """
    environment = Environment(
        loader=PackageLoader(package, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_inert,
    )
    environment.filters |= filters
    return environment


def _inert(value: Any) -> Any:
    """Return a text without what turns the direction of reading, or that no file can hold."""
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value
