"""A parser's options: one for each parameter of an `api` function, with its docstring's text."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

import docstring_parser
from jsonargparse import ArgumentParser

from mutualseg import api

_POSITIONAL = {
    "evaluate": ("run",),
    "predict": ("run", "images"),
    "report": ("runs",),
    "app": ("runs",),
    "export": ("run",),
    "distill": ("run",),
    "suggest": ("run",),
    "push": ("run", "name"),
}
SETTINGS = ("method", "views", "optimization", "supervision")
"""Parameters of `train` that are themselves constructors' arguments, dotted on the command line."""
BARE = ("resume",)
"""Options besides switches that may stand without a value."""


def add_function(parser: ArgumentParser, verb: str) -> None:
    """Add an option or positional for each parameter of an `api` function."""
    function = getattr(api, verb)
    texts = _parameter_texts(function)
    for name, parameter in inspect.signature(function).parameters.items():
        if name in SETTINGS:
            continue
        annotation = annotation_of(function, name)
        required = parameter.default is inspect.Parameter.empty
        if name in _POSITIONAL.get(verb, ()):
            many: dict[str, Any] = {"nargs": "+"} if takes_many(annotation) else {}
            parser.add_argument(name, type=str, help=texts[name], **many)
            continue
        flag = "--" + name.replace("_", "-")
        if takes_many(annotation):
            parser.add_argument(flag, type=str, action="append", default=[], help=texts[name])
            continue
        default = None if required else parameter.default
        bare: dict[str, Any] = {"nargs": "?", "const": True} if annotation is bool or name in BARE else {}
        parser.add_argument(flag, type=annotation, default=default, help=texts[name], **bare)


def add_settings(parser: ArgumentParser, method: str | None) -> None:
    """Add the dotted options: of the method, unless several are compared, and of what all methods have."""
    from mutualseg.methods import METHODS, method_class
    from mutualseg.optimization import Optimization
    from mutualseg.supervision import Supervision
    from mutualseg.views.pipelines import NOT_SET_BY_USERS, UnlabeledViews

    constructors: list[tuple[str, type[Any], tuple[str, ...]]] = [
        ("views", UnlabeledViews, NOT_SET_BY_USERS),
        ("optimization", Optimization, ()),
        ("supervision", Supervision, ()),
    ]
    if method is not None:
        names = ", ".join(METHODS)
        parser.add_argument(
            "--method.name", type=str, default=method, metavar="NAME", help=f"Same as --method: {names}."
        )
        constructors.insert(0, ("method", method_class(method), ("build_network",)))
    for prefix, target, skip in constructors:
        texts = _parameter_texts(target)
        hints = typing.get_type_hints(target if prefix != "method" else target.__init__)
        for name, parameter in inspect.signature(target).parameters.items():
            if name not in skip:
                parser.add_argument(
                    f"--{prefix}.{name}",
                    type=hints[name],
                    default=parameter.default,
                    help=texts.get(name, ""),
                    metavar="VALUE",
                )


def list_options(verb: str) -> list[str]:
    """Return the options of a verb that take several values."""
    function = getattr(api, verb)
    names = inspect.signature(function).parameters
    return [f"--{name}" for name in names if takes_many(annotation_of(function, name))]


def options_of(parser: ArgumentParser) -> dict[str, Any]:
    """Return every option of a parser by its spelling."""
    return {flag: action for action in parser._actions for flag in action.option_strings}


def annotation_of(function: Callable[..., Any], name: str) -> Any:
    """Return the type of a parameter of an `api` function."""
    annotation = inspect.signature(function).parameters[name].annotation
    return eval(annotation, inspect.unwrap(function).__globals__)  # our own source, not input


def takes_many(annotation: Any) -> bool:
    """Tell whether a parameter takes a sequence of values."""
    return any(typing.get_origin(part) is Sequence for part in alternatives(annotation))


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the one type there is."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return typing.get_args(annotation)
    return (annotation,)


def _parameter_texts(target: Callable[..., Any]) -> dict[str, str]:
    """Return the docstring's text on each parameter; a percent sign would be a format to argparse."""
    described = docstring_parser.parse_from_object(target)
    return {p.arg_name: " ".join((p.description or "").split()).replace("%", "%%") for p in described.params}
