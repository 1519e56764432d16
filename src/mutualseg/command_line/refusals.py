"""What a command line may not say, in one sentence with the next action."""

from __future__ import annotations

import inspect
import re
import typing
from argparse import ArgumentError
from collections.abc import Mapping, Sequence
from typing import Any

from jsonargparse import ArgumentParser

from mutualseg import api
from mutualseg.command_line.options import SETTINGS, alternatives, options_of
from mutualseg.errors import ConfigError
from mutualseg.nearest import unknown_name

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def refuse_unknown(words: Sequence[str], parser: ArgumentParser, *, plain_only: bool = False) -> None:
    """Raise ConfigError for an option that the parser does not know, naming the nearest."""
    known = options_of(parser)
    for word in words:
        flag = word.partition("=")[0]
        if plain_only and "." in flag:
            continue
        if flag.startswith("--") and len(flag) > 2 and flag not in known:
            raise ConfigError(unknown_name(f"option '{flag}'", flag, known))


def refuse_unknown_keys(configuration: Mapping[str, Any], parser: ArgumentParser) -> None:
    """Raise ConfigError for a configuration key that is no option, naming the nearest."""
    keys = {action.dest for action in options_of(parser).values()}
    for key, value in configuration.items():
        nested = [f"{key}.{inner}" for inner in value] if key in SETTINGS else [key]
        for full in nested:
            if full not in keys:
                raise ConfigError(unknown_name(f"key '{full}' in the configuration", full, keys))


def require_values(verb: str, values: Mapping[str, Any]) -> None:
    """Raise ConfigError if a parameter without a default has got no value."""
    for name, parameter in inspect.signature(getattr(api, verb)).parameters.items():
        if parameter.default is inspect.Parameter.empty and values.get(name) is None:
            raise ConfigError(f"{verb} needs --{name}; see mutualseg {verb} --help.")


def explain(error: ArgumentError, verb: str, parser: ArgumentParser) -> str:
    """Return jsonargparse's message as one sentence with the next action."""
    text = str(error)
    key = re.search(r'Parser key "([^"]+)"', text)
    given = re.search(r"(?:Given value|Got value|value): (.*)", text)
    if key is not None and given is not None:
        action = next((a for a in parser._actions if a.dest == key[1]), None)
        flag = action.option_strings[0] if action is not None and action.option_strings else f"'{key[1]}'"
        expected = _expected(getattr(action, "_typehint", None) or getattr(action, "type", None))
        return f"{flag} {given[1].strip()} does not fit: give {expected}."
    missing = re.search(r'required: (.*)|Key "([^"]+)" is required', text)
    if missing is not None:
        names = missing[1] or missing[2]
        return f"{verb} needs {names.upper()}; see mutualseg {verb} --help."
    return f"{' '.join(text.split())}; see mutualseg {verb} --help."


def _expected(annotation: Any) -> str:
    parts = []
    for part in alternatives(annotation):
        if part is type(None):
            continue
        if typing.get_origin(part) is typing.Literal:
            parts.append("one of " + ", ".join(str(choice) for choice in typing.get_args(part)))
        elif typing.get_origin(part) is tuple:
            parts.append("a list such as [0.5, 2.0]")
        elif typing.get_origin(part) is list:
            parts.append("numbers such as 1,2.5")
        else:
            parts.append(_WORDS.get(part, "another value"))
    return " or ".join(parts) or "another value"
