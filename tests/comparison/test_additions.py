"""Lists, order of runs, and what a later call may add."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mutualseg.command_line.words import repeated
from mutualseg.comparison.additions import merge_settings
from mutualseg.comparison.amounts import Amount
from mutualseg.comparison.plan import plan
from mutualseg.comparison.variants import Variant
from mutualseg.comparison.words import listed, seeds_of
from mutualseg.data.samples import Sample, Split
from mutualseg.errors import ConfigError

BEFORE: dict[str, Any] = {
    "steps": 300,
    "batch": 4,
    "views": {"flip": True, "scale": [0.5, 2.0]},
    "variants": {"mutual": {"method": {"ema": 0.99}}},
    "labeled": {"6": {"images": "abc", "unlabeled": 3}},
}


def test_lists_in_any_spelling() -> None:
    assert listed(["1/64,1/32", " 6 "]) == listed("1/64, 1/32 ,6") == ["1/64", "1/32", "6"]
    assert listed(6) == ["6"]
    assert listed(()) == listed([]) == []
    assert seeds_of(["0,1", "0"], [7]) == seeds_of([0, 1], [7]) == [0, 1]
    assert seeds_of("3", [0, 1]) == seeds_of(3, [0, 1]) == [3]
    assert seeds_of((), [0, 1]) == [0, 1]
    with pytest.raises(ConfigError, match="--seeds one is no whole number"):
        seeds_of("one", [0])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--seeds 0 1 --steps 3", "--seeds=0 --seeds=1 --steps 3"),
        ("--seeds=0 --seeds 1,2", "--seeds=0 --seeds=1,2"),
        ("--ablation --steps 3", "--ablation=all --steps 3"),
        ("--steps 3 --ablation", "--steps 3 --ablation=all"),
        ("--ablation no_peer --seeds", "--ablation=no_peer --seeds"),
    ],
)
def test_words_of_lists_are_repeated(words: str, expected: str) -> None:
    assert repeated(words.split(), ["--seeds", "--ablation"]) == expected.split()


def test_first_seed_is_complete_before_the_second() -> None:
    def amount(count: int) -> Amount:
        labeled = tuple(Sample(Path(f"{i}.png"), None, f"{i}", "train") for i in range(count))
        return Amount(count, Split(labeled, (), (), (), 0, "part"))

    variants = [Variant(label, {"name": label}, {}, {}) for label in ("a", "b")]
    runs = plan(variants, [amount(4), amount(2)], [1, 0])
    assert [run.name for run in runs] == [
        *("a-2-s1", "b-2-s1", "a-4-s1", "b-4-s1"),
        *("a-2-s0", "b-2-s0", "a-4-s0", "b-4-s0"),
    ]


def test_more_of_the_same_is_added() -> None:
    now = {**BEFORE, "variants": {"labels_only": {}}, "labeled": {"12": {"images": "d", "unlabeled": 0}}}
    merged = merge_settings(BEFORE, now, Path("cmp"))
    assert list(merged["variants"]) == ["mutual", "labels_only"]
    assert list(merged["labeled"]) == ["6", "12"]
    assert merge_settings(None, now, Path("cmp")) == now


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps": 200}, "steps 300, not 200"),
        ({"steps": None}, "steps 300, not unset"),
        ({"views": {"flip": True, "scale": [1.0, 1.0]}}, r"views.scale \[0.5, 2.0\], not \[1.0, 1.0\]"),
        ({"variants": {"mutual": {"method": {"ema": 0.5}}}}, "variants mutual.method.ema 0.99, not 0.5"),
        ({"labeled": {"6": {"images": "other", "unlabeled": 3}}}, "labeled 6.images abc, not other"),
    ],
)
def test_other_settings_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=f"cmp was made with {said}, .*another --out"):
        merge_settings(BEFORE, {**BEFORE, **change}, Path("cmp"))
