from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from mutualseg.data.collating import collate_labeled, collate_unlabeled
from mutualseg.data.datamodule import StreamSizes, TwoStreams
from mutualseg.data.decoded_images import can_share
from mutualseg.data.encoding import PLAIN
from mutualseg.data.folder import DataFolder, read_folder
from mutualseg.data.image_codes import ImageCode
from mutualseg.data.loading import load_image, load_mask
from mutualseg.data.mask_codes import MaskCode
from mutualseg.data.skipping import BadFile, WithSkipped
from mutualseg.data.streams import LabeledStream, Positions, sample_at
from mutualseg.errors import DataError
from mutualseg.seeding import generator_at
from mutualseg.types import (
    LabeledBatch,
    LabeledCrop,
    LabeledCropBatch,
    UnlabeledBatch,
    UnlabeledCrop,
    UnlabeledCropBatch,
)
from mutualseg.views.batched_photometric import color_labeled, color_unlabeled
from mutualseg.views.pipelines import LabeledViews, UnlabeledViews
from tests.conftest import parts

pytestmark = [
    # Lightning 2.6 still makes the LeafSpec that torch 2.9 deprecated.
    pytest.mark.filterwarnings("ignore:.*LeafSpec.* is deprecated:FutureWarning"),
    # From Python 3.12 on, forking beside torch's threads warns; loaders fork on Linux all the same.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

CROP, STEPS, SIZES = 20, 5, StreamSizes(2, 3)


@pytest.fixture
def folder(tiny_data: Path) -> DataFolder:
    return read_folder(tiny_data)


def streams(folder: DataFolder, *, workers: int = 0, step: int = 0, **options: Any) -> TwoStreams:
    made = TwoStreams(
        folder.labeled,
        [sample for sample in folder.train if sample.mask is None],
        **{
            "views": UnlabeledViews(CROP),
            "sizes": SIZES,
            "total_steps": STEPS,
            "num_classes": 3,
            "seed": 4,
            "unlabeled_steps": range(options.get("total_steps", STEPS)),
            "workers": workers,
            **options,
        },
    )
    device = SimpleNamespace(root_device=torch.device("cpu"))
    made.trainer = SimpleNamespace(global_step=step, strategy=device)  # type: ignore[assignment]
    return made


def batches(made: TwoStreams) -> Iterator[dict[str, Any]]:
    for batch, _, _ in made.train_dataloader():
        yield batch


def item_at(made: TwoStreams, stream: str, position: int) -> tuple[Tensor, ...]:
    found = made.labeled if stream == "labeled" else made.unlabeled
    assert found is not None
    item = found[position]
    assert item is not None
    assert not isinstance(item, BadFile | LabeledCrop | UnlabeledCrop | WithSkipped)
    return tuple(item)


def assert_same(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert one.keys() == two.keys()
    for name, batch in one.items():
        assert type(batch) is type(two[name])
        assert all(torch.equal(a, b) for a, b in zip(parts(batch), parts(two[name]), strict=True))


OTHERS = ((4, "labeled"), (3, "unlabeled"))


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_each_epoch_is_a_permutation_of_its_own(count: int) -> None:
    epochs = [[sample_at(e * count + i, count, 3, "labeled") for i in range(count)] for e in range(4)]
    assert all(sorted(epoch) == list(range(count)) for epoch in epochs)
    if count == 100:
        others = [[sample_at(i, count, *address) for i in range(count)] for address in OTHERS]
        orders = [*epochs, *others]
        assert all(a != b for i, a in enumerate(orders) for b in orders[:i])


def test_a_position_needs_no_history() -> None:
    forward = [sample_at(i, 6, 0, "labeled") for i in range(300)]
    assert [sample_at(i, 6, 0, "labeled") for i in reversed(range(300))] == forward[::-1]


@pytest.mark.parametrize("position", [0, 5, 6, 1000])
def test_an_item_follows_from_its_position_alone(folder: DataFolder, position: int) -> None:
    made = streams(folder, unlabeled_steps=range(1000))
    sample = folder.labeled[sample_at(position, 6, 4, "labeled")]
    image, views = load_image(sample, PLAIN), LabeledViews(CROP)
    expected = views(image, load_mask(sample, PLAIN, (48, 64), 3), generator_at(4, "labeled", position))
    item = item_at(made, "labeled", position)
    assert all(torch.equal(a, b) for a, b in zip(item, expected, strict=True))
    assert made.unlabeled is not None
    without = made.unlabeled.samples[sample_at(position, 6, 4, "unlabeled")]
    views_of = UnlabeledViews(CROP)(load_image(without, PLAIN), generator_at(4, "unlabeled", position))
    assert all(torch.equal(a, b) for a, b in zip(item_at(made, "unlabeled", position), views_of, strict=True))


def test_batches_hold_the_positions_in_order(folder: DataFolder) -> None:
    made = streams(folder)
    received = list(batches(made))
    assert len(received) == STEPS
    for step, batch in enumerate(received):
        labeled, unlabeled = batch["labeled"], batch["unlabeled"]
        assert isinstance(labeled, LabeledBatch)
        assert isinstance(unlabeled, UnlabeledBatch)
        assert labeled.images.shape == (2, 3, CROP, CROP)
        assert labeled.images.dtype == unlabeled.strong.dtype == torch.uint8
        assert labeled.masks.dtype == torch.int64
        assert labeled.valid.dtype == unlabeled.valid.dtype == unlabeled.keep.dtype == torch.bool
        assert unlabeled.keep.shape == (3, 1, CROP, CROP)
        for place in range(2):
            assert torch.equal(labeled.masks[place], item_at(made, "labeled", 2 * step + place)[1])
        for place in range(3):
            assert torch.equal(unlabeled.strong[place], item_at(made, "unlabeled", 3 * step + place)[1])
    assert all(not torch.equal(a["labeled"].images, b["labeled"].images) for a, b in pairwise(received))


def test_an_epoch_shows_each_labeled_image_once(folder: DataFolder) -> None:
    """A whole image is its own crop here, so that images can be told apart."""
    views = LabeledViews(64, scale=(1, 1), flip=False, weak_strength=0)
    stream = LabeledStream(folder.labeled, views, num_classes=3, seed=0)
    loader: DataLoader[Any] = DataLoader(
        stream,
        batch_size=2,
        sampler=Positions(6, 12),
        collate_fn=collate_labeled,
    )
    seen = [bytes(image[:, :48].numpy().tobytes()) for batch in loader for image in batch.images]
    assert len(set(seen)) == len(seen) == 6
    assert set(seen) == {load_image(sample, PLAIN).numpy().tobytes() for sample in folder.labeled}


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(folder: DataFolder, workers: int) -> None:
    plain, parallel = list(batches(streams(folder))), list(batches(streams(folder, workers=workers)))
    for one, two in zip(plain, parallel, strict=True):
        assert_same(one, two)


@pytest.mark.parametrize("start", [1, 3, 4])
def test_a_resumed_run_goes_on_with_the_next_batch(folder: DataFolder, start: int) -> None:
    whole, rest = list(batches(streams(folder))), list(batches(streams(folder, step=start)))
    assert len(rest) == STEPS - start
    for one, two in zip(whole[start:], rest, strict=True):
        assert_same(one, two)


def test_global_generators_are_neither_read_nor_moved(folder: DataFolder) -> None:
    torch.manual_seed(1)
    first = item_at(streams(folder), "labeled", 3)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = item_at(streams(folder), "labeled", 3)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_seed_changes_the_batches(folder: DataFolder) -> None:
    one, two = next(batches(streams(folder))), next(batches(streams(folder, seed=5)))
    assert not torch.equal(one["labeled"].images, two["labeled"].images)
    assert not torch.equal(one["unlabeled"].keep, two["unlabeled"].keep)


def test_labels_alone_load_no_unlabeled_image(folder: DataFolder) -> None:
    made = streams(folder, unlabeled_steps=range(0))
    assert made.unlabeled is None
    received = list(batches(made))
    assert [list(batch) for batch in received] == [["labeled"]] * STEPS
    for one, two in zip(received, batches(streams(folder)), strict=True):
        assert_same(one, {"labeled": two["labeled"]})


def test_positions() -> None:
    positions = Positions(4, 9)
    assert list(positions) == list(positions) == [4, 5, 6, 7, 8]
    assert len(positions) == 9


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_file_arrives_as_a_value(folder: DataFolder, workers: int) -> None:
    """Raised in a worker it would arrive with a traceback in its text."""
    broken = [sample.image for sample in folder.train if sample.mask is None]
    for path in broken:
        path.write_bytes(b"no image")
    batch = next(batches(streams(folder, workers=workers)))
    assert isinstance(batch["labeled"], LabeledBatch)
    bad = batch["unlabeled"]
    assert isinstance(bad, BadFile)
    assert any(str(path) in bad.message for path in broken)
    assert "Traceback" not in bad.message
    assert "\n" not in bad.message


def test_a_class_outside_the_list_arrives_as_a_value(folder: DataFolder) -> None:
    batch = next(batches(streams(folder, num_classes=2, workers=1)))
    assert isinstance(batch["labeled"], BadFile)
    assert "masks" in batch["labeled"].message
    assert isinstance(batch["unlabeled"], UnlabeledBatch)


def test_one_bad_file_stands_for_its_batch() -> None:
    item = (torch.zeros(3, 2, 2), torch.zeros(2, 2), torch.ones(2, 2))
    first, second = BadFile("a"), BadFile("b")
    assert collate_labeled([item, first, second]) is first
    assert collate_unlabeled([(*item, torch.ones(1, 2, 2)), second]) is second
    batch = collate_labeled([item, item])
    assert isinstance(batch, LabeledBatch)
    assert batch.images.shape == (2, 3, 2, 2)


def test_a_sample_without_mask_has_none_to_load(folder: DataFolder) -> None:
    sample = next(sample for sample in folder.train if sample.mask is None)
    with pytest.raises(DataError, match=f"'{sample.name}' has no mask"):
        load_mask(sample, PLAIN, (48, 64), 3)


def test_loaded_tensors_are_the_files(folder: DataFolder) -> None:
    sample = folder.labeled[0]
    assert sample.mask is not None
    image = load_image(sample, PLAIN)
    assert (image.dtype, image.shape) == (torch.uint8, (3, 48, 64))
    with Image.open(sample.image) as picture:
        assert tuple(image[:, 7, 9].tolist()) == picture.getpixel((9, 7))
    mask: Tensor = load_mask(sample, PLAIN, (48, 64), 3)
    assert (mask.dtype, mask.shape) == (torch.uint8, (48, 64))
    assert (mask[:2] == 255).all()


@pytest.mark.slow
def test_a_spawned_worker_gives_the_same(folder: DataFolder) -> None:
    """As on macOS, and on Linux beside CUDA: everything the stream holds has to pickle."""
    made = streams(folder)
    loader: DataLoader[Any] = DataLoader(
        made.labeled,
        batch_size=2,
        sampler=Positions(2, 6),
        num_workers=1,
        collate_fn=collate_labeled,
        multiprocessing_context="spawn",
    )
    received = list(loader)
    assert len(received) == 2
    for batch, expected in zip(received, batches(streams(folder, step=1)), strict=False):
        assert_same({"labeled": batch}, {"labeled": expected["labeled"]})


def test_unlabeled_images_are_loaded_while_a_method_looks_at_them(folder: DataFolder) -> None:
    made = streams(folder, unlabeled_steps=range(2, STEPS - 1))
    assert made.unlabeled is not None
    found = [batch["unlabeled"] for batch in batches(made)]
    assert found[:2] == [None, None]
    assert found[-1] is None
    plain = [batch["unlabeled"] for batch in batches(streams(folder))]
    for early, whole in zip(found[2:-1], plain[2:-1], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(parts(early), parts(whole), strict=True))


def colored(batch: dict[str, Any]) -> dict[str, Any]:
    """Make the color changes of a batch, as the training does where it computes."""
    labeled, unlabeled = batch["labeled"], batch["unlabeled"]
    assert isinstance(labeled, LabeledCropBatch)
    assert isinstance(unlabeled, UnlabeledCropBatch)
    return {"labeled": color_labeled(labeled), "unlabeled": color_unlabeled(unlabeled)}


def assert_alike(one: LabeledBatch | UnlabeledBatch, two: LabeledBatch | UnlabeledBatch) -> None:
    """Equal but for a few levels of a few pixels."""
    assert type(one) is type(two)
    names = [name for name, part in zip(one._fields, one, strict=True) if part is not None]
    for name, first, second in zip(names, parts(one), parts(two), strict=True):
        assert (first.dtype, first.shape) == (second.dtype, second.shape)
        if name in ("images", "weak", "strong", "second_strong"):
            apart = (first.int() - second.int()).abs()
            assert apart.max() <= 6
            assert (apart > 0).float().mean() < 0.005
        else:
            assert torch.equal(first, second)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scale": (0.2, 0.4)},  # all images are smaller than the crop
        {"strong": False},
        {"strong_recipe": "one_of"},
        {"strong_recipe": "one_of", "strong_operations": ("color_jitter", "blur"), "strong_count": 2},
        {"strong_views": 2},
    ],
)
def test_colors_made_later_are_the_same(folder: DataFolder, workers: int, options: dict[str, Any]) -> None:
    views = UnlabeledViews(CROP, **options)
    early = batches(streams(folder, views=views))
    late = batches(streams(folder, views=views, workers=workers, color_on_device=True))
    for whole, plain in zip(early, late, strict=True):
        made = colored(plain)
        for name, batch in whole.items():
            assert_alike(made[name], batch)


def test_identity_colors_made_later_are_equal(folder: DataFolder) -> None:
    views = UnlabeledViews(CROP, weak_strength=0, strong_operations=())
    late = batches(streams(folder, views=views, color_on_device=True))
    for whole, plain in zip(batches(streams(folder, views=views)), late, strict=True):
        assert_same(colored(plain), whole)


def test_a_resumed_run_goes_on_with_colors_made_later(folder: DataFolder) -> None:
    whole = list(batches(streams(folder, color_on_device=True)))
    rest = list(batches(streams(folder, color_on_device=True, step=3)))
    for one, two in zip(whole[3:], rest, strict=True):
        assert_same(colored(one), colored(two))


def test_pictures_get_colors_in_either_mode(folder: DataFolder) -> None:
    plain, late = streams(folder), streams(folder, color_on_device=True)
    assert plain.unlabeled is not None
    assert late.unlabeled is not None
    for one, two in ((plain.labeled, late.labeled), (plain.unlabeled, late.unlabeled)):
        assert all(torch.equal(a, b) for a, b in zip(one.views_at(2), two.views_at(2), strict=True))  # type: ignore[arg-type]


def test_a_broken_file_and_a_burn_in_arrive_alike_with_colors_made_later(folder: DataFolder) -> None:
    early = next(batches(streams(folder, unlabeled_steps=range(1, STEPS), color_on_device=True)))
    assert early["unlabeled"] is None
    for sample in folder.train:
        if sample.mask is None:
            sample.image.write_bytes(b"no image")
    assert isinstance(next(batches(streams(folder, color_on_device=True)))["unlabeled"], BadFile)


@pytest.mark.skipif(not can_share(), reason="the store needs Linux")
@pytest.mark.parametrize("workers", [0, 2])
def test_kept_images_change_nothing_and_files_are_read_once(
    folder: DataFolder, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = list(batches(streams(folder)))
    made = streams(folder, workers=workers, cache="memory")
    for batch, expected in zip(batches(made), fresh, strict=True):
        assert_same(batch, expected)
    monkeypatch.setattr(ImageCode, "read", _must_not)
    monkeypatch.setattr(MaskCode, "read", _must_not)
    for position in range(6):  # both streams have seen their six images
        item_at(made, "labeled", position)
        item_at(made, "unlabeled", position)
    made.teardown("fit")
    with pytest.raises(AssertionError, match="read again"):
        made.labeled[0]


def _must_not(code: object, path: Path) -> None:
    raise AssertionError(f"{path} is read again")


def test_unlabeled_images_that_are_seen_once_are_not_kept(folder: DataFolder) -> None:
    made = streams(folder, cache="memory", total_steps=2)  # 6 positions, 6 images
    assert made.unlabeled is not None
    assert made.unlabeled.shelf.store is None
    made = streams(folder, cache="memory", total_steps=5, unlabeled_steps=range(3, 5))  # 6 after a burn-in
    assert made.unlabeled is not None
    assert made.unlabeled.shelf.store is None
