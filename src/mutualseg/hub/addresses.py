"""Addresses of models on the Hub: `hf://NAME` and `hf://NAME@revision`."""

from __future__ import annotations

import re
from typing import NamedTuple

from mutualseg.errors import HubError
from mutualseg.one_line import one_line

SCHEME = "hf://"

_PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
_REVISION = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._/-]{0,253}[A-Za-z0-9_])?")


class Address(NamedTuple):
    """A model on the Hub."""

    name: str
    """`OWNER/MODEL`; old models have no owner."""
    revision: str | None = None
    """Branch, tag or commit; None: the newest of the default branch."""

    def __str__(self) -> str:
        return f"{SCHEME}{self.name}" + (f"@{self.revision}" if self.revision else "")


def is_address(text: object) -> bool:
    """Tell whether a text is meant as an address on the Hub, be it a wrong one."""
    return isinstance(text, str) and text.startswith("hf:")


def parse_address(text: str) -> Address:
    """Return the address that a text is.

    Raises:
        HubError: it is none.
    """
    if not text.startswith(SCHEME):
        raise HubError(f"'{one_line(text)}' is no address on the Hub; write hf://OWNER/MODEL.")
    name, mark, revision = text.removeprefix(SCHEME).partition("@")
    check_name(name)
    if mark and not _is_revision(revision):
        raise HubError(
            f"'{one_line(revision)}' in {SCHEME}{name}@ is no revision; give a branch, a tag or a commit."
        )
    return Address(name, revision or None)


def check_name(name: str) -> None:
    """Raise HubError for a name that no model on the Hub can have: it becomes part of paths."""
    parts = name.split("/")
    if len(parts) > 2 or len(name) > 96 or ".." in name or "--" in name or name.endswith(".git"):
        is_name = False
    else:
        is_name = all(_PART.fullmatch(part) for part in parts)
    if not is_name:
        raise HubError(
            f"'{one_line(name)}' is no name of a model on the Hub; give OWNER/MODEL, of letters, digits, "
            "-, _ and . alone."
        )


def _is_revision(text: str) -> bool:
    return _REVISION.fullmatch(text) is not None and ".." not in text and "//" not in text
