"""Configuration files: a preset by name or a YAML file, as plain values under the names of `train`."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from mutualseg.errors import ConfigError
from mutualseg.nearest import unknown_name
from mutualseg.plain_yaml import NotPlainError, plain_text, read_plain
from mutualseg.shell_lines import resume_line


def preset_names() -> list[str]:
    """Return the names of the presets that the package carries."""
    folder = files("mutualseg.configs")
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


def read_configuration(name: str) -> dict[str, Any]:
    """Read a preset or a YAML file.

    Args:
        name: a preset's name, or a path that ends in .yaml or .yml.

    Returns:
        Its keys and values; `method` is always a mapping with a `name`.

    Raises:
        ConfigError: there is no such preset or file, or it is not a mapping of plain values.
    """
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
        if not path.is_file():
            raise ConfigError(f"There is no configuration file '{name}'; check the path.")
        return _normalized(read_mapping_of(path, name), name)
    if name in preset_names():
        text = files("mutualseg.configs").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    else:
        refusal = unknown_name(f"preset '{name}'", name, preset_names()).rstrip(".?")
        raise ConfigError(f"{refusal}? A file's name must end in .yaml.")
    return _normalized(read_mapping(text, name), name)


class _PlainLoader(yaml.SafeLoader):
    """Plain values only: a tag such as !!python is refused, and `off` is a text, as in YAML 1.2.

    YAML 1.1 takes on, off, yes and no for truth values, which would make `cache: off` a false.
    """


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:bool"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")
)


def read_mapping_of(path: Path, name: str) -> dict[str, Any]:
    """Return the mapping that a YAML file holds, like `read_mapping`."""
    try:
        text = plain_text(path, errors="replace")
    except NotPlainError as error:
        raise ConfigError(f"'{name}' is no plain YAML ({error}); correct it.") from None
    return read_mapping(text, name)


def read_mapping(text: str, name: str) -> dict[str, Any]:
    """Return the mapping that a YAML text is.

    Args:
        text: of the file.
        name: of the file, for messages.

    Raises:
        ConfigError: it is something else.
    """
    try:
        values = read_plain(text, _PlainLoader)
    except NotPlainError as error:
        where = f" ({error})" if error.line is None else f" (line {error.line})"
        raise ConfigError(f"'{name}' is no plain YAML{where}; correct it.") from None
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError(f"'{name}' must hold options and their values, such as 'steps: 1000'.")
    return values


_FOUND_OUT = ("image_code", "mask_code", "threads")
"""Keys of a run's config.yaml that follow from its data or its machine: a new run finds them out again."""


def _normalized(values: dict[str, Any], name: str) -> dict[str, Any]:
    if "teachers" in values:
        raise ConfigError(
            f"'{name}' is the configuration of a distilled run, which train does not start; go on with it by "
            f"{resume_line(Path(name).parent)}, or teach another by mutualseg distill."
        )
    normalized: dict[str, Any] = {}
    for key, value in values.items():
        key = key.replace("-", "_")
        if key in _FOUND_OUT:
            continue
        if key == "method" and isinstance(value, str):
            value = {"name": value}
        if key in ("method", "views", "optimization", "supervision") and not isinstance(value, dict):
            raise ConfigError(f"'{key}' in '{name}' must hold options and their values.")
        normalized[key] = value
    return normalized
