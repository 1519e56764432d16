"""Every reader of image and mask files that a user's file meets, and what each may answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mutualseg.data.any_image import any_reader
from mutualseg.data.file_heads import file_head
from mutualseg.data.folder_survey import look
from mutualseg.data.image_codes import RGB, ImageCode
from mutualseg.data.image_kinds import ImageKind, image_kind
from mutualseg.data.images import image_size, orientation, read_image
from mutualseg.data.mask_codes import BINARY, INDICES, MaskCode
from mutualseg.data.mask_survey import survey_masks
from mutualseg.data.samples import Sample
from mutualseg.errors import MutualSegError

COLORS = MaskCode.of_colors({(0, 0, 0): 0, (255, 255, 255): 1}, others="ignore")
CODES = (RGB, ImageCode(1), ImageCode(4), ImageCode(3, "16-bit", high=65535.0), ImageCode(2, "float"))


def read_everywhere(path: Path) -> tuple[int, int]:
    """Let every reader read a file; a reader that refuses does so with a typed error.

    Returns:
        How many returned what they should, and how many pixels the image has, 0 if none was read.

    Raises:
        Exception: A reader did neither.
    """
    good = 0
    found: dict[str, object] = {}

    def kind_reader(path: Path) -> object:
        kind = image_kind(path)
        return ImageCode(kind.colors, kind.depth).read(path)

    readers = {
        "read_image": read_image,
        "image_size": image_size,
        "orientation": orientation,
        "image_kind": image_kind,
        "as its kind": kind_reader,
        "any_reader": any_reader(),
        "survey": lambda path: survey_masks([path]),
        **{f"image code {place}": code.read for place, code in enumerate(CODES)},
        **{f"mask code {place}": code.read for place, code in enumerate((INDICES, BINARY, COLORS))},
    }
    for name, read in readers.items():
        try:
            found[name] = read(path)
            good += 1
        except MutualSegError as error:
            _check_message(str(error), path, name)
    _check_found(found)
    file_head(path)
    seen = look(Sample(path, path, "case", "train"), any_reader(), INDICES.read)  # as `check` does
    for _, text in seen.problems:
        _check_message(f"{path} {text}", path, "check")
    arrays = [value for value in found.values() if isinstance(value, np.ndarray)]
    return good, max((array.shape[0] * array.shape[1] for array in arrays), default=0)


def _check_message(message: str, path: Path, reader: str) -> None:
    if str(path) not in message or len(message.splitlines()) != 1 or len(message) > 1000:
        raise AssertionError(f"{reader} says: {message!r}")


def _check_found(found: dict[str, object]) -> None:
    """Compare what the readers of one file found with each other."""
    size = found.get("image_size")
    kind = found.get("image_kind")
    for name, value in found.items():
        if name in {"read_image", "as its kind"} or "code" in name:
            assert isinstance(value, np.ndarray), name
            mask = name.startswith("mask")
            assert value.ndim == (2 if mask else 3), f"{name}: {value.shape}"
            assert value.size, f"{name}: {value.shape}"
            assert value.dtype in (np.uint8, np.float32), f"{name}: {value.dtype}"
            if not mask:
                # Pillow may read a TIFF of which tifffile refuses the head.
                assert size in (None, value.shape[:2]), f"{name}: {value.shape}, but image_size {size}"
                assert np.isfinite(value).all(), f"{name}: not finite"
    if isinstance(kind, ImageKind):
        assert size in (None, kind.size), f"image_kind {kind.size}, but image_size {size}"
    turn = found.get("orientation", 1)
    assert isinstance(turn, int), turn
    assert 1 <= turn <= 8, turn
