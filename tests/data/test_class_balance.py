from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualseg.data.class_balance import median_frequency_weights, pixels_per_class, refuse_unlabeled
from mutualseg.data.mask_codes import INDICES
from mutualseg.data.samples import Sample
from mutualseg.errors import DataError
from tests.data.made import write_image, write_mask


def sample(root: Path, name: str, *values: int) -> Sample:
    """Write an image and a mask of 6 x 8 pixels that repeats the values."""
    image, mask = write_image(root / f"{name}.png"), write_mask(root / f"{name}_mask.png", values)
    return Sample(name=name, image=image, mask=mask, part="train")


def test_pixels_are_counted_per_image_and_class(tmp_path: Path) -> None:
    samples = [sample(tmp_path, "a", 0, 0, 1, 255), sample(tmp_path, "b", 255), sample(tmp_path, "c", 2)]
    assert pixels_per_class(samples, INDICES, 4).tolist() == [[24, 12, 0, 0], [0, 0, 0, 0], [0, 0, 48, 0]]
    assert pixels_per_class([], INDICES, 4).shape == (0, 4)


def test_hand_value() -> None:
    # Class 0: 90 of the 200 pixels of both images; 1: 30 of 100; 2: 80 of 200. Median 0.4.
    weights = median_frequency_weights(np.array([[60, 30, 10, 0], [30, 0, 70, 0]]))
    assert weights == [float(f"{0.4 / 0.45:.4g}"), float(f"{0.4 / 0.3:.4g}"), 1.0, 1.0]


def test_two_classes_of_which_one_is_rare() -> None:
    common, rare = median_frequency_weights(np.array([[99, 1], [99, 1]]))
    assert rare / common == pytest.approx(99, rel=1e-3)


def test_a_class_that_is_only_in_few_images_is_not_rare_there() -> None:
    """Median frequency balancing looks at the images that show a class."""
    assert median_frequency_weights(np.array([[100, 0], [100, 0], [50, 50]]))[1] < 2


def test_without_any_pixel_all_weigh_one() -> None:
    assert median_frequency_weights(np.zeros((3, 4), np.int64)) == [1.0] * 4
    assert median_frequency_weights(np.zeros((0, 2), np.int64)) == [1.0] * 2


COUNTS = st.lists(st.lists(st.integers(0, 10**7), min_size=3, max_size=3), min_size=1, max_size=5)


@given(COUNTS)
def test_weights_are_finite_and_fall_with_frequency(counts: list[list[int]]) -> None:
    pixels = np.array(counts, np.int64)
    weights = median_frequency_weights(pixels)
    assert all(0 < weight < np.inf for weight in weights)
    for c in range(3):
        if not pixels[:, c].any():
            assert weights[c] == 1
    shown = [pixels[pixels[:, c] > 0].sum() for c in range(3)]
    present = [c for c in range(3) if pixels[:, c].any()]
    frequency = {c: pixels[:, c].sum() / shown[c] for c in present}
    for one in present:
        for two in present:
            if frequency[one] > frequency[two]:
                assert weights[one] <= weights[two]


def test_masks_without_a_label_are_refused(tmp_path: Path) -> None:
    empty, known = sample(tmp_path, "a", 255), sample(tmp_path, "b", 255, 255, 1)
    refuse_unlabeled([empty, known], INDICES, "val")
    with pytest.raises(DataError, match=r"masks of the val images is 255 \(ignore\).*label some pixels"):
        refuse_unlabeled([empty], INDICES, "val")
