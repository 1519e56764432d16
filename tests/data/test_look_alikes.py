"""Fingerprints: what they survive, what they tell apart; the quick search finds what a slow one does."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mutualseg.data import look_alikes
from mutualseg.data.fingerprints import digest, fingerprint
from mutualseg.data.images import read_image
from mutualseg.data.look_alikes import (
    _ones_before_numpy_2,
    alike,
    groups_of,
    look_alikes_among,
    look_alikes_within,
)
from mutualseg.data.scenes import draw_scene
from tests.data.made import camvid_or_skip, pixels

Prints = npt.NDArray[np.uint64]


def scene(number: int) -> npt.NDArray[np.uint8]:
    """Return blotches at two scales, uint8 [120,160,3]."""
    rng = np.random.default_rng(number)
    total = np.zeros((120, 160, 3), np.float32)
    for cells in (5, 12):
        small = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        total += np.asarray(small.resize((160, 120), Image.Resampling.BILINEAR), np.float32) / 2
    return total.astype(np.uint8)


def saved_again(image: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


def is_alike(one: npt.NDArray[np.generic], other: npt.NDArray[np.generic]) -> bool:
    return bool(alike(fingerprint(one)[None], fingerprint(other)[None])[0])


def test_bits_say_where_it_gets_brighter() -> None:
    ramp = np.tile(np.arange(17, dtype=np.uint8) * 10, (16, 1))
    assert fingerprint(ramp).tolist() == [2**64 - 1] * 4
    half = ramp.copy()
    half[4:] = half[4:, ::-1]  # darker to the right: only the first 4 of 16 rows remain, one word of 4
    assert fingerprint(half).tolist() == [2**64 - 1, 0, 0, 0]


@pytest.mark.parametrize("number", range(5))
def test_small_changes_leave_images_alike(number: int) -> None:
    image = scene(number)
    half = np.array(Image.fromarray(image).resize((80, 60), Image.Resampling.BILINEAR))
    noise = np.random.default_rng(0).normal(0, 6, image.shape)
    assert is_alike(image, saved_again(image, 90))
    assert is_alike(image, saved_again(image, 40))
    assert is_alike(image, half)
    assert is_alike(image, (image + noise).clip(0, 255).astype(np.uint8))
    assert is_alike(image, (image * 0.8).astype(np.uint8))
    assert is_alike(image, image.astype(np.uint16) * 257)
    assert is_alike(image, image.astype(np.float32) / 255)
    assert is_alike(image, np.concatenate([image, image[..., :2]], -1))
    assert not is_alike(image, image[:, ::-1])
    assert not is_alike(image, image[::-1])


def test_other_images_are_not_alike() -> None:
    for make in (scene, lambda number: draw_scene(0, "scene", number)[0]):
        prints = np.array([fingerprint(make(number)) for number in range(150)])
        assert (look_alikes_within(prints).like < 0).all()


@pytest.mark.parametrize("kind", ["black", "one color", "noise"])
def test_images_of_nothing_are_like_nothing(kind: str) -> None:
    image = np.full((64, 64, 3), {"black": 0, "one color": 90, "noise": 128}[kind], np.float64)
    if kind == "noise":
        image += np.random.default_rng(0).normal(0, 4, image.shape)
    prints = np.array([fingerprint(image.astype(np.uint8))] * 3)
    assert not prints.any()
    assert look_alikes_within(prints).like.tolist() == [-1, -1, -1]
    assert look_alikes_among(prints, prints).like.tolist() == [-1, -1, -1]


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (6, 8, 3), (3, 4), (5, 4, 1), (9, 9, 5)])
def test_any_shape_has_a_fingerprint(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    for dtype in (np.uint8, np.uint16, np.float32):
        assert fingerprint((rng.random(shape) * 200).astype(dtype)).shape == (4,)
    assert fingerprint(np.full(shape, np.nan, np.float32)).tolist() == [0] * 4


def test_digest_is_of_pixels_shape_and_type() -> None:
    image = pixels("a", 6, 8)
    assert (digest(image) == digest(image.copy())).all()
    assert (digest(image) == digest(np.asfortranarray(image))).all()
    others = [image[:, ::-1], image.reshape(8, 6, 3), image.view(np.int8), pixels("b", 6, 8)]
    assert all((digest(image) != digest(other)).any() for other in others)


def _flipped(prints: Prints, count: int, rng: np.random.Generator) -> Prints:
    """Return fingerprints with `count` bits changed in each."""
    changed = prints.copy()
    for row in changed:
        for bit in rng.choice(256, count, replace=False).tolist():
            row[bit // 64] ^= np.uint64(1) << np.uint64(bit % 64)
    return changed


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 60), flips=st.integers(0, 40))
def test_search_agrees_with_comparing_all_pairs(seed: int, count: int, flips: int) -> None:
    rng = np.random.default_rng(seed)
    prints = rng.integers(0, 2**64, (count, 4), dtype=np.uint64)
    prints[: count // 5] = 0
    prints = np.concatenate([prints, _flipped(prints[: count // 2], flips, rng)])
    within = look_alikes_within(prints)
    for place, like in enumerate(within.like.tolist()):
        earlier = [alike(prints[[place]], prints[[other]])[0] for other in range(place)]
        assert (like >= 0) == any(earlier)
        assert like < 0 or earlier[like]
    among = look_alikes_among(prints, prints[: count // 2])
    for place, like in enumerate(among.like.tolist()):
        hits = [alike(prints[[place]], prints[[other]])[0] for other in range(count // 2)]
        assert (like >= 0) == any(hits)
        assert like < 0 or hits[like]
    assert within.complete
    assert among.complete


def test_counting_bits_on_older_numpy() -> None:
    words = np.random.default_rng(0).integers(0, 2**64, (50, 4), dtype=np.uint64)
    words[:2] = np.array([[0], [2**64 - 1]], np.uint64)
    assert _ones_before_numpy_2(words).tolist() == [[int(word).bit_count() for word in row] for row in words]


def test_a_search_that_is_cut_short_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    prints = rng.integers(0, 2**64, (300, 4), dtype=np.uint64)
    prints[:, 1:] = 0  # three bits of four in common, so that many meet
    assert look_alikes_within(prints).complete
    monkeypatch.setattr(look_alikes, "_COMPARISONS", 1)
    monkeypatch.setattr(look_alikes, "_LEAST_COMPARISONS", 1)
    assert not look_alikes_within(prints).complete


def test_a_camera_that_stands_still() -> None:
    still = np.zeros((6000, 4), np.uint64)
    still[:, 0] = 2**40 - 1
    assert (look_alikes_within(still).like[1:] >= 0).all()


def test_groups() -> None:
    assert groups_of(np.array([-1, 0, -1, 1, 2, 3, -1])).tolist() == [0, 0, 2, 0, 2, 0, 6]
    assert groups_of(np.array([], np.int64)).tolist() == []


@pytest.mark.slow
def test_a_hundred_thousand_fingerprints() -> None:
    rng = np.random.default_rng(0)
    prints = rng.integers(0, 2**64, (100_000, 4), dtype=np.uint64)
    prints &= rng.integers(0, 2**64, prints.shape, dtype=np.uint64)
    prints[-100:] = _flipped(prints[:100], 8, rng)
    found = look_alikes_within(prints)
    assert found.like[-100:].tolist() == list(range(100))
    assert (found.like[:-100] < 0).all()
    assert found.complete


@pytest.mark.slow
def test_scenes_of_different_drives_are_not_alike() -> None:
    root = camvid_or_skip()
    prints: dict[str, list[Prints]] = {}
    for path in sorted((root / "images").rglob("*.jpg")):
        prints.setdefault(path.name.split("_")[0], []).append(fingerprint(read_image(path)))
    drives = {name: np.array(found) for name, found in prints.items()}
    assert len(drives) == 4
    for name, own in drives.items():
        for other in drives:
            if other != name:
                assert (look_alikes_among(own, drives[other]).like < 0).all(), (name, other)
    # The car of this drive stands at a light for many frames.
    assert (look_alikes_within(drives["Seq05VD"]).like >= 0).sum() > 20
