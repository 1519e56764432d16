"""What to do about a sign of collapse, as flags that the run's own method has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mutualseg.engine.collapse import CLASS_GONE, FEW_KEPT, Finding
from mutualseg.supervision import NONE


def cure(finding: Finding, arguments: Mapping[str, Any], *, class_weights: object) -> str:
    """Return what to train again with, joined by "or".

    Args:
        finding: what is wrong.
        arguments: the method's own, by name.
        class_weights: of the supervision, as resolved: `none`, or one number per class.
    """
    if finding.kind == CLASS_GONE:
        ways = [*_watch_each_class(arguments), *_balance(arguments, class_weights)]
        ways = (ways or _lower_threshold(arguments))[:2]
        return _one_of([*ways, "more labeled images that show it"])
    if finding.kind == FEW_KEPT:
        ways = [*_watch_each_class(arguments), *_lower_threshold(arguments), *_longer_burn_in(arguments)]
        return _one_of([*ways[:2], "more steps"])
    ways = [*_half_weight(arguments), *_longer_burn_in(arguments), *_higher_threshold(arguments)]
    return _one_of([*ways[:2], "more labeled images"])


def _one_of(ways: list[str]) -> str:
    return f"{', '.join(ways[:-1])} or {ways[-1]}" if len(ways) > 1 else ways[0]


def _watch_each_class(arguments: Mapping[str, Any]) -> list[str]:
    return ["--method.adaptive_threshold true"] if arguments.get("adaptive_threshold") is False else []


def _balance(arguments: Mapping[str, Any], class_weights: object) -> list[str]:
    ways = []
    if arguments.get("class_balance", 1.0) < 1.0:
        ways.append("--method.class_balance 1")
    if class_weights == NONE:
        ways.append("--supervision.class_weights balanced")
    return ways


def _lower_threshold(arguments: Mapping[str, Any]) -> list[str]:
    threshold = arguments.get("threshold", 0.0)
    return [f"--method.threshold {max(threshold - 0.2, 0.0):g}"] if threshold > 0.0 else []


def _higher_threshold(arguments: Mapping[str, Any]) -> list[str]:
    threshold = arguments.get("threshold", 1.0)
    return [f"--method.threshold {0.9 if threshold < 0.9 else 0.97}"] if threshold < 0.97 else []


def _half_weight(arguments: Mapping[str, Any]) -> list[str]:
    names = [name for name in ("teacher_weight", "weight") if arguments.get(name, 0.0) > 0.0]
    return [f"--method.{name} {arguments[name] / 2:g}" for name in names]


def _longer_burn_in(arguments: Mapping[str, Any]) -> list[str]:
    burn_in, ramp, cooldown = (arguments.get(name, 0.0) for name in ("burn_in", "ramp", "cooldown"))
    longer = min(burn_in + 0.2, round(0.9 - ramp - cooldown, 6))  # leaves a tenth of the run to distill in
    return [f"--method.burn_in {longer:g}"] if longer > burn_in else []
