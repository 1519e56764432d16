"""Pictures of images of any bands and depth."""

from __future__ import annotations

import numpy as np
import pytest

from mutualseg.reporting.display import as_rgb, display_range


def test_rgb_of_8_bits_is_plain_rgb() -> None:
    image = np.random.default_rng(0).integers(0, 256, (7, 8, 3), dtype=np.uint8)
    assert as_rgb(image) is image


@pytest.mark.parametrize(("bands", "is_gray"), [(1, True), (2, True), (3, False), (5, False)])
@pytest.mark.parametrize("scale", [1e-4, 1, 3e4])
def test_others_are_stretched_band_by_band(bands: int, is_gray: bool, scale: float) -> None:
    image = np.random.default_rng(0).random((40, 50, bands)).astype(np.float32)
    image *= (scale * np.arange(1, bands + 1)).astype(np.float32)
    picture = as_rgb(image)
    assert picture.shape == (40, 50, 3)
    assert picture.dtype == np.uint8
    for shown in range(3):
        band = image[..., 0 if is_gray else shown].astype(np.float64)
        low, high = np.percentile(band, (1, 99))
        expected = ((band - low) / (high - low)).clip(0, 1) * 255
        assert abs(picture[..., shown] - expected).max() <= 1


def test_bands_of_8_bits_and_constants() -> None:
    image = np.full((4, 5, 5), 7, np.uint8)
    image[0, 0, 1] = 9
    picture = as_rgb(image)
    assert picture.shape == (4, 5, 3)
    assert picture[..., 0].max() == 0


def test_two_images_in_one_range_can_be_compared() -> None:
    image = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10, 1)
    shown = display_range(image)
    assert as_rgb(image * 0.5, shown).mean() < as_rgb(image, shown).mean() - 50
    assert np.array_equal(as_rgb(image * 0.5), as_rgb(image))
