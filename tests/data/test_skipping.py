"""`--on-bad-image skip` in the streams: what stands in for a bad file, and files that change meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mutualseg.data.collating import collate_labeled, collate_unlabeled
from mutualseg.data.decoded_images import can_share
from mutualseg.data.encoding import PLAIN
from mutualseg.data.folder import DataFolder, read_folder
from mutualseg.data.loading import load_image, load_mask
from mutualseg.data.samples import Sample
from mutualseg.data.skipping import BadFile, SkippedFile, WithSkipped, borne, content_of, too_many
from mutualseg.data.streams import sample_at, samples_from
from mutualseg.seeding import generator_at, permutation
from mutualseg.types import LabeledBatch, LabeledCropBatch, UnlabeledBatch
from mutualseg.views.pipelines import LabeledViews, UnlabeledViews
from tests.conftest import parts
from tests.data.test_streams import CROP, batches, streams

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.* is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

SEED, IMAGES = 4, 6


@pytest.fixture
def folder(tiny_data: Path) -> DataFolder:
    return read_folder(tiny_data)


def unlabeled_of(folder: DataFolder) -> list[Sample]:
    return [sample for sample in folder.train if sample.mask is None]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_what_stands_in_is_the_rest_of_the_epoch_in_its_order(count: int) -> None:
    for position in range(3 * count):
        epoch, place = divmod(position, count)
        order = permutation(count, 3, "labeled", "epoch", epoch).tolist()
        assert list(samples_from(position, count, 3, "labeled")) == order[place:] + order[:place]


@pytest.mark.parametrize("bad", [{0}, {1, 4}, {0, 2, 3, 5}, {0, 1, 2, 3, 4}])
def test_the_next_sample_that_works_stands_in(folder: DataFolder, bad: set[int]) -> None:
    """Against a slow reference: which sample, with the random numbers of the position."""
    without = unlabeled_of(folder)
    made = streams(folder, tries=IMAGES, unlabeled_steps=range(100))
    assert made.unlabeled is not None
    for place in bad:
        folder.labeled[place].image.write_bytes(b"no image")
        without[place].image.unlink()
    for position in range(3 * IMAGES):
        epoch, at = divmod(position, IMAGES)
        for stream, samples in (("labeled", folder.labeled), ("unlabeled", without)):
            order = permutation(IMAGES, SEED, stream, "epoch", epoch).tolist()
            tried = [order[(at + k) % IMAGES] for k in range(IMAGES)]
            used = next(k for k, place in enumerate(tried) if place not in bad)
            sample = samples[tried[used]]
            item = (made.labeled if stream == "labeled" else made.unlabeled)[position]
            generator, image = generator_at(SEED, stream, position), load_image(sample, PLAIN)
            expected: tuple[Any, ...]
            if stream == "labeled":
                expected = LabeledViews(CROP)(image, load_mask(sample, PLAIN, (48, 64), 3), generator)
            else:
                expected = UnlabeledViews(CROP)(image, generator)
            assert all(torch.equal(a, b) for a, b in zip(content_of(item), expected, strict=True))
            passed_over = [str(samples[place].image) for place in tried[:used]]
            assert [file.file for file in getattr(item, "skipped", ())] == passed_over


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_keep_their_size_and_carry_what_was_skipped(folder: DataFolder, workers: int) -> None:
    unlabeled_of(folder)[1].image.write_bytes(b"")
    (folder.labeled[2].mask or Path()).unlink()
    plain = list(batches(streams(folder, tries=3)))
    seen = {"labeled": set(), "unlabeled": set()}  # type: dict[str, set[str]]
    for batch, again in zip(plain, batches(streams(folder, workers=workers, tries=3)), strict=True):
        for name, received in batch.items():
            assert type(received) is type(again[name])
            one, two = content_of(received), content_of(again[name])
            assert all(torch.equal(a, b) for a, b in zip(parts(one), parts(two), strict=True))
            assert len(one[0]) == (2 if name == "labeled" else 3)
            if isinstance(received, WithSkipped):
                assert received.skipped == again[name].skipped
                seen[name] |= {file.file for file in received.skipped}
    assert seen["labeled"] == {str(folder.labeled[2].image)}
    assert seen["unlabeled"] == {str(unlabeled_of(folder)[1].image)}
    assert any(not isinstance(batch["labeled"], WithSkipped) for batch in plain)


def test_the_reason_names_the_file_at_fault(folder: DataFolder) -> None:
    mask = folder.labeled[0].mask
    assert mask is not None
    mask.write_bytes(b"")
    position = next(p for p in range(IMAGES) if sample_at(p, IMAGES, SEED, "labeled") == 0)
    item = streams(folder, tries=2).labeled[position]
    assert isinstance(item, WithSkipped)
    (file,) = item.skipped
    assert (file.file, file.part) == (str(folder.labeled[0].image), "labeled")
    assert f"{mask} is an empty file" in file.reason


@pytest.mark.parametrize("tries", [2, 4, 100])
def test_a_stream_of_bad_files_ends(folder: DataFolder, tries: int) -> None:
    for sample in unlabeled_of(folder):
        sample.image.unlink()
    made = streams(folder, tries=tries)
    assert made.unlabeled is not None
    item = made.unlabeled[0]
    assert isinstance(item, BadFile)
    assert len(item.skipped) == min(tries, IMAGES)
    assert f"{len(item.skipped)} unlabeled images in a row cannot be used" in item.message
    batch = next(batches(made))["unlabeled"]
    assert isinstance(batch, BadFile)
    assert {file.file for file in batch.skipped} >= {file.file for file in item.skipped}


def test_without_skipping_nothing_stands_in(folder: DataFolder) -> None:
    folder.labeled[0].image.write_bytes(b"")
    position = next(p for p in range(IMAGES) if sample_at(p, IMAGES, SEED, "labeled") == 0)
    item = streams(folder).labeled[position]
    assert isinstance(item, BadFile)
    assert item.skipped == ()


def test_a_batch_carries_the_skipped_of_all_its_items() -> None:
    item = (torch.zeros(3, 2, 2), torch.zeros(2, 2), torch.ones(2, 2))
    one, two = (SkippedFile(name, "labeled", "gone") for name in "ab")
    batch = collate_labeled([item, WithSkipped(item, (one,)), WithSkipped(item, (one, two))])
    assert isinstance(batch, WithSkipped)
    assert isinstance(batch.content, LabeledBatch)
    assert batch.skipped == (one, one, two)
    assert len(batch.content.images) == 3
    bad = collate_labeled([WithSkipped(item, (one,)), BadFile("all", (two,))])
    assert bad == BadFile("all", (one, two))
    views = (*item, torch.ones(1, 2, 2))
    unlabeled = collate_unlabeled([None, WithSkipped(views, (two,)), views])
    assert isinstance(unlabeled, WithSkipped)
    assert isinstance(unlabeled.content, UnlabeledBatch)
    assert unlabeled.skipped == (two,)


def test_colors_made_later_carry_the_skipped_too(folder: DataFolder) -> None:
    folder.labeled[0].image.unlink()
    made = list(batches(streams(folder, tries=2, color_on_device=True)))
    carried = [batch["labeled"] for batch in made if isinstance(batch["labeled"], WithSkipped)]
    assert carried
    assert all(isinstance(batch.content, LabeledCropBatch) for batch in carried)


def _resized(sample: Sample) -> None:
    Image.fromarray(np.zeros((30, 30, 3), np.uint8)).save(sample.image)


def _sixteen_bits(sample: Sample) -> None:
    Image.fromarray(np.zeros((48, 64), np.uint16)).save(sample.image)


def _foreign_values(sample: Sample) -> None:
    assert sample.mask is not None
    Image.fromarray(np.full((48, 64), 9, np.uint8)).save(sample.mask)


def _cut_short(sample: Sample) -> None:
    sample.image.write_bytes(sample.image.read_bytes()[:100])


def _folder_at_its_place(sample: Sample) -> None:
    sample.image.unlink()
    sample.image.mkdir()


CHANGES: dict[str, tuple[Callable[[Sample], object], str]] = {
    "resized": (_resized, "make both the same size"),
    "of another kind": (_sixteen_bits, "1 band of 16 bits"),
    "foreign values": (_foreign_values, "holds class 9"),
    "cut short": (_cut_short, "cut short"),
    "deleted": (lambda sample: sample.image.unlink(), "does not exist"),
    "a folder": (_folder_at_its_place, "is no file"),
    "moved away": (lambda sample: sample.image.parent.rename(sample.image.parent.parent / "w"), "not exist"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_between_two_looks(folder: DataFolder, change: str) -> None:
    alter, said = CHANGES[change]
    made = streams(folder)
    position = next(p for p in range(IMAGES) if sample_at(p, IMAGES, SEED, "labeled") == 0)
    assert not isinstance(made.labeled[position], BadFile)
    alter(folder.labeled[0])
    item = made.labeled[position]
    assert isinstance(item, BadFile)
    assert said in item.message
    assert "\n" not in item.message


@pytest.mark.skipif(not can_share(), reason="the store needs Linux")
@pytest.mark.parametrize("change", CHANGES)
def test_an_image_that_is_kept_outlives_its_file(folder: DataFolder, change: str) -> None:
    made = streams(folder, cache="memory", tries=2)
    position = next(p for p in range(IMAGES) if sample_at(p, IMAGES, SEED, "labeled") == 0)
    before = made.labeled[position]
    CHANGES[change][0](folder.labeled[0])
    after = made.labeled[position]
    assert isinstance(before, tuple)
    assert isinstance(after, tuple)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    made.teardown("fit")
    assert isinstance(made.labeled[position], WithSkipped | BadFile)


def test_five_percent() -> None:
    assert [borne(images) for images in (0, 19, 20, 39, 40, 100, 1000)] == [0, 0, 1, 1, 2, 5, 50]
    for images in range(1, 300):
        for skipped in range(20):
            assert too_many(skipped, images) == (100 * skipped > 5 * images)
