"""When pseudo-labels count as collapsed, and what a user is told to do about it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualseg.engine.collapse import (
    CLASS_GONE,
    FEW_KEPT,
    LESS_RIGHT,
    Finding,
    Row,
    allowed_loss,
    find_collapse,
    living_classes,
)
from mutualseg.engine.collapse_cures import cure
from mutualseg.methods import METHODS
from mutualseg.resolving import resolve_method, resolve_supervision

CLASSES = ("road", "car", "speck")


def row(**changes: float | None) -> dict[str, float | None]:
    """Return what a sound evaluation sees: a common class, a rarer one, and one of next to no pixels."""
    found: dict[str, float | None] = {"kept": 60.0, "kept_accuracy": 95.0, "accuracy": 85.0}
    for name, kept, true in zip(CLASSES, (92.0, 7.9, 0.1), (90.0, 9.6, 0.4), strict=True):
        found |= {f"kept_share {name}": kept, f"true_share {name}": true}
    return found | {name.replace("__", " "): value for name, value in changes.items()}


def kinds(
    now: Row, reference: Row | None = None, *, is_settled: bool = True, steps: int = 100
) -> list[tuple[str, str]]:
    before = reference or row()
    found = find_collapse(
        now,
        before,
        classes=CLASSES,
        alive=living_classes(before, CLASSES),
        is_settled=is_settled,
        steps=steps,
    )
    return [(each.kind, each.class_name) for each in found]


def test_a_sound_evaluation_says_nothing() -> None:
    assert kinds(row()) == []
    assert kinds(row(kept=1.0, accuracy=84.1, kept_share__car=0.2)) == []


@pytest.mark.parametrize(("share", "gone"), [(0.0, True), (0.09, True), (0.1, False), (7.9, False)])
def test_a_class_is_gone_below_a_hundredth_of_its_share(share: float, gone: bool) -> None:
    assert kinds(row(kept_share__car=share)) == ([(CLASS_GONE, "car")] if gone else [])


def test_a_class_is_gone_only_if_it_was_alive() -> None:
    never = row(kept_share__car=0.9)  # below a tenth of its true share
    assert kinds(row(kept_share__car=0.0), never) == []
    mostly_wrong = row(kept_accuracy=49.0)
    assert living_classes(mostly_wrong, CLASSES) == living_classes(row(kept=4.9), CLASSES) == []
    assert living_classes(row(), CLASSES) == ["road", "car"], "the speck has too few pixels to be counted"
    assert kinds(row(kept_share__speck=0.0)) == []


@pytest.mark.parametrize("kept", [0.0, 0.99, None])
def test_few_sure_labels_are_one_finding(kept: float | None) -> None:
    none_of_car = row(kept=kept, kept_share__car=None if kept is None else 0.0)
    assert kinds(none_of_car) == [(FEW_KEPT, "")]
    assert kinds(none_of_car, is_settled=False) == []


def test_accuracy_is_held_against_the_burn_in() -> None:
    assert kinds(row(accuracy=83.9)) == [(LESS_RIGHT, "")]
    assert kinds(row(accuracy=83.9), steps=25) == []
    assert kinds(row(accuracy=82.9), steps=25) == [(LESS_RIGHT, "")]
    assert kinds(row(accuracy=None)) == kinds(row(), row(accuracy=None)) == []
    assert [allowed_loss(steps) for steps in (0, 1, 4, 100, 10_000)] == [10.0, 10.0, 5.0, 1.0, 1.0]


@given(st.dictionaries(st.sampled_from(sorted(row())), st.none() | st.floats(0, 100)))
def test_any_numbers_are_judged(changes: dict[str, float | None]) -> None:
    found = kinds(row() | changes)
    assert len(found) == len(set(found))
    assert all((kind == CLASS_GONE) == (name in CLASSES) for kind, name in found)


@pytest.mark.parametrize("kind", [CLASS_GONE, FEW_KEPT, LESS_RIGHT])
@pytest.mark.parametrize("name", [name for name in METHODS if name != "labels_only"])
def test_cures_are_flags_that_the_method_takes(name: str, kind: str) -> None:
    for changes in ({}, {"burn_in": 0.0, "threshold": 0.0}, {"burn_in": 0.6}):
        arguments = resolve_method({"name": name, **changes})
        words = cure(Finding(kind, "car", "x"), arguments, class_weights="none")
        flags = dict(part.split()[:2] for part in words.replace(" or ", ", ").split(", ") if "--" in part)
        assert 1 <= len(flags) <= 3 or kind == FEW_KEPT, words
        for flag, value in flags.items():
            group, option = flag.removeprefix("--").split(".")
            typed: Any = {"true": True, "balanced": "balanced"}.get(value) or float(value)
            if group == "method":
                resolved = resolve_method({**arguments, option: typed})
                assert resolved[option] != arguments[option], "a cure changes something"
            else:
                assert resolve_supervision({option: typed})[option] == typed


def test_cures_do_not_name_what_is_on_already() -> None:
    arguments = {"name": "mutual", "class_balance": 1.0, "adaptive_threshold": True, "threshold": 0.9}
    gone = Finding(CLASS_GONE, "car", "x")
    assert cure(gone, arguments, class_weights=[1.0, 2.0]) == (
        "--method.threshold 0.7 or more labeled images that show it"
    )
    off = arguments | {"adaptive_threshold": False, "class_balance": 0.0}
    assert cure(gone, off, class_weights="none") == (
        "--method.adaptive_threshold true, --method.class_balance 1 or more labeled images that show it"
    )
