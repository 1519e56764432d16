"""Color changes of any bands and both forms, against RGB and against slow references."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as TF

from mutualseg.errors import ImageError
from mutualseg.seeding import generator_at
from mutualseg.types import ColorSteps
from mutualseg.views.band_steps import OF_COLORS
from mutualseg.views.color_steps import CHANGES, apply_steps, record
from mutualseg.views.geometry import Geometry
from mutualseg.views.photometric import draw_strong, draw_weak
from mutualseg.views.pipelines import LabeledViews, UnlabeledViews
from tests.views.made import noise, smooth

AMOUNTS = {
    "brightness": 1.3,
    "contrast": 0.6,
    "saturation": 1.4,
    "hue": 0.2,
    "blur": 1.1,
    "solarize": 100.0,
    "grayscale": 0.0,
    "equalize": 0.0,
}


def image(bands: int, *, floating: bool, seed: int = 0) -> Tensor:
    levels = torch.randint(0, 256, (bands, 19, 23), dtype=torch.uint8, generator=generator_at(seed, "bands"))
    return levels.float() / 255 if floating else levels


def one(kind: str) -> ColorSteps:
    return record([(kind, AMOUNTS[kind])])


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("floating", [False, True])
@pytest.mark.parametrize("bands", [1, 2, 3, 4, 5])
def test_every_change_keeps_shape_and_type(kind: str, bands: int, floating: bool) -> None:
    before = image(bands, floating=floating)
    kept = before.clone()
    after = apply_steps(before, one(kind))
    assert (after.shape, after.dtype) == (before.shape, before.dtype)
    assert torch.equal(before, kept)
    assert torch.equal(after, before) == (kind in OF_COLORS and bands != 3)


@pytest.mark.parametrize("kind", [kind for kind in CHANGES if kind != "equalize"])
@pytest.mark.parametrize("make", [noise, smooth])
def test_floats_of_rgb_change_as_levels_do(kind: str, make: object) -> None:
    levels = make(1)  # type: ignore[operator]
    change = one(kind)
    floats = apply_steps(levels.float() / 255, change).clamp(0, 1) * 255
    assert (floats - apply_steps(levels, change).float()).abs().max() <= 1.5


@pytest.mark.parametrize("kind", ["brightness", "blur", "solarize", "equalize"])
@pytest.mark.parametrize("floating", [False, True])
def test_each_band_changes_as_if_it_were_alone(kind: str, floating: bool) -> None:
    many = image(5, floating=floating)
    together = apply_steps(many, one(kind))
    alone = torch.cat([apply_steps(band[None], one(kind)) for band in many])
    assert torch.equal(together, alone)


@pytest.mark.parametrize("kind", ["brightness", "blur", "solarize", "equalize"])
def test_one_band_changes_as_three_equal_ones(kind: str) -> None:
    gray = image(1, floating=False)
    once, thrice = apply_steps(gray, one(kind)), apply_steps(gray.repeat(3, 1, 1), one(kind))
    assert torch.equal(once.expand_as(thrice), thrice)


@pytest.mark.parametrize("floating", [False, True])
def test_contrast_keeps_the_mean_of_each_band(floating: bool) -> None:
    before = image(4, floating=floating)
    after = apply_steps(before, record([("contrast", 0.5)])).float()
    values = before.float()
    means = values.mean((1, 2), keepdim=True)
    assert (after - (means + 0.5 * (values - means))).abs().max() <= (1e-5 if floating else 1)


def test_values_beyond_the_range_are_not_cut() -> None:
    before = 3 * image(2, floating=True) - 1
    after = apply_steps(before, record([("brightness", 1.5)]))
    torch.testing.assert_close(after, 1.5 * before)
    inverted = apply_steps(before, record([("solarize", 128.0)]))
    torch.testing.assert_close(inverted, torch.where(before >= 128 / 255, 1 - before, before))


def test_equalizing_floats_makes_ranks_of_any_scale() -> None:
    ramp = torch.linspace(0, 1, 64 * 64).view(1, 64, 64) ** 3
    dark = apply_steps(ramp * 1e-3, one("equalize"))
    torch.testing.assert_close(dark, apply_steps(ramp, one("equalize")))
    assert [float(dark.min()), float(dark.max())] == [0, 1]
    order = dark.flatten()
    assert (order.diff() >= 0).all()
    assert abs(float(dark.mean()) - 0.5) < 0.1  # the ramp's own is 0.25
    constant = torch.full((1, 8, 8), 0.3)
    assert torch.equal(apply_steps(constant, one("equalize")), constant)


@pytest.mark.parametrize("turns", [-0.3, 0.0, 0.1, 0.5])
def test_hue_of_floats_is_as_torchvision_turns_it(turns: float) -> None:
    floats = smooth(2).float() / 255
    turned = apply_steps(floats, record([("hue", turns)]))
    torch.testing.assert_close(turned, TF.adjust_hue(floats, turns), atol=1e-4, rtol=0)
    tiny = apply_steps(floats * 0.01, record([("hue", turns)]))
    torch.testing.assert_close(tiny, turned * 0.01, atol=1e-5, rtol=0)


@pytest.mark.parametrize("bands", [1, 3, 5])
@pytest.mark.parametrize("floating", [False, True])
def test_views_of_any_image(bands: int, floating: bool) -> None:
    picture, mask = image(bands, floating=floating), torch.zeros(19, 23, dtype=torch.uint8)
    labeled = LabeledViews(16)(picture, mask, generator_at(0))
    views = UnlabeledViews(16, strong_recipe="one_of", strong_count=5)
    weak, strong, valid, _ = views(picture, generator_at(0))
    for made in (labeled[0], weak, strong):
        assert (made.shape, made.dtype) == ((bands, 16, 16), picture.dtype)
        assert bool(made.float().isfinite().all())
    assert valid.dtype == torch.bool
    assert not torch.equal(weak, strong)


def test_what_is_drawn_does_not_depend_on_the_image() -> None:
    drawn = [
        UnlabeledViews(16, weak_strength=0, strong_operations=())(
            image(bands, floating=floating), generator_at(3)
        )[2:]
        for bands in (1, 3, 5)
        for floating in (False, True)
    ]
    for valid, keep in drawn[1:]:
        assert torch.equal(valid, drawn[0][0])
        assert torch.equal(keep, drawn[0][1])
    generators = [generator_at(4) for _ in range(2)]
    for generator in generators:
        apply_steps(image(1 if generator is generators[0] else 3, floating=False), draw_weak(generator))
        draw_strong(generator)
    assert torch.equal(*(torch.rand(3, generator=generator) for generator in generators))


@pytest.mark.parametrize("floating", [False, True])
@pytest.mark.parametrize("bands", [1, 3, 4])
def test_padding_is_gray_or_the_mean_of_each_band(bands: int, floating: bool) -> None:
    picture = image(bands, floating=floating)
    geometry = Geometry(source=(19, 23), window=(0, 0, 19, 23), content=(19, 23), crop=30, flip=False)
    padded = geometry.apply(picture)
    assert torch.equal(padded[:, :19, :23], picture)
    outside = torch.cat([padded[:, 19:].flatten(1), padded[:, :, 23:].flatten(1)], 1).unique(dim=1)
    if bands == 3 and not floating:
        assert outside.tolist() == [[128]] * 3
    else:
        expected = picture.float().mean((1, 2))
        torch.testing.assert_close(outside[:, 0].float(), expected if floating else expected.round())
        assert outside.shape[1] == 1


def test_floats_are_resized_without_rounding() -> None:
    picture = image(2, floating=True)
    geometry = Geometry(source=(19, 23), window=(0, 0, 19, 23), content=(8, 8), crop=8, flip=True)
    cut = geometry.cut(picture)
    levels = geometry.cut((picture * 255).round().to(torch.uint8)).float()
    assert (cut * 255 - levels).abs().max() <= 1.5
    assert len(np.unique(cut.numpy())) > 100


@pytest.mark.parametrize(
    "wrong", [torch.zeros(3, 4, 4, dtype=torch.int64), torch.zeros(4, 4), torch.zeros(0, 4, 4)]
)
def test_other_tensors_are_refused(wrong: Tensor) -> None:
    with pytest.raises(ImageError, match="uint8 or float32"):
        apply_steps(wrong, record([]))
