from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mutualseg.data.mask_codes import IGNORE
from mutualseg.data.masks import check_mask, values_of
from mutualseg.errors import MaskError
from mutualseg.types import IGNORE_INDEX

INDICES = np.array([[0, 1, 2], [255, 3, 0]], np.uint8)


def test_ignore_is_the_one_of_the_tensors() -> None:
    assert IGNORE == IGNORE_INDEX


def test_a_fitting_mask_passes() -> None:
    check_mask(INDICES, (2, 3), 4, Path("m.png"))


def test_size_mismatch() -> None:
    with pytest.raises(MaskError, match=r"m\.png is 3x2 pixels but its image is 5x4; make both"):
        check_mask(INDICES, (4, 5), 4, Path("m.png"))
    with pytest.raises(MaskError, match=r"when upright \(an EXIF orientation counts\); turn the mask"):
        check_mask(INDICES, (3, 2), 4, Path("m.png"))


def test_values_outside_the_class_list() -> None:
    with pytest.raises(MaskError, match=r"m\.png holds class 2, 3, but the class list has 2 .*classes\.txt"):
        check_mask(INDICES, (2, 3), 2, Path("m.png"))
    many = np.arange(20, dtype=np.uint8)[None]
    with pytest.raises(MaskError, match="holds class 2, 3, 4, 5, 6 and 13 more values"):
        check_mask(many, (1, 20), 2, Path("m.png"))


def test_values_of() -> None:
    assert values_of(INDICES) == {0, 1, 2, 3, 255}
