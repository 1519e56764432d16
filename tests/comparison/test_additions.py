"""Lists, order of runs, and what a later call may add."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mutualseg.command_line.words import repeated
from mutualseg.comparison import amounts
from mutualseg.comparison.additions import merge_settings
from mutualseg.comparison.amounts import Amount, digest
from mutualseg.comparison.plan import plan
from mutualseg.comparison.variants import Variant, make_variants, resolved_again
from mutualseg.comparison.words import listed, seeds_of
from mutualseg.data.sample_index import SampleIndex
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
    assert (
        listed(["1/64,1/32", " 6 "], "labeled") == listed("1/64, 1/32 ,6", "labeled") == ["1/64", "1/32", "6"]
    )
    assert listed(6, "labeled") == ["6"]
    assert listed((), "labeled") == listed([], "labeled") == []
    assert seeds_of(["0,1", "0"], [7]) == seeds_of([0, 1], [7]) == [0, 1]
    assert seeds_of("3", [0, 1]) == seeds_of(3, [0, 1]) == [3]
    assert seeds_of((), [0, 1]) == [0, 1]
    for wrong in ("one", "-1"):
        with pytest.raises(ConfigError, match=f"--seeds {wrong} is no whole number from 0 on"):
            seeds_of(wrong, [0])


@pytest.mark.parametrize("given", ["", ",", [""], [" , "]])
def test_a_list_that_is_given_and_empty_is_refused(given: object) -> None:
    with pytest.raises(ConfigError, match="--methods is given without a value"):
        listed(given, "methods")


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


def test_changed_default_is_named_as_one() -> None:
    now = {**BEFORE, "variants": {"mutual": {"method": {"ema": 0.5}}}}
    with pytest.raises(ConfigError, match=r"not 0.5, which is the default by now, .*use another --out"):
        merge_settings(BEFORE, now, Path("cmp"))


def test_methods_and_ablations_of_a_record_are_resolved_again() -> None:
    again = resolved_again(["mine", "no_peer", "mutual"], views={}, optimization={})
    assert [variant.label for variant in again] == ["mutual", "no_peer"]
    assert again == make_variants((), ("no_peer",), None, views={}, optimization={})
    assert resolved_again(["mine"], views={}, optimization={}) == []


def test_names_of_unlabeled_images_must_stay() -> None:
    def facts(*names: str) -> dict[str, Any]:
        unlabeled = [Sample(Path(f"{name}.png"), None, name, "train") for name in names]
        assert digest(unlabeled) == digest(SampleIndex.of(unlabeled))
        return {"6": Amount(6, Split((), unlabeled, (), (), 0, "part")).facts()}

    before = {**BEFORE, "labeled": facts("train/a", "train/b")}
    assert merge_settings(before, before, Path("cmp")) == before
    with pytest.raises(
        ConfigError, match=r"made with other unlabeled images than there are now.*restore the data"
    ):
        merge_settings(before, {**before, "labeled": facts("train/a", "train/c")}, Path("cmp"))
    of_before = {"6": {name: value for name, value in before["labeled"]["6"].items() if "_" not in name}}
    of_before["6"].pop("masks")
    assert merge_settings({**before, "labeled": of_before}, before, Path("cmp")) == before


def test_digest_does_not_depend_on_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [Sample(Path(f"{name}.png"), None, name, "train") for name in "abcde"]
    whole = digest(samples)
    monkeypatch.setattr(amounts, "_AT_ONCE", 2)
    assert digest(samples) == whole


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps": 200}, "steps 300, not 200"),
        ({"steps": None}, "steps 300, not unset"),
        ({"views": {"flip": True, "scale": [1.0, 1.0]}}, r"views.scale \[0.5, 2.0\], not \[1.0, 1.0\]"),
        ({"variants": {"mutual": {"method": {"ema": 0.5}}}}, "variants mutual.method.ema 0.99, not 0.5"),
        ({"labeled": {"6": {"images": "other", "unlabeled": 3}}}, "other labeled images than there are now"),
    ],
)
def test_other_settings_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=f"cmp was made with {said}, .*another --out"):
        merge_settings(BEFORE, {**BEFORE, **change}, Path("cmp"))


def test_masks_must_stay_what_they_were(tmp_path: Path) -> None:
    def facts(content: bytes) -> dict[str, Any]:
        (tmp_path / "a.png").write_bytes(content)
        labeled = (Sample(tmp_path / "a.jpg", tmp_path / "a.png", "train/a", "train"),)
        return {**BEFORE, "labeled": {"1": Amount(1, Split(labeled, (), (), (), 0, "part")).facts()}}

    before = facts(b"one")
    assert merge_settings(before, facts(b"one"), Path("cmp")) == before
    with pytest.raises(ConfigError, match="made with other masks of labeled images than there are now"):
        merge_settings(before, facts(b"two"), Path("cmp"))
    scored = {**BEFORE, "val": "abc", "val_masks": "one"}
    assert merge_settings({**BEFORE, "val": "abc"}, scored, Path("cmp")) == scored  # a record of before
    with pytest.raises(ConfigError, match="made with other masks of val images"):
        merge_settings(scored, {**scored, "val_masks": "two"}, Path("cmp"))


def test_a_folder_is_the_same_by_whatever_path(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    before = {**BEFORE, "data": str(tmp_path / "data"), "unlabeled": [str(tmp_path / "data")]}
    now = {**before, "data": str(tmp_path / "data/../data"), "unlabeled": [str(tmp_path / "link")]}
    assert merge_settings(before, now, Path("cmp")) == now
    with pytest.raises(ConfigError, match="made with data"):
        merge_settings(before, {**before, "data": str(tmp_path / "other")}, Path("cmp"))
    with pytest.raises(ConfigError, match="made with unlabeled"):
        merge_settings(before, {**before, "unlabeled": []}, Path("cmp"))
