"""Mask files to class indices: what a mask cannot mean is an error that says how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mutualseg.data.images import open_image
from mutualseg.errors import MaskError

# The same number as types.IGNORE_INDEX, which costs the import of torch.
IGNORE = 255


def read_mask(path: Path) -> npt.NDArray[np.uint8]:
    """Read a mask as class indices.

    Grayscale of 1, 8 or 16 bits holds the indices as values, a palette image as palette positions.

    Args:
        path: The mask file.

    Returns:
        Class indices, uint8 [H,W]; 255 where the class is unknown.

    Raises:
        ImageError: The file is missing or broken.
        MaskError: The file is an image, but not one of class indices.
    """
    with open_image(path) as image:
        file_format, mode = image.format, image.mode
        image.load()
        pixels = np.array(image)
    if file_format in {"JPEG", "MPO"}:
        raise MaskError(f"{path} is a JPEG, which alters class indices; save masks as PNG from their source.")
    if pixels.ndim != 2:
        raise MaskError(f"{path} {_describe_color(mode, pixels)}.")
    if pixels.dtype == np.uint8:
        return pixels
    if mode == "F":
        raise MaskError(f"{path} is a floating-point image; save class indices as an 8-bit grayscale PNG.")
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0 or high > IGNORE:
        raise MaskError(
            f"{path} holds values from {low} to {high}, but class indices end at 254 and 255 means ignore; "
            "map its ids to 0, 1, 2, ... and save it as 8-bit."
        )
    return pixels.astype(np.uint8)


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


def binary_problem(values: Iterable[int]) -> str | None:
    """Say what is wrong if all masks together hold exactly the values 0 and 255; None otherwise."""
    if set(values) != {0, IGNORE}:
        return None
    return (
        "the masks hold only 0 and 255, which reads as one class and ignore; "
        "write the second class as 1 (and keep 255 for unknown pixels)"
    )


def _describe_color(mode: str, pixels: npt.NDArray[np.uint8]) -> str:
    colors = pixels[..., :3] if mode in {"RGB", "RGBA"} else pixels[..., :1]
    alpha = " with an alpha channel" if mode in {"RGBA", "LA", "PA"} else ""
    if (colors == colors[..., :1]).all():
        return f"is a gray mask saved as {mode}{alpha}; save its first channel as an 8-bit grayscale PNG"
    count = len(np.unique(colors.reshape(-1, 3), axis=0))
    return (
        f"is a color image ({mode}{alpha}, {count} colors), not class indices; "
        "map each color to its class index and save an 8-bit grayscale or palette PNG"
    )


def _listed(values: list[int], most: int = 5) -> str:
    shown = ", ".join(str(value) for value in values[:most])
    return shown if len(values) <= most else f"{shown} and {len(values) - most} more values"
