from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from mutualseg.data.masks import IGNORE, binary_problem, check_mask, read_mask, values_of
from mutualseg.errors import ImageError, MaskError
from mutualseg.types import IGNORE_INDEX
from tests.data.made import pixels

INDICES = np.array([[0, 1, 2], [255, 3, 0]], np.uint8)


def test_ignore_is_the_one_of_the_tensors() -> None:
    assert IGNORE == IGNORE_INDEX


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    mask=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)),
    mode=st.sampled_from(["L", "P", "I;16", "I"]),
)
def test_round_trip(tmp_path: Path, mask: npt.NDArray[np.uint8], mode: str) -> None:
    if mode == "P":
        image = Image.fromarray(mask)
        image.putpalette(pixels("palette", 16, 16).tobytes())
    else:
        image = Image.fromarray(mask.astype({"L": np.uint8, "I;16": np.uint16, "I": np.int32}[mode]))
    assert image.mode == mode
    path = tmp_path / ("m.tif" if mode == "I" else "m.png")
    image.save(path)
    found = read_mask(path)
    assert found.dtype == np.uint8
    assert np.array_equal(found, mask)


def test_one_bit_holds_two_classes(tmp_path: Path) -> None:
    Image.fromarray(INDICES == 0).save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png"), (INDICES == 0).astype(np.uint8))


def test_small_palette_is_packed_in_fewer_bits(tmp_path: Path) -> None:
    image = Image.fromarray(INDICES % 4)
    image.putpalette(pixels("palette", 2, 2).tobytes())
    image.save(tmp_path / "m.png", bits=2)
    assert np.array_equal(read_mask(tmp_path / "m.png"), INDICES % 4)


@pytest.mark.parametrize(
    ("array", "name", "message"),
    [
        (pixels("mask"), "m.png", r"is a color image \(RGB, 48 colors\).*map each color to its class index"),
        (np.dstack([INDICES] * 3), "m.png", "gray mask saved as RGB; save its first channel"),
        (np.dstack([INDICES] * 4), "m.png", "gray mask saved as RGBA with an alpha channel"),
        (np.dstack([INDICES] * 2), "m.png", "gray mask saved as LA with an alpha channel"),
        (INDICES.astype(np.float32), "m.tif", "floating-point image; save class indices"),
        (INDICES.astype(np.uint16) * 100, "m.png", "holds values from 0 to 25500, .*map its ids"),
        (INDICES.astype(np.int32) - 1, "m.tif", "holds values from -1 to 254, .*map its ids"),
        (INDICES, "m.jpg", "is a JPEG, which alters class indices; save masks as PNG"),
    ],
)
def test_what_is_no_class_index(
    tmp_path: Path, array: npt.NDArray[np.generic], name: str, message: str
) -> None:
    Image.fromarray(array).save(tmp_path / name)
    with pytest.raises(MaskError, match=message) as caught:
        read_mask(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_broken_mask_is_an_image_error(tmp_path: Path) -> None:
    (tmp_path / "m.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"m\.png is an empty file"):
        read_mask(tmp_path / "m.png")


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


def test_binary_masks_are_those_with_exactly_0_and_255() -> None:
    assert "one class and ignore" in str(binary_problem([0, 255]))
    for values in ([0], [255], [0, 1], [0, 1, 255], []):
        assert binary_problem(values) is None


def test_values_of() -> None:
    assert values_of(INDICES) == {0, 1, 2, 3, 255}
