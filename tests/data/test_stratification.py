"""Stratified splits: no class is lost if that can be helped, and a blind choice that is good stays."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualseg.data.class_cover import cover_classes
from mutualseg.data.class_pixels import ClassPixels, class_rows, count_class_pixels
from mutualseg.data.class_shares import ClassShare, format_rows, rows_to_json
from mutualseg.data.folder import DataFolder
from mutualseg.data.mask_codes import INDICES
from mutualseg.data.samples import Part, Sample, Split
from mutualseg.data.splits import make_split
from mutualseg.data.stratification import stratified_order
from tests.data.made import write_mask

ROOT = Path("data")
Counts = npt.NDArray[np.int64]


def imagined(name: str, part: Part) -> Sample:
    return Sample(ROOT / f"images/{name}.jpg", ROOT / f"masks/{name}.png", name, part)


def imagine(count: int, val: int = 1, per_video: int = 1) -> DataFolder:
    """Return a data folder without files: names train/vNNN_fNNN, `per_video` frames of each video."""
    train = tuple(imagined(f"train/v{i // per_video:03}_f{i:03}", "train") for i in range(count))
    return DataFolder(
        ROOT, train, tuple(imagined(f"val/{i}", "val") for i in range(val)), (), ("a", "b"), "masks"
    )


def pixels_of(folder: DataFolder, rows: Sequence[Sequence[int]]) -> ClassPixels:
    """Return the pixels of each class, a row for each training image; val holds none."""
    samples = (*folder.train, *folder.val)
    counts = np.zeros((len(samples), len(rows[0])), np.int64)
    counts[: len(rows)] = rows
    places = {sample.name: place for place, sample in enumerate(samples)}
    return ClassPixels(tuple("abcdefghijklmnopqrstuvwxyz"[: len(rows[0])]), counts, places)


def names(samples: Sequence[Sample]) -> set[str]:
    return {sample.name for sample in samples}


def present(split: Split, pixels: ClassPixels) -> set[str]:
    held = pixels.of(split.labeled).sum(0) > 0
    return {name for name, own in zip(pixels.classes, held, strict=True) if own}


tables = st.integers(1, 5).flatmap(
    lambda classes: st.lists(
        st.lists(st.sampled_from([0, 0, 0, 1, 50]), min_size=classes, max_size=classes),
        min_size=4,
        max_size=40,
    )
)


@settings(max_examples=150, deadline=None)
@given(rows=tables, count=st.integers(1, 40), seed=st.integers(0, 3))
def test_every_class_is_kept_that_can_be(rows: list[list[int]], count: int, seed: int) -> None:
    folder = imagine(len(rows))
    pixels, count = pixels_of(folder, rows), min(count, len(rows))
    split = make_split(folder, labeled=count, split_seed=seed, class_pixels=pixels)
    assert len(split.labeled) == count
    held = [frozenset(np.flatnonzero(row).tolist()) for row in rows]
    if count <= 3 or len(rows) <= 12:  # slow reference: every choice there is
        most = max(len(frozenset().union(*choice)) for choice in itertools.combinations(held, count))
    else:  # one image for each class is enough
        most = min(len(frozenset().union(*held)), count)
    assert len(present(split, pixels)) >= most
    again = make_split(folder, labeled=count, split_seed=seed, class_pixels=pixels)
    assert again == split
    notes = " ".join(split.notes)
    absent = {name for name, total in zip(pixels.classes, np.sum(rows, 0), strict=True) if total}
    absent -= present(split, pixels)
    assert ("absent from the labeled ones" in notes) == bool(absent)
    for name in absent:
        assert re.search(rf"holds every class: .*\b{name}\b.* absent", notes)


@settings(max_examples=100, deadline=None)
@given(rows=tables, count=st.integers(1, 40), seed=st.integers(0, 3))
def test_swaps_are_counted_and_a_good_choice_stays(rows: list[list[int]], count: int, seed: int) -> None:
    folder = imagine(len(rows))
    pixels, count = pixels_of(folder, rows), min(count, len(rows))
    blind = [make_split(folder, labeled=number, split_seed=seed) for number in range(count, len(rows) + 1)]
    split = make_split(folder, labeled=count, split_seed=seed, class_pixels=pixels)
    new = len(names(split.labeled) - names(blind[0].labeled))
    said = [note for note in split.notes if "swapped in" in note]
    assert [int(note.split()[0]) for note in said] == [new] * (new > 0)
    if all(meets_bounds(pixels, folder, one) for one in blind):
        assert new == 0


def meets_bounds(pixels: ClassPixels, folder: DataFolder, split: Split) -> bool:
    """Say in plain words what half and a tenth of an even share are."""
    everything, own = pixels.of(folder.train), pixels.of(split.labeled)
    share = len(split.labeled) / len(folder.train)
    for number in range(everything.shape[1]):
        images, pixel_sum = (everything[:, number] > 0).sum(), everything[:, number].sum()
        if images and (own[:, number] > 0).sum() < max(1, int(images * share / 2 + 1e-9)):
            return False
        if own[:, number].sum() < int(pixel_sum * share / 10 + 1e-9):
            return False
    return True


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    size=st.integers(10, 80),
    seed=st.integers(0, 3),
    rare=st.integers(1, 6),
    tries=st.integers(0, 9),
)
def test_smaller_parts_lie_within_larger_ones(
    data: st.DataObject, size: int, seed: int, rare: int, tries: int
) -> None:
    """From one image a class on there always is a choice with all classes, so that nesting holds."""
    rng = np.random.default_rng(tries)
    rows = np.full((size, 4), 9)
    for number in range(1, 4):
        rows[rng.permutation(size)[rare * number :], number] = 0
    folder = imagine(size)
    pixels = pixels_of(folder, rows.tolist())
    fewer = data.draw(st.integers(4, size))
    more = data.draw(st.integers(fewer, size))
    small, large = (
        make_split(folder, labeled=number, split_seed=seed, class_pixels=pixels) for number in (fewer, more)
    )
    assert names(small.labeled) <= names(large.labeled)
    assert present(small, pixels) == set("abcd")


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(6, 60), classes=st.integers(1, 4), tries=st.integers(0, 20), per_video=st.integers(1, 4)
)
def test_the_order_keeps_shares(size: int, classes: int, tries: int, per_video: int) -> None:
    """Every beginning meets the bounds as long as the one before it could."""
    rng = np.random.default_rng(tries)
    sizes = rng.integers(1, per_video + 1, size)
    images = (rng.random((size, classes)) < rng.random(classes)) * rng.integers(
        1, sizes[:, None] + 1, (size, classes)
    )
    amounts = images * rng.integers(1, 1000, (size, classes))
    order = stratified_order(sizes, images, amounts)
    assert sorted(order) == list(range(size))
    for kept in range(size, 0, -1):
        first, number = order[:kept], sizes[order[:kept]].sum()
        short = np.maximum(images.sum(0) > 0, number * images.sum(0) // (2 * sizes.sum())) > images[
            first
        ].sum(0)
        little = number * amounts.sum(0) // (10 * sizes.sum()) > amounts[first].sum(0)
        if short.any() or little.any():  # then no other group could have gone instead
            for other in order[: kept + 1]:
                rest = [place for place in order[: kept + 1] if place != other]
                number = sizes[rest].sum()
                wanted = np.maximum(images.sum(0) > 0, number * images.sum(0) // (2 * sizes.sum()))
                few = (wanted > images[rest].sum(0)).any()
                assert few or (number * amounts.sum(0) // (10 * sizes.sum()) > amounts[rest].sum(0)).any()
            break


def test_an_even_order_stays_as_it_is() -> None:
    images = np.ones((50, 3), np.int64)
    assert stratified_order(np.ones(50, np.int64), images, 7 * images) == list(range(50))


def test_the_first_images_with_a_rare_class_come_forward() -> None:
    images = np.ones((8, 2), np.int64)
    images[:, 1] = [0, 0, 0, 0, 0, 1, 0, 1]
    order = stratified_order(np.ones(8, np.int64), images, images)
    assert order[0] == 5
    assert order[1:6] == [0, 1, 2, 3, 4]
    assert stratified_order(np.ones(8, np.int64), images, images * 0 + images) == order


def test_a_class_keeps_a_share_of_its_pixels() -> None:
    """Image 9 shows the class; a pixel of it in image 0 is present, but next to nothing."""
    images = np.zeros((10, 2), np.int64)
    images[:, 0] = images[0, 1] = images[9, 1] = 1
    amounts = 1000 * images
    amounts[0, 1] = 1
    assert 9 in stratified_order(np.ones(10, np.int64), images, amounts)[:2]
    amounts[0, 1] = 1000
    assert 9 not in stratified_order(np.ones(10, np.int64), images, amounts)[:2]


@settings(max_examples=100, deadline=None)
@given(
    groups=st.lists(st.tuples(st.sets(st.integers(0, 6)), st.integers(1, 3)), min_size=1, max_size=9),
    most=st.integers(1, 8),
)
def test_the_search_is_exact(groups: list[tuple[set[int], int]], most: int) -> None:
    held = np.array([[number in classes for number in range(7)] for classes, _ in groups])
    sizes = np.array([size for _, size in groups])
    found = cover_classes(held, sizes, most)
    assert sum(sizes[place] for place in found) <= most
    best = 0
    for number in range(len(groups) + 1):
        for choice in itertools.combinations(range(len(groups)), number):
            if sum(sizes[place] for place in choice) <= most:
                best = max(best, len(set().union(*(groups[place][0] for place in choice))))
    assert len(set().union(*(groups[place][0] for place in found))) == best


def test_the_search_ends_soon_among_many_images() -> None:
    rng = np.random.default_rng(0)
    held = rng.random((5000, 150)) < 0.05
    assert held[cover_classes(held, np.ones(5000, np.int64), 10)].any(0).sum() > 100


def test_another_choice_where_so_few_are_asked_for() -> None:
    """Two images hold all four classes, and each of the others one alone."""
    rows = [[1 + (i % 4 == number) * 9 if i % 4 == number else 0 for number in range(4)] for i in range(32)]
    rows[17], rows[30] = [5, 5, 0, 0], [0, 0, 5, 5]
    folder = imagine(32)
    pixels = pixels_of(folder, rows)
    split = make_split(folder, labeled=2, class_pixels=pixels)
    assert names(split.labeled) == {"train/v017_f017", "train/v030_f030"}
    assert "2 of the 2 labeled images were swapped in" in split.notes[0]
    one = make_split(folder, labeled=1, class_pixels=pixels)
    assert present(one, pixels) in ({"a", "b"}, {"c", "d"})
    assert re.search("No choice of 1 was found that holds every class: ., . are absent", one.notes[-1])


@settings(max_examples=60, deadline=None)
@given(
    tries=st.integers(0, 50), seed=st.integers(0, 3), per_video=st.integers(2, 4), fraction=st.integers(2, 6)
)
def test_whole_groups_are_swapped(tries: int, seed: int, per_video: int, fraction: int) -> None:
    rng = np.random.default_rng(tries)
    count = 12 * per_video
    rows = np.full((count, 3), 5)
    for number in (1, 2):
        held = rng.integers(0, 12)
        rows[[place for place in range(count) if place // per_video != held], number] = 0
    folder = imagine(count, per_video=per_video)
    pixels = pixels_of(folder, rows.tolist())
    split = make_split(folder, labeled=f"1/{fraction}", split_seed=seed, group=r"^v\d+", class_pixels=pixels)
    videos = [name[:10] for name in sorted(names(split.labeled))]
    assert all(videos.count(video) == per_video for video in videos)
    assert abs(len(videos) - -(-count // fraction)) <= per_video / 2
    assert present(split, pixels) == set("abc")


@settings(max_examples=80, deadline=None)
@given(rows=tables, seed=st.integers(0, 3))
def test_no_class_leaves_training_with_the_held_out_images(rows: list[list[int]], seed: int) -> None:
    folder = imagine(len(rows), val=0)
    pixels = pixels_of(folder, rows)
    split = make_split(folder, split_seed=seed, class_pixels=pixels)
    blind = make_split(folder, split_seed=seed)
    assert len(split.val) == len(blind.val)
    counts = pixels.counts > 0
    lost = set(np.flatnonzero(counts.any(0))) - set(np.flatnonzero((pixels.of(split.labeled) > 0).any(0)))
    two = [set(choice) for choice in itertools.combinations(range(len(rows)), len(split.val))]
    possible = any((counts.any(0) == np.delete(counts, list(choice), 0).any(0)).all() for choice in two)
    assert (not lost) == possible
    if (counts.sum(0)[counts.any(0)] > len(split.val)).all():
        assert lost == set()
        assert names(split.val) == names(blind.val)
    assert bool(lost) == any("are held out; label more" in note for note in split.notes)


def test_the_only_image_of_a_class_is_not_held_out() -> None:
    folder = imagine(40, val=0)
    blind = make_split(folder)
    only = min(names(blind.val))
    place = [sample.name for sample in folder.train].index(only)
    pixels = pixels_of(folder, [[9, int(i == place)] for i in range(40)])
    split = make_split(folder, labeled=5, class_pixels=pixels)
    assert only in names(split.labeled)
    assert len(names(split.val) - names(blind.val)) == 1
    assert split.notes[1] == "1 others were drawn, without which training would lose a class, and stay in it."
    assert make_split(folder, labeled=3, class_pixels=pixels).val == split.val


def test_a_list_decides_itself(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("v001_f001\nv002_f002\n")
    folder = imagine(20, val=0)
    pixels = pixels_of(folder, [[9, int(i == 7)] for i in range(20)])
    listed = str(tmp_path / "list.txt")
    assert make_split(folder, labeled=listed, class_pixels=pixels) == make_split(folder, labeled=listed)


def test_pixels_are_counted(tmp_path: Path) -> None:
    samples = []
    for name, values in (("x", [0, 0, 1, 255]), ("y", [2, 7, 2, 2]), ("z", [255])):
        samples.append(Sample(tmp_path, write_mask(tmp_path / f"{name}.png", values), name, "train"))
    steps: list[tuple[int, int]] = []
    pixels = count_class_pixels(samples, ("a", "b", "c"), INDICES.read, lambda *step: steps.append(step))
    assert pixels.counts.tolist() == [[24, 12, 0], [0, 0, 36], [0, 0, 0]]
    assert pixels.of([samples[1]]).tolist() == [[0, 0, 36]]
    assert steps == [(1, 3), (2, 3), (3, 3)]
    rows = class_rows(pixels, samples, samples[1:], samples[2:])
    assert rows[2].labeled == ClassShare(1, 50.0)
    assert rows[2].chosen == ClassShare(1, 100.0)
    assert rows[0].val == ClassShare(0, 0.0)
    assert format_rows(rows).splitlines()[2:] == [
        "a                                1   33.33%        0    0.00%        0    0.00%",
        "b                                1   16.67%        0    0.00%        0    0.00%",
        "c                                1   50.00%        1  100.00%        0    0.00%",
    ]
    assert rows_to_json(rows)["b"]["labeled"] == {"images": 1, "share": 16.6667}
