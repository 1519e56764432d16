"""Parse the words after a verb, with what a configuration file says below them."""

from __future__ import annotations

import inspect
import json
from argparse import ArgumentError
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jsonargparse import ArgumentParser

from mutualseg import api
from mutualseg.command_line.options import (
    SETTINGS,
    add_function,
    add_settings,
    annotation_of,
    list_options,
    options_of,
    takes_many,
)
from mutualseg.command_line.refusals import explain, refuse_unknown, refuse_unknown_keys, require_values
from mutualseg.command_line.words import repeated, spelled, value_of, with_value, without_config
from mutualseg.configuration_files import preset_names, read_configuration
from mutualseg.errors import ConfigError
from mutualseg.methods import METHODS
from mutualseg.predicting.saved_kinds import KINDS

_DATA_FIRST = ("check", "split")
"""Verbs whose data folder may stand without `--data`."""
_CONFIG_HELP = "YAML file with these options as keys, or the name of a preset; flags win over it."
_MORE_HELP = (
    "The method's own options (--method.*), the views' (--views.*), the optimizer's (--optimization.*) and "
    "the supervised loss's (--supervision.*): mutualseg train --method mutual --help"
)
_COMPARED_HELP = (
    "The views' own options (--views.*), the optimizer's (--optimization.*) and the supervised loss's "
    "(--supervision.*) are those of train, for every run: mutualseg train --method mutual --help"
)


@dataclass(frozen=True)
class Parsed:
    """What a command line asks for."""

    arguments: dict[str, Any]
    """For the `api` function."""
    as_json: bool
    """Whether the result is printed as one line of JSON."""
    given: frozenset[str]
    """Those of the arguments that the words or the configuration name, dotted within a group."""

    def given_arguments(self) -> dict[str, Any]:
        """Return the arguments without those that nobody gave."""
        found: dict[str, Any] = {}
        for name, value in self.arguments.items():
            if name in SETTINGS and isinstance(value, dict):
                value = {key: each for key, each in value.items() if f"{name}.{key}" in self.given}
                if value:
                    found[name] = value
            elif name in self.given:
                found[name] = value
        return found


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
    words = [spelled(word) for word in words]
    if verb == "compare":
        words = repeated(words, list_options(verb))
    if verb == "export":
        words = repeated(words, ["--images"])
    if verb in ("evaluate", "predict"):
        words = repeated(words, (), ["--scales"], {"--save": KINDS})  # the images of predict may follow
    if verb in _DATA_FIRST and words and not words[0].startswith("-"):
        words = ["--data", *words]
    wants_help = any(word in ("-h", "--help") for word in words)
    configuration = _configuration(verb, words)
    is_configured = bool(configuration)
    method = value_of("--method.name", words) or configuration.get("method", {}).get("name")
    if method != configuration.get("method", {}).get("name", method):
        del configuration["method"]  # arguments of another method than the flag's
    parser = ArgumentParser(
        prog=f"mutualseg {verb}",
        description=f"{description[0].upper()}{description[1:]}.",
        exit_on_error=False,
        allow_abbrev=False,
        default_env=False,
        print_config=None,
        usage=f"mutualseg {verb} DIR [options]" if verb in _DATA_FIRST else None,
    )
    add_function(parser, verb)
    parser.add_argument(
        "--json",
        type=bool,
        nargs="?",
        const=True,
        default=False,
        help="Print the result as one line of JSON.",
    )
    if verb == "train":
        presets = ", ".join(preset_names())
        parser.add_argument("--config", action="config", help=f"{_CONFIG_HELP} Presets: {presets}.")
        refuse_unknown(words, parser, plain_only=True)  # before imports that take seconds
        # Methods need PyTorch, which takes seconds to import: plain help does without.
        if method is not None or not wants_help:
            add_settings(parser, str(method or "mutual"))
        else:
            names = ", ".join(METHODS)
            parser.add_argument("--method", default="mutual", metavar="NAME", help=f"How to train: {names}.")
            parser.epilog = _MORE_HELP
    if verb == "compare":
        refuse_unknown(words, parser, plain_only=True)
        if wants_help:
            parser.epilog = _COMPARED_HELP
        else:
            add_settings(parser, None)
    refuse_unknown(words, parser)
    refuse_unknown_keys(configuration, parser)
    given = _given(words, configuration, parser)
    lists = _take_lists(configuration, verb)
    if is_configured:
        _drop_pair(words, configuration)
        words = ["--config", json.dumps(configuration), *without_config(words)]
    try:
        namespace = parser.parse_args([with_value(word, words, i, parser) for i, word in enumerate(words)])
    except SystemExit:
        return None
    except ArgumentError as error:
        raise ConfigError(explain(error, verb, parser)) from None
    values = {key: value for key, value in namespace.as_dict().items() if key not in ("config", "json")}
    require_values(verb, values)
    values |= {name: value for name, value in lists.items() if not values[name]}
    return Parsed(values, bool(namespace["json"]), given)


def _given(words: Sequence[str], configuration: Mapping[str, Any], parser: ArgumentParser) -> frozenset[str]:
    """Return the names of the arguments that words and a configuration give."""
    actions = options_of(parser)
    found = {actions[flag].dest for flag in (word.partition("=")[0] for word in words) if flag in actions}
    for name, value in configuration.items():
        found |= {f"{name}.{key}" for key in value} if name in SETTINGS else {name}
    return frozenset(found)


def _configuration(verb: str, words: Sequence[str]) -> dict[str, Any]:
    named = value_of("--config", words)
    if verb != "train" or named is None:
        return {}
    return read_configuration(named)


def _take_lists(configuration: dict[str, Any], verb: str) -> dict[str, list[str]]:
    """Take the lists out of a configuration: the parser knows their options as repeated words only."""
    taken = {}
    function = getattr(api, verb)
    for name in inspect.signature(function).parameters:
        if name in configuration and takes_many(annotation_of(function, name)):
            value = configuration.pop(name)
            taken[name] = [value] if isinstance(value, str) else value
            if not isinstance(taken[name], list) or not all(isinstance(item, str) for item in taken[name]):
                raise ConfigError(f"--{name} {value} does not fit: give a list of texts.")
    return taken


def _drop_pair(words: Sequence[str], configuration: dict[str, Any]) -> None:
    """Let a length of run on the command line replace the other kind of length in the file."""
    for given, other in (("--budget", "steps"), ("--steps", "budget")):
        if value_of(given, words) is not None:
            configuration.pop(other, None)
