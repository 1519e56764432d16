from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mutualseg.errors import ConfigError, ImageError
from mutualseg.seeding import generator_at
from mutualseg.views.color_steps import Step, apply_steps, record
from mutualseg.views.photometric import COMPOSED, OPERATIONS, Recipe, strong, weak

names = sorted(OPERATIONS)


def operate(name: str, image: Tensor, generator: torch.Generator) -> Tensor:
    return apply_steps(image, record(OPERATIONS[name](generator)))


def noise(height: int = 20, width: int = 24, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator_at(seed, "noise"))


@pytest.mark.parametrize("name", names)
@settings(max_examples=25, deadline=None)
@given(height=st.integers(1, 30), width=st.integers(1, 30), seed=st.integers(0, 10**6))
def test_operation_keeps_size_and_type_and_repeats(name: str, height: int, width: int, seed: int) -> None:
    image = noise(height, width, seed)
    before = image.clone()
    result = operate(name, image, generator_at(seed))
    assert result.shape == image.shape
    assert result.dtype == torch.uint8
    assert torch.equal(result, operate(name, image, generator_at(seed)))
    assert torch.equal(image, before)  # the weak view reads the same crop


@pytest.mark.parametrize("name", names)
def test_operation_changes_colors(name: str) -> None:
    image = noise() // 2 + 100  # neither gray nor of full range, reaching over every threshold drawn
    assert any(not torch.equal(operate(name, image, generator_at(seed)), image) for seed in range(5))


@pytest.mark.parametrize("name", sorted(set(names) - {"blur"}))
@pytest.mark.parametrize("seed", range(4))
def test_operation_moves_no_pixel(name: str, seed: int) -> None:
    """A color operation acts on values alone: shuffling the pixels before or after it is the same."""
    image = noise()
    order = torch.randperm(20 * 24, generator=generator_at(seed, "order"))

    def shuffle(tensor: Tensor) -> Tensor:
        return tensor.flatten(1)[:, order].view_as(tensor)

    assert torch.equal(
        operate(name, shuffle(image), generator_at(seed)),
        shuffle(operate(name, image, generator_at(seed))),
    )


@pytest.mark.parametrize("seed", range(6))
def test_blur_moves_no_pixel(seed: int) -> None:
    """A dot stays where it is, and a mirrored image gives the mirrored blur."""
    dot = torch.zeros((3, 31, 33), dtype=torch.uint8)
    dot[:, 12, 20] = 255
    blurred = operate("blur", dot, generator_at(seed))
    assert int(blurred[0].flatten().argmax()) == 12 * 33 + 20
    image = noise()
    mirrored = operate("blur", image.flip(-1), generator_at(seed)).int()
    assert (mirrored - operate("blur", image, generator_at(seed)).flip(-1).int()).abs().max() <= 1


def test_solarize_and_grayscale_by_hand() -> None:
    image = torch.tensor([10, 100, 255], dtype=torch.uint8).view(3, 1, 1)
    solarized = operate("solarize", image, generator_at(0)).flatten().tolist()
    assert solarized[0] == 10
    assert solarized[1] in (100, 155)
    assert solarized[2] == 0
    gray = operate("grayscale", image, generator_at(0)).flatten().tolist()
    assert gray == pytest.approx([0.299 * 10 + 0.587 * 100 + 0.114 * 255] * 3, abs=1)


def test_weak_is_mild_and_off_at_zero() -> None:
    image = noise()
    assert torch.equal(weak(image, generator_at(0), strength=0), image)
    mild = weak(image, generator_at(0), strength=0.1)
    assert torch.equal(mild, weak(image, generator_at(0), strength=0.1))
    assert not torch.equal(mild, weak(image, generator_at(1), strength=0.1))
    assert 0 < (mild.int() - image.int()).abs().max() <= 80


@pytest.mark.parametrize("recipe", ["one_of", "compose"])
def test_strong_without_operations_is_the_identity(recipe: Recipe) -> None:
    image = noise()
    assert torch.equal(strong(image, generator_at(0), recipe=recipe, operations=()), image)
    assert torch.equal(strong(image, generator_at(0), count=0), image)


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace every operation by one that notes its name."""
    calls: list[str] = []
    for name in names:

        def note(generator: torch.Generator, name: str = name) -> list[Step]:
            calls.append(name)
            return []

        monkeypatch.setitem(OPERATIONS, name, note)
    return calls


def test_one_of_draws_each_operation_equally_often(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = recorded(monkeypatch)
    for seed in range(1000):
        strong(noise(2, 2), generator_at(seed))
    counts = Counter(calls)
    assert len(calls) == 1000
    assert [counts[name] for name in names] == pytest.approx([200] * 5, abs=60)


def test_one_of_draws_distinct_operations_of_those_given(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = recorded(monkeypatch)
    for seed in range(20):
        calls.clear()
        strong(noise(2, 2), generator_at(seed), operations=["blur", "equalize", "solarize"], count=2)
        assert len(set(calls)) == 2
        assert set(calls) <= {"blur", "equalize", "solarize"}


def test_compose_applies_each_operation_with_its_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = recorded(monkeypatch)
    for seed in range(1000):
        strong(noise(2, 2), generator_at(seed), recipe="compose")
    counts = Counter(calls)
    assert set(counts) == set(COMPOSED)
    for name, chance in COMPOSED.items():
        assert counts[name] == pytest.approx(1000 * chance, abs=60)
    calls.clear()
    for seed in range(50):
        strong(noise(2, 2), generator_at(seed), recipe="compose", operations=["blur"])
    assert set(calls) == {"blur"}


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ConfigError, match="choose from color_jitter"):
        strong(noise(), generator_at(0), operations=["blurr"])
    with pytest.raises(ConfigError, match="'compose' has no operation 'equalize'"):
        strong(noise(), generator_at(0), recipe="compose", operations=["equalize"])
    with pytest.raises(ConfigError, match="distinct"):
        strong(noise(), generator_at(0), operations=["blur"], count=2)
    with pytest.raises(ConfigError, match="one_of, compose"):
        strong(noise(), generator_at(0), recipe="both")  # type: ignore[arg-type]
    for image in (noise().double(), noise()[:0], noise()[None]):
        with pytest.raises(ImageError, match="uint8 or float32"):
            weak(image, generator_at(0))
        with pytest.raises(ImageError, match="uint8 or float32"):
            strong(image, generator_at(0))
