"""What a look at an image's pixels leaves behind: a digest of them, and a fingerprint that look-alikes share.

A fingerprint says, for each of 16 x 16 places of the image, whether it gets brighter to the right there. It
survives encoding, scaling and small changes of color; a digest survives only lossless encoding.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[Any]

SIDE = 16
WORDS = SIDE * SIDE // 64
"""Words of 64 bits in a fingerprint."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # as Pillow turns RGB gray
_LEAST_CONTRAST = 2.0
"""Gray levels (of 255) that the places of an image must deviate by: below it there is only noise."""
_LEAST_STEP = 1.0
_STEP = 0.05
"""How much brighter counts, in deviations of the image; it is a gray level at least. Flat places then all
give the same bit, which noise would decide otherwise."""
_LEAST_BITS = 12
"""With fewer places that get brighter, too little is known of an image to call another one alike."""


def fingerprint(pixels: Pixels) -> npt.NDArray[np.uint64]:
    """Return an image's fingerprint.

    Args:
        pixels: Of any numeric type, [H,W] or [H,W,C]; three channels or more are red, green and blue first.

    Returns:
        256 bits, uint64 [4]; all zero if there is too little to see, as in an image of one color.
    """
    places = _gray_grid(pixels)
    deviation = float(places.std())
    if deviation < _LEAST_CONTRAST:
        return np.zeros(WORDS, np.uint64)
    bits = np.diff(places, axis=1) > max(_LEAST_STEP, _STEP * deviation)
    if np.count_nonzero(bits) < _LEAST_BITS:
        return np.zeros(WORDS, np.uint64)
    return np.packbits(bits.ravel(), bitorder="little").view("<u8").astype(np.uint64)


def digest(pixels: Pixels) -> npt.NDArray[np.uint64]:
    """Return a digest of pixels, their shape and type, uint64 [2]; equal pixels have equal ones."""
    kind = f"{pixels.dtype.str}{pixels.shape}".encode()
    found = hashlib.sha1(kind, usedforsecurity=False)
    found.update(np.ascontiguousarray(pixels).data)
    return np.frombuffer(found.digest()[:16], np.uint64).copy()


def _gray_grid(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Return the mean brightness, 0 to 255, of 16 rows and 17 columns of an image."""
    grid = (SIDE + 1, SIDE)
    if pixels.dtype == np.uint8 and (pixels.ndim == 2 or pixels.shape[2] == 3):
        gray = Image.fromarray(pixels).convert("L")
        return np.asarray(gray.resize(grid, Image.Resampling.BOX), np.float32)
    with np.errstate(over="ignore"):  # what becomes infinite is left out below
        values = pixels.astype(np.float32)
    if values.ndim == 3:
        values = values[..., :3] @ _LUMA if values.shape[2] >= 3 else values[..., 0]
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    places = np.asarray(Image.fromarray(values).resize(grid, Image.Resampling.BOX), np.float32)
    largest = float(np.abs(places).max())
    return places * np.float32(255 / largest if largest else 0)
