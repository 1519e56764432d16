from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from mutualseg.suggesting import selection
from mutualseg.suggesting.rarity import class_gains
from mutualseg.suggesting.selection import Labeled, Pool, evenly, select

NO_PRINTS = np.zeros((0, 4), np.uint64)


def prints_of(kinds: list[int]) -> npt.NDArray[np.uint64]:
    """Return fingerprints: images of one kind look alike, those of different kinds do not."""
    rng = np.random.default_rng(0)
    kept = rng.integers(0, 2**63, (max(kinds) + 1, 4), dtype=np.uint64)
    return kept[kinds]


def pool(
    uncertainty: list[float], features: list[list[float]], shares: list[list[float]], kinds: list[int]
) -> Pool:
    return Pool(
        np.array(uncertainty, np.float32),
        np.array(shares, np.float32),
        np.array(features, np.float32),
        prints_of(kinds),
    )


def nothing(features: int = 1, classes: int = 1) -> Labeled:
    return Labeled(np.zeros((0, classes), np.float32), np.zeros((0, features), np.float32), NO_PRINTS)


def test_the_most_uncertain_of_unlike_images_come_first() -> None:
    images = pool([0.1, 0.9, 0.5], [[0.0], [100.0], [200.0]], [[1.0]] * 3, [0, 1, 2])
    assert [choice.place for choice in select(images, nothing(), 3)] == [1, 2, 0]


def test_an_image_that_stands_for_many_comes_before_a_more_uncertain_outlier() -> None:
    crowd = [[0.0], [0.2], [-0.2], [0.1], [-0.1]]
    images = pool([0.5] * 5 + [0.7], [*crowd, [60.0]], [[1.0]] * 6, list(range(6)))
    chosen = [choice.place for choice in select(images, nothing(), 2)]
    assert chosen[0] in (0, 3, 4)
    assert chosen[1] == 5


def test_what_labeled_images_stand_for_is_not_chosen() -> None:
    images = pool([0.5, 0.4], [[0.0], [9.0]], [[1.0]] * 2, [0, 1])
    labeled = Labeled(np.ones((1, 1), np.float32), np.array([[0.01]], np.float32), prints_of([0, 1, 2])[2:])
    assert select(images, labeled, 1)[0].place == 1


def test_a_rare_class_decides_between_equally_uncertain_images() -> None:
    images = pool([0.5, 0.5], [[0.0], [9.0]], [[0.9, 0.1], [0.5, 0.5]], [0, 1])
    labeled = Labeled(
        np.array([[0.99, 0.01]] * 4, np.float32),
        np.full((4, 1), 4.5, np.float32),
        np.zeros((4, 4), np.uint64),
    )
    first = select(images, labeled, 1)[0]
    assert first.place == 1
    assert first.classes == pytest.approx(1)
    assert first.score == pytest.approx(first.coverage + first.classes)


def test_a_class_that_was_chosen_counts_for_less_the_next_time() -> None:
    # Both rare classes lack labels alike: once image 0 holds the second, image 2 with the third goes first.
    shares = [[0.0, 1.0, 0.0], [0.0, 0.9, 0.1], [0.3, 0.0, 0.7]]
    images = pool([0.0] * 3, [[0.0], [50.0], [100.0]], shares, [0, 1, 2])
    labeled = Labeled(
        np.array([[1.0, 0.0, 0.0]], np.float32), np.array([[500.0]], np.float32), np.zeros((1, 4), np.uint64)
    )
    alone = class_gains(labeled.shares.sum(0), images.shares.astype(np.float64))
    chosen = select(images, labeled, 3)
    first = chosen[0].place
    held = labeled.shares.sum(0) + images.shares[first]
    expected = class_gains(held, images.shares.astype(np.float64)) / alone.max()
    assert chosen[0].classes == pytest.approx(1)
    assert chosen[1].classes == pytest.approx(expected[chosen[1].place])
    # Without the first one the order of the others would be the other way around.
    others = [place for place in range(3) if place != first]
    assert chosen[1].place == max(others, key=lambda place: expected[place])
    assert chosen[1].place != max(others, key=lambda place: alone[place])


def test_look_alikes_come_last_and_are_marked() -> None:
    # Images 0 to 3 are frames of one scene, uncertain and far apart in features; 4 and 5 are others.
    images = pool(
        [0.9, 0.9, 0.9, 0.9, 0.1, 0.1],
        [[0.0], [50.0], [100.0], [150.0], [200.0], [250.0]],
        [[1.0]] * 6,
        [0, 0, 0, 0, 1, 2],
    )
    chosen = select(images, nothing(), 6)
    assert chosen[0].place in range(4)
    assert {choice.place for choice in chosen[1:3]} == {4, 5}
    assert [choice.look_alike for choice in chosen] == [False] * 3 + [True] * 3
    assert sorted(choice.place for choice in chosen) == list(range(6))


def test_look_alikes_of_labeled_images_come_last_too() -> None:
    images = pool([0.9, 0.1], [[0.0], [50.0]], [[1.0]] * 2, [0, 1])
    labeled = Labeled(np.ones((1, 1), np.float32), np.array([[25.0]], np.float32), prints_of([0]))
    assert [choice.place for choice in select(images, labeled, 2)] == [1, 0]


def test_the_greedy_choice_gains_less_each_time() -> None:
    rng = np.random.default_rng(3)
    count = 40
    images = Pool(
        rng.random(count).astype(np.float32),
        rng.dirichlet(np.ones(4), count).astype(np.float32),
        rng.normal(size=(count, 3)).astype(np.float32),
        np.zeros((count, 4), np.uint64),
    )
    scores = [choice.score for choice in select(images, nothing(3, 4), count)]
    assert len(scores) == count
    assert scores == sorted(scores, reverse=True)
    assert scores == [choice.score for choice in select(images, nothing(3, 4), count)]


def test_of_many_images_the_best_are_still_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "COMPARED", 20)
    count = 300
    uncertainty = np.full(count, 0.1, np.float32)
    uncertainty[[17, 230]] = 0.9
    places = np.random.default_rng(4).normal(size=(count, 50)).astype(np.float32)
    images = Pool(uncertainty, np.ones((count, 1), np.float32), places, np.zeros((count, 4), np.uint64))
    chosen = select(images, nothing(50), 30)  # more than are compared
    assert {choice.place for choice in chosen[:2]} == {17, 230}
    assert len(chosen) == 30


def test_evenly_spaced_places() -> None:
    assert evenly(10, 5).tolist() == [0, 2, 4, 6, 8]
    assert evenly(3, 5).tolist() == [0, 1, 2]
    assert evenly(7, 3).tolist() == [0, 2, 4]


def test_nothing_to_choose_from() -> None:
    empty = Pool(
        np.zeros(0, np.float32), np.zeros((0, 1), np.float32), np.zeros((0, 1), np.float32), NO_PRINTS
    )
    assert select(empty, nothing(), 3) == []
