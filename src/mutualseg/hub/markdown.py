"""Texts of others in a Markdown page."""

from __future__ import annotations

import re

from mutualseg.terminal import shown

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~$&])")


def escaped(text: object) -> str:
    """Return a text so that Markdown and HTML only show it, on one line."""
    return _MARKDOWN.sub(r"\\\1", shown(str(text)))
