from __future__ import annotations

import hashlib
from collections import Counter

import torch
from hypothesis import given
from hypothesis import strategies as st

from mutualseg.seeding import address, generator_at, permutation

parts = st.lists(st.one_of(st.integers(-(2**63), 2**63), st.text(max_size=8)), max_size=4)


def draw(seed: int, *path: int | str) -> list[float]:
    return torch.rand(3, generator=generator_at(seed, *path)).tolist()


def test_addresses_stay_what_they_are() -> None:
    """A change would change every run: these numbers were recorded once."""
    assert address(0) == 4761921975702974394
    assert address(7, "unlabeled", 3) == 7792672920406287232


@given(seed=st.integers(), path=parts)
def test_an_address_is_a_seed_torch_takes(seed: int, path: list[int | str]) -> None:
    assert 0 <= address(seed, *path) < 2**63
    assert address(seed, *path) == address(seed, *path)
    assert draw(seed, *path) == draw(seed, *path)


def test_every_part_counts_and_so_does_their_order() -> None:
    addresses = [
        address(0),
        address(1),
        address(0, "a"),
        address(0, "a", 0),
        address(0, 0, "a"),
        address(0, "a", 1),
        address(0, "b", 1),
        address(10, 1),
        address(1, 10),
        address(1, 1, 0),
        *(address(0, "labeled", position) for position in range(1000)),
        *(address(seed, "labeled", 0) for seed in range(1, 1000)),
    ]
    assert len(set(addresses)) == len(addresses)


def test_a_name_that_is_not_text_has_an_address() -> None:
    assert address(0, b"caf\xe9.png".decode(errors="surrogateescape")) >= 0


def test_drawing_disturbs_no_other_generator() -> None:
    before = torch.get_rng_state()
    one = generator_at(3, "x")
    torch.rand(5, generator=one)
    permutation(10, 3, "x")
    assert torch.equal(torch.get_rng_state(), before)
    assert draw(3, "x") == draw(3, "x")


@given(count=st.integers(0, 60), seed=st.integers(0, 2**40))
def test_permutation_is_one_and_repeats(count: int, seed: int) -> None:
    order = permutation(count, seed, "epoch", 0).tolist()
    assert sorted(order) == list(range(count))
    assert order == permutation(count, seed, "epoch", 0).tolist()


def test_permutations_stay_what_they_are() -> None:
    """A change would change every run: these numbers were recorded from lists, before there were arrays."""
    assert permutation(12, 7, "unlabeled", "epoch", 0).tolist() == [9, 4, 10, 1, 6, 2, 8, 7, 0, 11, 3, 5]
    assert permutation(12, 7, "unlabeled", "epoch", 1).tolist() == [8, 3, 10, 5, 1, 2, 7, 4, 0, 11, 9, 6]
    assert permutation(9, 0, "labeled", "epoch", 3).tolist() == [0, 2, 5, 3, 6, 8, 7, 4, 1]
    large = permutation(100_000, 3, "unlabeled", "epoch", 2)
    assert large[:6].tolist() == [3208, 82469, 35088, 88467, 89259, 26630]
    digest = hashlib.sha256(large.astype("<i8").tobytes()).hexdigest()
    assert digest == "bf1a41731a5b5164277e3ca6628bd218112ce1b8473b9868ffae0275c6269757"


def test_permutations_are_uniform() -> None:
    counts = Counter(tuple(permutation(3, seed, "epoch").tolist()) for seed in range(1200))
    assert len(counts) == 6
    assert all(140 < count < 260 for count in counts.values())  # 200 +- 4.6 standard deviations
