from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as TF

from mutualseg.errors import ConfigError, MaskError
from mutualseg.seeding import generator_at
from mutualseg.types import IGNORE_INDEX
from mutualseg.views.geometry import PAD_VALUE, Geometry, draw_geometry

sides = st.integers(1, 70)
scales = st.tuples(st.sampled_from([0.01, 0.3, 0.5, 1.0]), st.sampled_from([1.0, 2.0, 40.0]))


def noise(height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator_at(seed, "noise"))


@settings(max_examples=150, deadline=None)
@given(height=sides, width=sides, crop=sides, scale=scales, flip=st.booleans(), seed=st.integers(0, 10**6))
def test_shapes_and_padding_for_any_size(
    height: int, width: int, crop: int, scale: tuple[float, float], flip: bool, seed: int
) -> None:
    geometry = draw_geometry(generator_at(seed), (height, width), crop, scale=scale, flip=flip)
    top, left, h, w = geometry.window
    assert 0 <= top <= top + h <= height
    assert 0 <= left <= left + w <= width
    assert min(geometry.content) >= 1
    assert max(geometry.content) <= crop

    image = geometry.apply(torch.zeros((3, height, width), dtype=torch.uint8))
    mask = geometry.apply_mask(torch.full((height, width), 7, dtype=torch.uint8))
    valid = geometry.valid()
    assert image.shape == (3, crop, crop)
    assert image.dtype == mask.dtype == torch.uint8
    assert mask.shape == valid.shape == (crop, crop)
    assert valid.dtype == torch.bool
    # Padding is gray, 255 and invalid at exactly the same pixels: right of and below the content.
    assert torch.equal(image, torch.where(valid, 0, PAD_VALUE).to(torch.uint8).expand(3, -1, -1))
    assert torch.equal(mask, torch.where(valid, 7, IGNORE_INDEX).to(torch.uint8))
    assert valid.sum() == geometry.content[0] * geometry.content[1]
    assert bool(valid[0, 0])


@settings(max_examples=40, deadline=None)
@given(height=sides, width=sides, extra=st.integers(0, 9))
def test_no_scale_no_flip_and_a_crop_of_the_image_is_the_identity(
    height: int, width: int, extra: int
) -> None:
    image = noise(height, width)
    geometry = draw_geometry(
        generator_at(1), (height, width), max(height, width) + extra, scale=(1, 1), flip=False
    )
    assert torch.equal(geometry.apply(image)[:, :height, :width], image)
    assert torch.equal(geometry.apply_mask(image[0])[:height, :width], image[0])


@pytest.mark.parametrize("seed", range(12))
def test_mask_and_image_share_their_sampling_grid(seed: int) -> None:
    """Image and mask hold the same ramp: they may differ by the mask's rounding, and not on average."""
    rows = torch.arange(120).view(-1, 1).expand(120, 160)
    columns = torch.arange(160).view(1, -1).expand(120, 160)
    geometry = draw_geometry(generator_at(seed, "ramp"), (120, 160), 64)
    pixel = geometry.window[3] / geometry.content[1]  # source pixels per crop pixel
    inner = torch.zeros((64, 64), dtype=torch.bool)
    inner[4 : geometry.content[0] - 4, 4 : geometry.content[1] - 4] = True
    for ramp in (rows, columns):
        ramp = ramp.to(torch.uint8)
        image = geometry.apply(ramp[None])[0].double()
        difference = (image - geometry.apply_mask(ramp).double())[inner]
        assert difference.abs().max() <= 1 + pixel / 2
        assert difference.mean().abs() < 0.6  # plain nearest is off by up to pixel / 2 one way


@pytest.mark.parametrize("seed", range(12))
def test_image_that_encodes_its_mask_gives_the_mask(seed: int) -> None:
    blocks = torch.randint(0, 3, (8, 10), generator=generator_at(seed, "blocks"))
    mask = blocks.repeat_interleave(13, 0).repeat_interleave(13, 1).to(torch.uint8)
    image = torch.nn.functional.one_hot(mask.long(), 3).movedim(-1, 0).to(torch.uint8) * 255
    geometry = draw_geometry(generator_at(seed), (mask.shape[0], mask.shape[1]), 64)
    cropped, labels = geometry.apply(image), geometry.apply_mask(mask)
    sure = (cropped.amax(0) > 250) & geometry.valid()  # away from class borders
    assert sure.sum() > 0.3 * geometry.valid().sum()
    assert torch.equal(cropped.argmax(0)[sure], labels.long()[sure])


@pytest.mark.parametrize("factor", [0.5, 2.0, 1.0])
def test_equals_scaling_the_whole_image_before_the_cut(factor: float) -> None:
    image = noise(96, 120)
    side = round(40 / factor)
    geometry = Geometry((96, 120), window=(12, 24, side, side), content=(40, 40), crop=40, flip=False)
    whole = TF.resize(image, [round(96 * factor), round(120 * factor)], antialias=True)
    top, left = (round(start * factor) for start in geometry.window[:2])
    expected = whole[:, top : top + 40, left : left + 40].int()
    difference = (geometry.apply(image).int() - expected).abs()
    assert difference[:, 1:-1, 1:-1].max() <= 1  # the outermost pixels see no neighbor beyond the cut
    assert difference.float().mean() < 3


@settings(max_examples=150, deadline=None)
@given(window=st.tuples(*[st.integers(1, 6)] * 2), content=st.tuples(*[st.integers(1, 6)] * 2))
def test_small_images_agree_with_float_arithmetic(window: tuple[int, int], content: tuple[int, int]) -> None:
    """The uint8 kernel of torch is wrong where a side of the result is one pixel."""
    image = noise(8, 9)
    geometry = Geometry((8, 9), window=(1, 2, *window), content=content, crop=6, flip=False)
    cut = image[:, 1 : 1 + window[0], 2 : 2 + window[1]].float()
    expected = TF.resize(cut, list(content), antialias=True)
    assert (geometry.cut(image).float() - expected).abs().max() <= 1.01


def test_flip_mirrors_the_content_and_pads_on_the_right() -> None:
    image = noise(5, 6)
    geometry = draw_geometry(generator_at(0), (5, 6), 8, scale=(1, 1), flip=False)
    mirrored = replace(geometry, flip=True)
    assert torch.equal(mirrored.apply(image)[:, :5, :6], image.flip(-1))
    assert torch.equal(mirrored.apply_mask(image[0])[:5, :6], image[0].flip(-1))
    assert torch.equal(mirrored.valid(), geometry.valid())


def test_same_address_same_geometry_and_parts_do_not_disturb_each_other() -> None:
    def draw(seed: int, *, flip: bool = True, scale: tuple[float, float] = (0.5, 2.0)) -> Geometry:
        return draw_geometry(generator_at(seed, "unlabeled"), (90, 120), 32, flip=flip, scale=scale)

    assert draw(5) == draw(5)
    drawn = [draw(seed) for seed in range(200)]
    assert len({geometry.window for geometry in drawn}) > 190
    assert 70 < sum(geometry.flip for geometry in drawn) < 130
    assert all(replace(draw(seed), flip=False) == draw(seed, flip=False) for seed in range(20))
    assert all(draw(seed).flip == draw(seed, scale=(1, 1)).flip for seed in range(20))


def test_scale_and_position_are_uniform_and_reach_the_borders() -> None:
    drawn = [draw_geometry(generator_at(seed), (96, 96), 48) for seed in range(3000)]
    factors = torch.tensor([48 / geometry.window[2] for geometry in drawn])
    assert factors.min() < 0.52
    assert factors.max() > 1.95
    assert abs(factors.mean() - 1.25) < 0.03
    fixed = [draw_geometry(generator_at(seed), (50, 51), 48, scale=(1, 1)) for seed in range(600)]
    counts = torch.bincount(torch.tensor([geometry.window[0] for geometry in fixed]))
    assert counts.tolist() == pytest.approx([200] * 3, abs=50)
    assert {geometry.window[1] for geometry in fixed} == {0, 1, 2, 3}


def test_other_sizes_are_refused() -> None:
    geometry = draw_geometry(generator_at(0), (10, 12), 8)
    with pytest.raises(ValueError, match="drawn for"):
        geometry.apply(noise(12, 10))
    with pytest.raises(MaskError, match="12 x 10 but its image is 10 x 12"):
        geometry.apply_mask(noise(12, 10)[0])


@pytest.mark.parametrize(
    ("crop", "scale"), [(0, (1.0, 1.0)), (8, (0.0, 1.0)), (8, (2.0, 1.0)), (8, (1.0, float("inf")))]
)
def test_bad_arguments_are_refused(crop: int, scale: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="give"):
        draw_geometry(generator_at(0), (10, 10), crop, scale=scale)
