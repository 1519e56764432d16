"""What is compared: labels, and the arguments of a training that each stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mutualseg import resolving
from mutualseg.comparison.ablations import ABLATIONS, FULL, chosen_ablations
from mutualseg.configuration_files import read_mapping_of
from mutualseg.errors import ConfigError
from mutualseg.methods import METHODS, method_class
from mutualseg.nearest import unknown_name
from mutualseg.networks.segmenter import Segmenter
from mutualseg.optimization import Optimization
from mutualseg.supervision import Supervision
from mutualseg.typed_values import typed_values
from mutualseg.views.pipelines import UnlabeledViews

_PARTS = ("method", "views", "optimization", "supervision")


@dataclass(frozen=True)
class Variant:
    """One line of a comparison, with every argument resolved."""

    label: str
    method: dict[str, Any]
    """`name` and the method's own arguments."""
    views: dict[str, Any]
    optimization: dict[str, Any]
    supervision: dict[str, Any] = field(default_factory=lambda: resolving.resolve_supervision({}))
    """Left open only by records from before there was a choice."""

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `train` that it stands for."""
        return {name: value for name, value in asdict(self).items() if name != "label"}


def make_variants(
    methods: Sequence[str],
    ablations: Sequence[str],
    file: Path | None,
    *,
    views: Mapping[str, Any],
    optimization: Mapping[str, Any],
    supervision: Mapping[str, Any] | None = None,
) -> list[Variant]:
    """Return everything that is compared, the full recipe of an ablation first.

    Args:
        methods: names; none means every method, unless an ablation or a file says what is compared.
        ablations: names, or `all`.
        file: YAML of further variants, by label.
        views: arguments that all have in common.
        optimization: likewise.
        supervision: likewise.

    Raises:
        ConfigError: a name or an argument is unknown, or does not fit.
    """
    parts = chosen_ablations(ablations)
    if not methods and not parts and file is None:
        methods = list(METHODS)
    asked: dict[str, Mapping[str, Any]] = {}
    if parts:
        asked[FULL] = {"method": {"name": FULL}}
    asked |= {name: {"method": {"name": name}} for name in methods}
    for part in parts:
        changes = ABLATIONS[part]
        asked[part] = {**changes, "method": {"name": FULL, **changes.get("method", {})}}
    if file is not None:
        own = _read_file(file)
        for label in own:
            if label in METHODS or label in ABLATIONS:
                kind = "a method" if label in METHODS else "an ablation"
                raise ConfigError(f"'{label}' in {file} is the name of {kind}; choose another label.")
        asked |= own
    base = {"views": views, "optimization": optimization, "supervision": supervision or {}}
    return [_resolve(label, wanted, base) for label, wanted in asked.items()]


def resolved_again(labels: Iterable[str], **base: Mapping[str, Any]) -> list[Variant]:
    """Return the methods and ablations among the labels of a record as they are by now."""
    known = set(labels)
    methods, parts = known & METHODS.keys(), known & ABLATIONS.keys()
    if not methods and not parts:
        return []
    made = make_variants(sorted(methods), sorted(parts), None, **base)
    return [variant for variant in made if variant.label in known]


def find_aliases(variants: Iterable[Variant]) -> tuple[list[Variant], dict[str, str]]:
    """Return the variants that differ, and for each of the others the label of the one it equals."""
    kept: list[Variant] = []
    aliases: dict[str, str] = {}
    for variant in variants:
        same = next((other for other in kept if other.arguments() == variant.arguments()), None)
        if same is None:
            kept.append(variant)
        else:
            aliases[variant.label] = same.label
    return kept, aliases


class _ArgumentsAreFineError(Exception):
    """A method's constructor has come to where it builds networks."""


def _resolve(label: str, wanted: Mapping[str, Any], base: Mapping[str, Mapping[str, Any]]) -> Variant:
    given = dict(wanted.get("method", {}))
    name = str(given.pop("name", FULL))
    found = method_class(name)
    of_method = typed_values(found, given, f"method.{{}} of '{label}'", skip="build_network")
    own_views = typed_values(UnlabeledViews, wanted.get("views", {}), f"views.{{}} of '{label}'", skip="crop")
    own_rates = typed_values(Optimization, wanted.get("optimization", {}), f"optimization.{{}} of '{label}'")
    own_rates = {key: value for key, value in own_rates.items() if value is not None}  # left open
    own_loss = typed_values(Supervision, wanted.get("supervision", {}), f"supervision.{{}} of '{label}'")
    resolved = resolving.resolve_method({"name": name, **of_method})

    def build(role: str) -> Segmenter:
        raise _ArgumentsAreFineError

    with suppress(_ArgumentsAreFineError):  # a method looks at its arguments before it builds networks
        found(build, **{key: value for key, value in resolved.items() if key != "name"})
    return Variant(
        label,
        resolved,
        resolving.resolve_views({**base["views"], **own_views}),
        resolving.resolve_optimization({**base["optimization"], **own_rates}),
        resolving.resolve_supervision({**base["supervision"], **own_loss}),
    )


def _read_file(file: Path) -> dict[str, Mapping[str, Any]]:
    if file.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"--variants {file} must be a file that ends in .yaml.")
    if not file.is_file():
        raise ConfigError(f"There is no file '{file}'; check the path of --variants.")
    variants = read_mapping_of(file, str(file))
    for label, content in variants.items():
        if not re.fullmatch(r"[A-Za-z0-9._+-]+", label) or label.startswith("."):
            raise ConfigError(f"'{label}' in {file} becomes a folder's name; use letters, digits, . _ + -.")
        if not isinstance(content, dict):
            raise ConfigError(f"'{label}' in {file} must hold {', '.join(_PARTS[:-1])} or {_PARTS[-1]}.")
        if isinstance(content.get("method"), str):
            content["method"] = {"name": content["method"]}
        for part, values in content.items():
            if part not in _PARTS:
                raise ConfigError(unknown_name(f"key '{part}' below '{label}' in {file}", str(part), _PARTS))
            if not isinstance(values, dict):
                raise ConfigError(f"'{part}' of '{label}' in {file} must hold options and their values.")
    return variants
