"""Masks against their images and the class list: what does not fit is an error that says how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mutualseg.data.mask_codes import IGNORE
from mutualseg.errors import MaskError


def check_mask(
    mask: npt.NDArray[np.uint8], image_size: tuple[int, int], num_classes: int, path: Path
) -> None:
    """Raise a MaskError if a mask does not fit its image or the class list.

    Args:
        mask: Class indices, uint8 [H,W].
        image_size: (height, width) of the upright image, as `images.image_size` returns it.
        num_classes: Number of classes.
        path: The mask's file, for the message.
    """
    problem = size_problem(mask.shape, image_size)
    if problem:
        raise MaskError(f"{path} {problem}.")
    strangers = foreign_values(values_of(mask), num_classes)
    if strangers:
        raise MaskError(
            f"{path} holds class {_listed(strangers)}, but the class list has {num_classes} classes "
            f"(0 to {num_classes - 1}); add the class to classes.txt, or set such pixels to 255 (ignore)."
        )


def size_problem(mask_size: tuple[int, ...], image_size: tuple[int, int]) -> str | None:
    """Say what is wrong with a mask's (height, width), and the cure; None if it fits."""
    if mask_size == image_size:
        return None
    found = f"is {mask_size[1]}x{mask_size[0]} pixels but its image is {image_size[1]}x{image_size[0]}"
    if mask_size == image_size[::-1]:
        return f"{found} when upright (an EXIF orientation counts); turn the mask by a quarter"
    return f"{found}; make both the same size (resize masks with nearest neighbor)"


def foreign_values(values: Iterable[int], num_classes: int) -> list[int]:
    """Return the values, sorted, that are neither a class nor ignore."""
    return sorted(value for value in values if num_classes <= value != IGNORE)


def values_of(mask: npt.NDArray[np.uint8]) -> set[int]:
    """Return the distinct values of a mask."""
    return set(np.flatnonzero(np.bincount(mask.ravel(), minlength=256)).tolist())


def _listed(values: list[int], most: int = 5) -> str:
    shown = ", ".join(str(value) for value in values[:most])
    return shown if len(values) <= most else f"{shown} and {len(values) - most} more values"
