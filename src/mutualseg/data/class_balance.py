"""How rare each class is in labeled masks, and weights that make up for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from mutualseg.data.mask_codes import IGNORE, MaskCode
from mutualseg.data.samples import Sample
from mutualseg.errors import DataError


def refuse_unlabeled(samples: Iterable[Sample], code: MaskCode, what: str) -> None:
    """Raise a DataError if no mask has a pixel of a class; masks are read up to the first that has.

    Args:
        samples: with masks.
        code: of their masks.
        what: they are, for the message.
    """
    if not any(sample.mask is not None and (code.read(sample.mask) != IGNORE).any() for sample in samples):
        raise DataError(
            f"Every pixel in the masks of the {what} images is {IGNORE} (ignore), so they say nothing; label "
            "some pixels with their class, or choose other images (mutualseg check names such masks)."
        )


def pixels_per_class(samples: Sequence[Sample], code: MaskCode, num_classes: int) -> npt.NDArray[np.int64]:
    """Count the pixels of each class in each sample's mask.

    Args:
        samples: N, with masks that have been checked.
        code: of their masks.
        num_classes: K.

    Returns:
        [N,K] int64; pixels of unknown class are in none.
    """

    def count(sample: Sample) -> npt.NDArray[np.int64]:
        assert sample.mask is not None
        return np.bincount(code.read(sample.mask).ravel(), minlength=256)[:num_classes]

    with ThreadPoolExecutor() as pool:
        counts = list(pool.map(count, samples))
    return np.array(counts, np.int64).reshape(len(counts), num_classes)


def median_frequency_weights(pixels: npt.NDArray[np.int64]) -> list[float]:
    """Return a weight per class that is the larger the rarer the class is where it occurs.

    Median frequency balancing (Eigen and Fergus, ICCV 2015, arXiv 1411.4734, section 6.3.2): the median of
    all frequencies over the class's own, which is its pixels over all labeled pixels of the images that
    show it.

    Args:
        pixels: [N,K] int64, pixels of each class in each image.

    Returns:
        K numbers of four digits; 1 for a class without a pixel, which is left out of the median too.
    """
    own = pixels.sum(axis=0)
    shown_in = np.where(pixels > 0, pixels.sum(axis=1, keepdims=True), 0).sum(axis=0)
    present = own > 0
    if not present.any():
        return [1.0] * len(own)
    frequency = own / np.maximum(shown_in, 1)
    middle = np.median(frequency[present])
    return [
        float(f"{middle / each:.4g}") if there else 1.0
        for each, there in zip(frequency, present, strict=True)
    ]
