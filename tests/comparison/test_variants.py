"""What is compared: every name resolved, every mistake refused before any training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mutualseg.comparison.ablations import ABLATIONS, FULL
from mutualseg.comparison.variants import Variant, find_aliases, make_variants
from mutualseg.errors import ConfigError
from mutualseg.methods import METHODS


def made(*methods: str, ablations: tuple[str, ...] = (), file: Path | None = None) -> list[Variant]:
    return make_variants(methods, ablations, file, views={}, optimization={})


def test_every_method_unless_something_is_asked_for(tmp_path: Path) -> None:
    assert [variant.label for variant in made()] == list(METHODS)
    assert [variant.label for variant in made("labels_only")] == ["labels_only"]
    assert [variant.label for variant in made(ablations=("no_peer",))] == [FULL, "no_peer"]
    (tmp_path / "v.yaml").write_text("mine: {method: mutual}\n")
    assert [variant.label for variant in made(file=tmp_path / "v.yaml")] == ["mine"]


def test_all_parts_stand_beside_the_full_recipe() -> None:
    variants = made("labels_only", ablations=("all",))
    assert [variant.label for variant in variants] == [FULL, "labels_only", *ABLATIONS]


@pytest.mark.parametrize("name", ABLATIONS)
def test_ablation_differs_from_the_full_recipe_in_what_it_says(name: str) -> None:
    full, part = made(ablations=(name,))
    for place in ("method", "views"):
        changes = ABLATIONS[name].get(place, {})
        assert getattr(part, place) == {**getattr(full, place), **changes}
    assert find_aliases([full, part]) == ([full, part], {})


def test_what_equals_an_earlier_line_is_found(tmp_path: Path) -> None:
    (tmp_path / "v.yaml").write_text("same: {method: {name: mutual, ema: 0.99}}\n")
    full, part = made(FULL, file=tmp_path / "v.yaml")
    assert find_aliases([full, part]) == ([full], {"same": FULL})


def test_file_of_variants(tmp_path: Path) -> None:
    file = tmp_path / "grid.yaml"
    file.write_text(
        "low-threshold: {method: {name: mutual, threshold: 0.5}, views: {cutmix_boxes: 1}}\n"
        "slow: {method: labels_only, optimization: {encoder_rate: 1e-4}}\n"
        "plain: {}\n"
    )
    views, optimization = {"cutmix_boxes": 2, "flip": False}, {"poly_power": 0.5}
    low, slow, plain = make_variants((), (), file, views=views, optimization=optimization)
    assert (low.label, low.method["name"], low.method["threshold"]) == ("low-threshold", "mutual", 0.5)
    assert (low.views["cutmix_boxes"], low.views["flip"]) == (1, False)
    assert slow.optimization["encoder_rate"] == 1e-4  # a text to YAML
    assert (slow.optimization["poly_power"], slow.views["cutmix_boxes"]) == (0.5, 2)
    assert plain.method == made("mutual")[0].method


MISTAKES = [
    ({"methods": ("mutal",)}, "", ["method 'mutal'", "'mutual'", "labels_only"]),
    ({"ablations": ("no_peers",)}, "", ["ablation 'no_peers'", "'no_peer'", "ema_0.999"]),
    ({}, "a: {method: {name: mutual, treshold: 1}}", ["method.treshold of 'a'", "'threshold'"]),
    ({}, "a: {method: {threshold: high}}", ["method.threshold of 'a' is 'high'", "float"]),
    ({}, "a: {method: {threshold: 7}}", ["--method.threshold is 7"]),
    ({}, "a: {views: {cutmix: 1}}", ["views.cutmix of 'a'", "'cutmix_share'"]),
    ({}, "a: {optimization: {encoder_rate: fast}}", ["encoder_rate of 'a' is 'fast'", "of the type float."]),
    ({}, "a: {metod: mutual}", ["key 'metod' below 'a'", "'method'"]),
    ({}, "a: 3", ["'a'", "must hold"]),
    ({}, "a: {views: 3}", ["'views' of 'a'"]),
    ({}, "a/b: {}", ["'a/b'", "folder"]),
    ({}, "mutual: {}", ["'mutual'", "a method", "another label"]),
    ({}, "no_peer: {}", ["'no_peer'", "an ablation", "another label"]),
    ({}, "- a", ["must hold options"]),
]


@pytest.mark.parametrize(("asked", "text", "said"), MISTAKES, ids=lambda value: str(value)[:40])
def test_mistakes_are_refused(asked: Any, text: str, said: list[str], tmp_path: Path) -> None:
    file = None
    if text:
        file = tmp_path / "grid.yaml"
        file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        made(*asked.get("methods", ()), ablations=asked.get("ablations", ()), file=file)
    for part in said:
        assert part in str(refused.value)


@pytest.mark.parametrize("name", ["absent.yaml", "grid.txt"])
def test_no_such_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=name):
        made(file=tmp_path / name)
