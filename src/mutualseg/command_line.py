"""From words on a command line to arguments of an `api` function, by way of its signature."""

from __future__ import annotations

import inspect
import json
import re
import types
import typing
from argparse import ArgumentError
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import docstring_parser
from jsonargparse import ArgumentParser

from mutualseg import api
from mutualseg.configuration_files import read_configuration
from mutualseg.errors import ConfigError
from mutualseg.nearest import unknown_name

_POSITIONAL = {"evaluate": ("run",), "predict": ("run", "images")}
_DATA_FIRST = ("check", "split")
"""Verbs whose data folder may stand without `--data`."""
_SETTINGS = ("method", "views", "optimization")
"""Parameters of `train` that are themselves constructors' arguments, dotted on the command line."""
_BARE = ("resume",)
"""Options besides switches that may stand without a value."""


@dataclass(frozen=True)
class Parsed:
    """What a command line asks for."""

    arguments: dict[str, Any]
    """For the `api` function."""
    as_json: bool
    """Whether the result is printed as one line of JSON."""


def parse_verb(verb: str, description: str, words: Sequence[str]) -> Parsed | None:
    """Parse the words after a verb.

    Args:
        verb: name of an `api` function.
        description: first line of its help.
        words: what follows the verb.

    Returns:
        The arguments, or None when help was asked for and printed.

    Raises:
        ConfigError: an option is unknown, has a wrong value or lacks one.
    """
    words = [_spelled(word) for word in words]
    if verb in _DATA_FIRST and words and not words[0].startswith("-"):
        words = ["--data", *words]
    wants_help = any(word in ("-h", "--help") for word in words)
    configuration = _configuration(verb, words)
    is_configured = bool(configuration)
    method = _method_name(words) or configuration.get("method", {}).get("name")
    if method != configuration.get("method", {}).get("name", method):
        del configuration["method"]  # arguments of another method than the flag's
    parser = ArgumentParser(
        prog=f"mutualseg {verb}",
        description=_description(verb, description),
        exit_on_error=False,
        allow_abbrev=False,
        default_env=False,
        print_config=None,
    )
    _add_function(parser, verb)
    parser.add_argument(
        "--json",
        type=bool,
        nargs="?",
        const=True,
        default=False,
        help="Print the result as one line of JSON.",
    )
    if verb == "train":
        parser.add_argument("--config", action="config", help=_CONFIG_HELP)
        _refuse_unknown(words, parser, plain_only=True)  # before imports that take seconds
        # Methods need PyTorch, which takes seconds to import: plain help does without.
        if method is not None or not wants_help:
            _add_settings(parser, str(method or "mutual"))
        else:
            parser.epilog = _MORE_HELP
    _refuse_unknown(words, parser)
    _refuse_unknown_keys(configuration, parser)
    lists = _take_lists(configuration, verb)
    if is_configured:
        _drop_pair(words, configuration)
        words = ["--config", json.dumps(configuration), *_without_config(words)]
    try:
        namespace = parser.parse_args([_with_value(word, words, i, parser) for i, word in enumerate(words)])
    except SystemExit:
        return None
    except ArgumentError as error:
        raise ConfigError(_explain(error, verb, parser)) from None
    values = {key: value for key, value in namespace.as_dict().items() if key not in ("config", "json")}
    _require_values(verb, values)
    values |= {name: value for name, value in lists.items() if not values[name]}
    return Parsed(values, bool(namespace["json"]))


_CONFIG_HELP = "YAML file with these options as keys, or the name of a preset; flags win over it."
_MORE_HELP = (
    "The method's own options (--method.*), the views' (--views.*) and the optimizer's (--optimization.*): "
    "mutualseg train --method mutual --help"
)


def _description(verb: str, description: str) -> str:
    return description[0].upper() + description[1:] + "."


def _add_function(parser: ArgumentParser, verb: str) -> None:
    """Add an option or positional for each parameter of an `api` function."""
    function = getattr(api, verb)
    texts = _parameter_texts(function)
    for name, parameter in inspect.signature(function).parameters.items():
        if name in _SETTINGS:
            continue
        annotation = eval(parameter.annotation, vars(api))  # our own source, not input
        required = parameter.default is inspect.Parameter.empty
        if name in _POSITIONAL.get(verb, ()):
            many: dict[str, Any] = {"nargs": "+"} if _takes_many(annotation) else {}
            parser.add_argument(name, type=str, help=texts[name], **many)
            continue
        flag = "--" + name.replace("_", "-")
        if _takes_many(annotation):
            parser.add_argument(flag, type=str, action="append", default=[], help=texts[name])
            continue
        default = None if required else parameter.default
        bare: dict[str, Any] = {"nargs": "?", "const": True} if annotation is bool or name in _BARE else {}
        parser.add_argument(flag, type=annotation, default=default, help=texts[name], **bare)


def _add_settings(parser: ArgumentParser, method: str) -> None:
    """Add the dotted options: the method's, the views' and the optimizer's."""
    from mutualseg.methods import METHODS, method_class
    from mutualseg.optimization import Optimization
    from mutualseg.views.pipelines import UnlabeledViews

    names = ", ".join(METHODS)
    parser.add_argument(
        "--method.name", type=str, default=method, metavar="NAME", help=f"Same as --method: {names}."
    )
    for prefix, target, skip in (
        ("method", method_class(method), "build_network"),
        ("views", UnlabeledViews, "crop"),
        ("optimization", Optimization, ""),
    ):
        texts = _parameter_texts(target)
        hints = typing.get_type_hints(target if prefix != "method" else target.__init__)
        for name, parameter in inspect.signature(target).parameters.items():
            if name != skip:
                parser.add_argument(
                    f"--{prefix}.{name}",
                    type=hints[name],
                    default=parameter.default,
                    help=texts.get(name, ""),
                    metavar="VALUE",
                )


def _parameter_texts(target: Callable[..., Any]) -> dict[str, str]:
    """Return the docstring's text on each parameter; a percent sign would be a format to argparse."""
    described = docstring_parser.parse_from_object(target)
    return {p.arg_name: " ".join((p.description or "").split()).replace("%", "%%") for p in described.params}


def _takes_many(annotation: Any) -> bool:
    return any(typing.get_origin(part) is Sequence for part in _alternatives(annotation))


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return typing.get_args(annotation)
    return (annotation,)


def _spelled(word: str) -> str:
    """Return an option in its one spelling: --split-seed, --method.burn_in, --method.name."""
    if not word.startswith("--"):
        return word
    name, separator, value = word[2:].partition("=")
    if "." in name:
        head, _, tail = name.partition(".")
        name = f"{head}.{tail.replace('-', '_')}"
    else:
        name = name.replace("_", "-")
    return f"--{'method.name' if name == 'method' else name}{separator}{value}"


def _options(parser: ArgumentParser) -> dict[str, Any]:
    return {flag: action for action in parser._actions for flag in action.option_strings}


def _value_of(option: str, words: Sequence[str]) -> str | None:
    """Return the value that an option has on the command line; the last one counts."""
    found = None
    for index, word in enumerate(words):
        name, separator, value = word.partition("=")
        if name == option:
            found = value if separator else (words[index + 1] if index + 1 < len(words) else None)
    return found


def _method_name(words: Sequence[str]) -> str | None:
    return _value_of("--method.name", words)


def _configuration(verb: str, words: Sequence[str]) -> dict[str, Any]:
    named = _value_of("--config", words)
    if verb != "train" or named is None:
        return {}
    return read_configuration(named)


def _take_lists(configuration: dict[str, Any], verb: str) -> dict[str, list[str]]:
    """Take the lists out of a configuration: the parser knows their options as repeated words only."""
    taken = {}
    for name, parameter in inspect.signature(getattr(api, verb)).parameters.items():
        if name in configuration and _takes_many(eval(parameter.annotation, vars(api))):
            value = configuration.pop(name)
            taken[name] = [value] if isinstance(value, str) else value
            if not isinstance(taken[name], list) or not all(isinstance(item, str) for item in taken[name]):
                raise ConfigError(f"--{name} {value} does not fit: give a list of texts.")
    return taken


def _without_config(words: Sequence[str]) -> Iterator[str]:
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word == "--config":
            skip = True
        elif not word.startswith("--config="):
            yield word


def _drop_pair(words: Sequence[str], configuration: dict[str, Any]) -> None:
    """Let a length of run on the command line replace the other kind of length in the file."""
    for given, other in (("--budget", "steps"), ("--steps", "budget")):
        if _value_of(given, words) is not None:
            configuration.pop(other, None)


def _with_value(word: str, words: Sequence[str], index: int, parser: ArgumentParser) -> str:
    """Return a bare switch as `--switch=true`, so that a following positional is not taken for its value."""
    action = _options(parser).get(word)
    if action is None or action.nargs != "?":
        return word
    following = words[index + 1] if index + 1 < len(words) else "--"
    is_value = not following.startswith("-") and (
        action.dest in _BARE or following.lower() in ("true", "false")
    )
    return word if is_value else f"{word}=true"


def _refuse_unknown(words: Sequence[str], parser: ArgumentParser, *, plain_only: bool = False) -> None:
    known = _options(parser)
    for word in words:
        flag = word.partition("=")[0]
        if plain_only and "." in flag:
            continue
        if flag.startswith("--") and len(flag) > 2 and flag not in known:
            raise ConfigError(unknown_name(f"option '{flag}'", flag, known))


def _refuse_unknown_keys(configuration: Mapping[str, Any], parser: ArgumentParser) -> None:
    keys = {action.dest for action in _options(parser).values()}
    for key, value in configuration.items():
        nested = [f"{key}.{inner}" for inner in value] if key in _SETTINGS else [key]
        for full in nested:
            if full not in keys:
                raise ConfigError(unknown_name(f"key '{full}' in the configuration", full, keys))


def _require_values(verb: str, values: Mapping[str, Any]) -> None:
    for name, parameter in inspect.signature(getattr(api, verb)).parameters.items():
        if parameter.default is inspect.Parameter.empty and values.get(name) is None:
            raise ConfigError(f"{verb} needs --{name}; see mutualseg {verb} --help.")


def _explain(error: ArgumentError, verb: str, parser: ArgumentParser) -> str:
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


_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _expected(annotation: Any) -> str:
    parts = []
    for part in _alternatives(annotation):
        if part is type(None):
            continue
        if typing.get_origin(part) is typing.Literal:
            parts.append("one of " + ", ".join(str(choice) for choice in typing.get_args(part)))
        elif typing.get_origin(part) is tuple:
            parts.append("a list such as [0.5, 2.0]")
        else:
            parts.append(_WORDS.get(part, "another value"))
    return " or ".join(parts) or "another value"
