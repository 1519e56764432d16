"""Values from a file as a constructor's types: YAML reads 1e-3 as a text, and 1 where a share is meant."""

from __future__ import annotations

import inspect
import typing
from argparse import ArgumentError
from collections.abc import Mapping
from types import UnionType
from typing import Any

from jsonargparse import ArgumentParser

from mutualseg.errors import ConfigError
from mutualseg.nearest import unknown_name


def typed_values(
    target: type[object], given: Mapping[str, Any], shown: str, skip: str = ""
) -> dict[str, Any]:
    """Return given values in the types of a constructor's arguments.

    Args:
        target: the class.
        given: value by name.
        shown: how a message calls an argument, its name as {}.
        skip: an argument that is not the user's.

    Raises:
        ConfigError: an argument is unknown, or a value does not fit.
    """
    known = [name for name in inspect.signature(target).parameters if name != skip]
    hints = typing.get_type_hints(target.__init__)
    parser = ArgumentParser(exit_on_error=False)
    for name in given:
        if name not in known:
            raise ConfigError(unknown_name(shown.format(name), str(name), known))
        parser.add_argument(f"--{name}", type=hints[name])
    typed: dict[str, Any] = {}
    for name, value in given.items():
        try:
            typed[name] = parser.parse_object({name: value})[name]
        except ArgumentError:
            hint = hints[name]
            one = typing.get_args(hint)[0] if isinstance(hint, UnionType) else hint  # None is not typed
            wanted = f"a value of the type {getattr(one, '__name__', str(one))}"
            if typing.get_origin(one) is typing.Literal:
                wanted = f"one of {', '.join(map(str, typing.get_args(one)))}"
            raise ConfigError(f"{shown.format(name)} is '{value}'; give {wanted}.") from None
    return typed
