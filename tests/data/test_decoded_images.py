"""The store of decoded images: what is kept, what is not, and that processes share it."""

from __future__ import annotations

import multiprocessing
import pickle
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest

from mutualseg.data.decoded_images import DecodedImages, Place, can_share
from mutualseg.errors import DataError

pytestmark = pytest.mark.skipif(not can_share(), reason="the store needs Linux")

Array = npt.NDArray[Any]


def array(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def never() -> Array:
    raise AssertionError("decoded a second time")


@pytest.mark.parametrize("where", get_args(Place))
def test_an_array_is_decoded_once(where: Place) -> None:
    store = DecodedImages(3, largest=1000, budget=10**6, where=where)
    image, mask = array(0, 7, 9, 3), array(1, 7, 9)
    for number, kept in ((0, image), (2, mask)):
        assert np.array_equal(store.read(number, Counted(kept)), kept)
    again = store.read(0, never)
    assert np.array_equal(again, image)
    assert again.flags.writeable
    assert np.array_equal(store.read(2, never), mask)


def test_what_is_read_is_a_copy() -> None:
    store = DecodedImages(1, largest=100, budget=10**6)
    store.read(0, lambda: array(0, 4, 4))
    store.read(0, never)[:] = 0
    assert np.array_equal(store.read(0, never), array(0, 4, 4))


def test_larger_ones_are_decoded_every_time() -> None:
    store = DecodedImages(2, largest=100, budget=10**9)
    counted = Counted(array(0, 100, 100, 3))
    for _ in range(3):
        assert np.array_equal(store.read(1, counted), counted.value)
    assert counted.calls == 3


def test_the_budget_holds() -> None:
    store = DecodedImages(100, largest=40_000, budget=100_000)
    for number in range(100):
        store.read(number, Counted(array(number, 100, 100, 3)))
    assert store.taken <= 100_000
    assert np.array_equal(store.read(0, never), array(0, 100, 100, 3))  # the first ones stay
    assert np.array_equal(store.read(99, Counted(array(99, 100, 100, 3))), array(99, 100, 100, 3))


def test_nothing_is_taken_before_it_is_kept() -> None:
    assert DecodedImages(10**6, largest=10**7, budget=10**9).taken == 0


def test_an_error_passes_through_and_nothing_is_kept() -> None:
    store = DecodedImages(1, largest=100, budget=10**6)

    def broken() -> Array:
        raise DataError("broken")

    with pytest.raises(DataError, match="broken"):
        store.read(0, broken)
    assert np.array_equal(store.read(0, lambda: array(0, 2, 2)), array(0, 2, 2))


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_processes_share_it(start: str) -> None:
    store = DecodedImages(4, largest=1000, budget=10**6)
    context: Any = multiprocessing.get_context(start)
    child = context.Process(target=fill, args=(store,))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert np.array_equal(store.read(3, never), array(3, 5, 6, 3))


def test_a_pickled_store_is_the_same_one() -> None:
    store = DecodedImages(1, largest=100, budget=10**6)
    copy = pickle.loads(pickle.dumps(store))
    copy.read(0, lambda: array(0, 3, 3))
    del copy
    assert np.array_equal(store.read(0, never), array(0, 3, 3))


def fill(store: DecodedImages) -> None:
    store.read(3, lambda: array(3, 5, 6, 3))


def test_floats_are_kept_as_floats() -> None:
    store = DecodedImages(2, largest=1000, budget=10**6)
    image = np.random.default_rng(0).normal(0, 9, (5, 6, 2)).astype(np.float32)
    store.read(0, lambda: image)
    store.read(1, lambda: array(0, 5, 6))
    assert np.array_equal(store.read(0, never), image)
    assert store.read(0, never).dtype == np.float32
    assert store.read(1, never).dtype == np.uint8


class Counted:
    def __init__(self, value: Array) -> None:
        self.value = value
        self.calls = 0

    def __call__(self) -> Array:
        self.calls += 1
        return self.value
