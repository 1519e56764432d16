"""The page on every command, from the docstrings that `--help` is made of."""

from __future__ import annotations

import argparse
import html
import inspect
import typing
from collections.abc import Iterator
from typing import Any

import docstring_parser
from jsonargparse import ArgumentParser

from mutualseg import api
from mutualseg.command_line.options import add_function, add_settings, alternatives
from mutualseg.command_line.verbs import VERBS

_WORDS = {int: "whole number", float: "number", bool: "switch", str: "text"}


def command_page() -> str:
    """Return Markdown: one part a verb, with a table of its arguments."""
    parts = [
        "# Every command",
        "",
        "Options are Python parameters too: `--split-seed 1` is `split_seed=1`. Each verb has `--help`, and "
        "`--json`, which prints the result as one line of JSON.",
    ]
    for verb, purpose in VERBS.items():
        parts += ["", f"## {verb}", "", f"{purpose[0].upper()}{purpose[1:]}.", "", *_body(verb)]
    return "\n".join(parts) + "\n"


def _body(verb: str) -> Iterator[str]:
    described = docstring_parser.parse_from_object(getattr(api, verb))
    if described.long_description:
        yield from (described.long_description, "")
    parser = ArgumentParser(prog=f"mutualseg {verb}", exit_on_error=False, print_config=None)
    add_function(parser, verb)
    yield from _table(parser)
    if described.returns is not None and described.returns.description:
        yield from ("", f"Returns: {' '.join(described.returns.description.split())}")
    if verb == "train":
        groups = ArgumentParser(prog="mutualseg train", exit_on_error=False, print_config=None)
        add_settings(groups, "mutual")
        yield from (
            "",
            "### Dotted options of train",
            "",
            "Those of `--method mutual`, and of all methods.",
            "",
        )
        yield from _table(groups)


def _table(parser: ArgumentParser) -> Iterator[str]:
    yield from ("| option | takes | default | |", "|---|---|---|---|")
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        name = action.option_strings[-1] if action.option_strings else action.dest.upper()
        text = (action.help or "").replace("%%", "%").replace("|", "\\|")
        yield f"| `{name}` | {_takes(action)} | {_default(action)} | {html.escape(text, quote=False)} |"


def _takes(action: argparse.Action) -> str:
    annotation = getattr(action, "_typehint", None) or action.type
    words = []
    for part in alternatives(annotation):
        if typing.get_origin(part) is typing.Literal:
            words += [f"`{choice}`" for choice in typing.get_args(part)]
        elif part is not type(None):
            words.append(_WORDS.get(part, "values"))
    several = isinstance(action, argparse._AppendAction) or action.nargs == "+"
    return ", ".join(dict.fromkeys(words)) + ("; several" if several else "")


def _default(action: argparse.Action) -> str:
    value: Any = action.default
    if value is None or value is inspect.Parameter.empty or value in ([], argparse.SUPPRESS):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
