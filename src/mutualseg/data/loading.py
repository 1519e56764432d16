"""A sample's files to tensors, by way of a store of decoded images where there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from mutualseg.data.decoded_images import DecodedImages
from mutualseg.data.encoding import Encoding
from mutualseg.data.masks import check_mask
from mutualseg.data.samples import Sample
from mutualseg.errors import DataError

Pixels = npt.NDArray[Any]


@dataclass(frozen=True)
class Shelf:
    """A run of numbers in a store of decoded images; without a store everything is decoded every time."""

    store: DecodedImages | None = None
    first: int = 0

    def read(self, place: int, decode: Callable[[], Pixels]) -> Tensor:
        """Return what stands at a place as a tensor like the array, decoded if it has to be."""
        return torch.from_numpy(
            decode() if self.store is None else self.store.read(self.first + place, decode)
        )


_BARE = Shelf()


def load_image(sample: Sample, encoding: Encoding, shelf: Shelf = _BARE, place: int = 0) -> Tensor:
    """Return a sample's image, uint8 or float32 [C,H,W], a view of [H,W,C], at `place` of the shelf."""
    return shelf.read(place, lambda: encoding.images.read(sample.image)).permute(2, 0, 1)


def load_mask(
    sample: Sample,
    encoding: Encoding,
    image_size: tuple[int, int],
    num_classes: int,
    shelf: Shelf = _BARE,
    place: int = 0,
) -> Tensor:
    """Return a sample's mask as uint8 [H,W], checked against its image and the class list.

    It stands at `place` of the shelf; what was put there is checked already.
    """
    path = sample.mask
    if path is None:
        raise DataError(f"'{sample.name}' has no mask; only labeled samples have one to load.")

    def decode() -> Pixels:
        mask = encoding.masks.read(path)
        check_mask(mask, image_size, num_classes, path)
        return mask

    return shelf.read(place, decode)
