from __future__ import annotations

import pickle
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mutualseg.errors import ConfigError, MaskError
from mutualseg.seeding import generator_at
from mutualseg.views.geometry import PAD_VALUE
from mutualseg.views.photometric import OPERATIONS
from mutualseg.views.pipelines import LabeledViews, UnlabeledViews

sides = st.integers(1, 60)


def noise(height: int = 40, width: int = 52, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator_at(seed, "noise"))


def unlabeled(seed: int = 0, **options: Any) -> tuple[Tensor, ...]:
    return UnlabeledViews(32, **options)(noise(), generator_at(seed, "unlabeled", 3))


@settings(max_examples=60, deadline=None)
@given(height=sides, width=sides, crop=sides, seed=st.integers(0, 10**6))
def test_any_image_gives_views_of_the_crop_size(height: int, width: int, crop: int, seed: int) -> None:
    image, mask = noise(height, width), torch.full((height, width), 4, dtype=torch.uint8)
    colored, labels, valid = LabeledViews(crop)(image, mask, generator_at(seed))
    assert colored.shape == (3, crop, crop)
    assert colored.dtype == torch.uint8
    assert labels.dtype == torch.int64
    assert torch.equal(labels, torch.where(valid, 4, 255))
    weak, strong, valid, keep = UnlabeledViews(crop)(image, generator_at(seed))
    assert weak.shape == strong.shape == (3, crop, crop)
    assert weak.dtype == strong.dtype == torch.uint8
    assert valid.shape == (crop, crop)
    assert keep.shape == (1, crop, crop)
    assert valid.dtype == keep.dtype == torch.bool
    # Colors leave the padding alone: it is the same gray in every view.
    for view in (colored, weak, strong):
        assert (view[:, ~valid] == PAD_VALUE).all()


def test_same_address_same_views() -> None:
    for first, second in zip(unlabeled(5), unlabeled(5), strict=True):
        assert torch.equal(first, second)
    assert not torch.equal(unlabeled(5)[0], unlabeled(6)[0])


@pytest.mark.parametrize("seed", range(10))
def test_views_of_identity_colors_are_equal(seed: int) -> None:
    weak, strong, _, _ = unlabeled(seed, weak_strength=0, strong_operations=())
    assert torch.equal(weak, strong)
    weak, strong, _, _ = unlabeled(seed, strong=False)
    assert torch.equal(weak, strong)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
@pytest.mark.parametrize("seed", range(4))
def test_strong_is_the_operation_on_the_plain_crop(name: str, seed: int) -> None:
    """Weak colors off, a one-to-one check: a pixel's strong color follows from its weak color alone."""
    weak, strong, valid, _ = unlabeled(
        seed, weak_strength=0, strong_recipe="one_of", strong_operations=(name,)
    )
    if name == "blur":  # mixes neighbors: a low-pass of the same picture correlates with it in place
        flat = torch.stack([weak[:, valid].float().flatten(), strong[:, valid].float().flatten()])
        assert torch.corrcoef(flat)[0, 1] > 0.3
        return
    colors: dict[tuple[int, ...], tuple[int, ...]] = {}
    for before, after in zip(weak[:, valid].T.tolist(), strong[:, valid].T.tolist(), strict=True):
        assert colors.setdefault(tuple(before), tuple(after)) == tuple(after)


def test_labeled_and_unlabeled_share_the_geometry_of_an_address() -> None:
    image = noise()
    colored, _, _ = LabeledViews(32, weak_strength=0)(image, image[0], generator_at(1))
    weak, _, _, _ = UnlabeledViews(32, weak_strength=0)(image, generator_at(1))
    assert torch.equal(colored, weak)


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({"weak_strength": 0}, {1, 2, 3}),
        ({"strong_count": 2}, {0, 2, 3}),
        ({"strong_recipe": "compose"}, {0, 2, 3}),
        ({"strong": False}, {0, 2, 3}),
        ({"cutmix_boxes": 0}, {0, 1, 2}),
        ({"strong_views": 2}, {0, 1, 2, 3}),
        ({"flip": False, "scale": (1, 1)}, {3}),
    ],
)
def test_turning_a_part_off_leaves_the_others(options: dict[str, Any], same: set[int]) -> None:
    for seed in range(5):
        usual, changed = unlabeled(seed), unlabeled(seed, **options)
        for index in same:
            assert torch.equal(usual[index], changed[index])


def test_a_second_strong_view_has_colors_and_boxes_of_its_own() -> None:
    differ = []
    for seed in range(5):
        one, two = unlabeled(seed), unlabeled(seed, strong_views=2)
        assert len(two) == 6
        assert all(torch.equal(a, b) for a, b in zip(one, two[:4], strict=True))
        differ.append((not torch.equal(two[1], two[4]), not torch.equal(two[3], two[5])))
        assert (two[4][:, ~two[2]] == PAD_VALUE).all()
    assert all(keeps for _, keeps in differ)
    assert sum(colors for colors, _ in differ) >= 4


def test_both_strong_views_are_the_same_crop() -> None:
    _, first, _, _, second, _ = unlabeled(3, strong_views=2, strong_operations=())
    assert torch.equal(first, second)


def test_everything_off_is_the_image() -> None:
    image = noise(32, 32)
    mask = image[0]
    labeled = LabeledViews(32, scale=(1, 1), flip=False, weak_strength=0)(image, mask, generator_at(0))
    assert torch.equal(labeled[0], image)
    assert torch.equal(labeled[1], mask.long())
    assert labeled[2].all()
    views = UnlabeledViews(32, scale=(1, 1), flip=False, weak_strength=0, strong=False, cutmix_boxes=0)
    weak, strong, valid, keep = views(image, generator_at(0))
    assert torch.equal(weak, image)
    assert torch.equal(strong, image)
    assert valid.all()
    assert keep.all()


def test_image_larger_than_the_crop_is_padded_only_where_it_ends() -> None:
    views = LabeledViews(48, scale=(0.5, 0.5), flip=False)
    _, mask, valid = views(noise(), torch.zeros((40, 52), dtype=torch.uint8), generator_at(0))
    expected = torch.zeros((48, 48), dtype=torch.bool)
    expected[:20, :26] = True
    assert torch.equal(valid, expected)
    assert torch.equal(mask == 255, ~expected)


@pytest.mark.parametrize(
    "options",
    [
        {"crop": 0},
        {"scale": (0, 1)},
        {"weak_strength": 1.5},
        {"strong_recipe": "both"},
        {"strong_operations": ("sharpen",)},
        {"strong_recipe": "one_of", "strong_count": 9},
        {"cutmix_boxes": -1},
        {"cutmix_share": (0.6, 0.5)},
    ],
)
def test_bad_options_are_refused_when_configured(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        UnlabeledViews(**{"crop": 32, **options})


def test_mask_of_another_size_is_refused() -> None:
    with pytest.raises(MaskError, match="same size"):
        LabeledViews(32)(noise(), torch.zeros((52, 40), dtype=torch.uint8), generator_at(0))


def test_views_pickle_for_worker_processes() -> None:
    for views in (LabeledViews(32), UnlabeledViews(32, strong_operations=("blur",))):
        assert pickle.loads(pickle.dumps(views)) == views


@pytest.mark.parametrize(("height", "width"), [(32, 32), (9, 30), (1, 7), (2, 2), (40, 25)])
@pytest.mark.parametrize("seed", range(4))
def test_pixels_may_lie_in_memory_as_files_have_them(height: int, width: int, seed: int) -> None:
    pixels = torch.randint(0, 256, (height, width, 3), dtype=torch.uint8, generator=generator_at(seed))
    as_read = pixels.permute(2, 0, 1)
    planes = as_read.contiguous()
    mask = torch.zeros(height, width, dtype=torch.uint8)
    for crop in (5, 16, 48):
        unlabeled, labeled = UnlabeledViews(crop), LabeledViews(crop)
        for one, other in zip(
            unlabeled(as_read, generator_at(seed)), unlabeled(planes, generator_at(seed)), strict=True
        ):
            assert torch.equal(one, other)
        for one, other in zip(
            labeled(as_read, mask, generator_at(seed)), labeled(planes, mask, generator_at(seed)), strict=True
        ):
            assert torch.equal(one, other)
