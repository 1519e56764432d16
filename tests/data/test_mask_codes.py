from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from mutualseg.data.mask_codes import BINARY, IGNORE, INDICES, MaskCode
from mutualseg.data.mask_pixels import read_mask_pixels
from mutualseg.errors import ImageError, MaskError
from tests.data.made import pixels, write_png

MASK = np.array([[0, 1, 2], [255, 3, 0]], np.uint8)
Mask = npt.NDArray[np.uint8]

on_files = settings(
    max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
masks = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))
colors = st.tuples(*[st.integers(0, 255)] * 3)


@on_files
@given(mask=masks, mode=st.sampled_from(["L", "P", "I;16", "I", "RGB", "RGBA", "LA"]))
def test_indices_are_read_from_every_kind_of_gray_file(tmp_path: Path, mask: Mask, mode: str) -> None:
    if mode == "P":
        image = Image.fromarray(mask)
        image.putpalette(pixels("palette", 16, 16).tobytes())
    elif mode in ("RGB", "RGBA", "LA"):
        image = Image.fromarray(np.dstack([mask] * len(mode)))
    else:
        image = Image.fromarray(mask.astype({"L": np.uint8, "I;16": np.uint16, "I": np.int32}[mode]))
    assert image.mode == mode
    path = tmp_path / ("m.tif" if mode == "I" else "m.png")
    image.save(path)
    found = INDICES.read(path)
    assert found.dtype == np.uint8
    assert np.array_equal(found, mask)


@on_files
@given(data=st.data(), table=st.dictionaries(colors, st.integers(0, 255), min_size=1, max_size=30))
def test_colors_there_and_back(
    tmp_path: Path, data: st.DataObject, table: dict[tuple[int, int, int], int]
) -> None:
    code = MaskCode.of_colors(table)
    mask = data.draw(hnp.arrays(np.uint8, (3, 4), elements=st.sampled_from(sorted(set(table.values())))))
    image = code.encode(mask)
    image.save(tmp_path / "m.png")
    assert np.array_equal(code.read(tmp_path / "m.png"), mask)
    slow = [[table[image.getpixel((x, y))] for x in range(4)] for y in range(3)]  # type: ignore[index]
    assert slow == mask.tolist()


@on_files
@given(
    data=st.data(), table=st.dictionaries(st.integers(0, 65535), st.integers(0, 255), min_size=1, max_size=30)
)
def test_values_there_and_back(tmp_path: Path, data: st.DataObject, table: dict[int, int]) -> None:
    code = MaskCode.of_values(table)
    mask = data.draw(hnp.arrays(np.uint8, (3, 4), elements=st.sampled_from(sorted(set(table.values())))))
    code.encode(mask).save(tmp_path / "m.png")
    assert np.array_equal(code.read(tmp_path / "m.png"), mask)


CODES: dict[str, tuple[MaskCode, list[Any]]] = {
    "indices": (INDICES, [0, 1, 7, 255]),
    "binary": (BINARY, [0, 255]),
    "values": (MaskCode.of_values({7: 0, 300: 1, 65535: 2, 255: 255}), [7, 255, 300, 65535]),
    "colors": (
        MaskCode.of_colors({(128, 64, 0): 0, (0, 0, 1): 1, (255, 255, 255): 255}),
        [(128, 64, 0), (0, 0, 1), (255, 255, 255)],
    ),
}


@on_files
@given(data=st.data(), name=st.sampled_from(sorted(CODES)))
def test_a_file_is_the_same_once_it_was_indices(tmp_path: Path, data: st.DataObject, name: str) -> None:
    """From the pixels of a mask to indices and back, where each class has one value or color."""
    code, known = CODES[name]
    places = data.draw(hnp.arrays(np.int64, (3, 4), elements=st.integers(0, len(known) - 1)))
    pixels = np.array(known, np.uint16 if name == "values" else np.uint8)[places]
    Image.fromarray(pixels).save(tmp_path / "m.png")
    again = code.encode(code.read(tmp_path / "m.png"))
    assert np.array_equal(np.array(again), pixels)


@on_files
@given(mask=masks)
def test_a_palette_image_is_the_same_colors_once_it_was_indices(tmp_path: Path, mask: Mask) -> None:
    palette = np.random.default_rng(1).permutation(256 * 3)[:768].reshape(-1, 3) % 256
    palette[:, 0] = np.arange(256)  # no color twice
    image = Image.fromarray(mask)
    image.putpalette(palette.astype(np.uint8).tobytes())
    image.save(tmp_path / "m.png")
    code = MaskCode.of_colors({(r, g, b): index for index, (r, g, b) in enumerate(palette.tolist())})
    again = code.encode(code.read(tmp_path / "m.png"))
    assert np.array_equal(np.array(again), np.array(image.convert("RGB")))


@pytest.mark.parametrize(
    "code",
    [
        INDICES,
        BINARY,
        MaskCode.of_values({7: 0, 300: 1, 255: 255}, "ignore"),
        MaskCode.of_colors({(128, 64, 0): 0, (0, 0, 1): 1, (255, 255, 255): 255}),
    ],
)
def test_a_code_survives_a_yaml_file(code: MaskCode) -> None:
    assert MaskCode.from_plain(yaml.safe_load(yaml.safe_dump(code.to_plain()))) == code


def test_the_map_is_total_what_it_lacks_is_refused_or_ignored(tmp_path: Path) -> None:
    Image.fromarray(MASK).save(tmp_path / "m.png")
    with pytest.raises(MaskError, match=r"m\.png holds the value 1, 2, 3, which no class has; add it"):
        MaskCode.of_values({0: 0, 255: 255}).read(tmp_path / "m.png")
    kept = MaskCode.of_values({0: 1}, "ignore").read(tmp_path / "m.png")
    assert kept.tolist() == [[1, 255, 255], [255, 255, 1]]
    Image.fromarray(pixels("mask")).save(tmp_path / "c.png")
    with pytest.raises(MaskError, match=r"c\.png holds the color #\w{6}, .* and 43 more, which no class has"):
        MaskCode.of_colors({(1, 2, 3): 0}).read(tmp_path / "c.png")
    assert set(MaskCode.of_colors({(1, 2, 3): 0}, "ignore").read(tmp_path / "c.png").flat) == {IGNORE}


def test_black_and_white() -> None:
    image = BINARY.encode(np.array([[0, 1]], np.uint8))
    assert np.array(image).tolist() == [[0, 255]]


def test_the_colors_of_a_palette_count_for_a_color_code(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8))
    image.putpalette([0, 0, 0, 9, 8, 7, 1, 2, 3])
    image.save(tmp_path / "m.png")
    code = MaskCode.of_colors({(0, 0, 0): 2, (1, 2, 3): 1, (9, 8, 7): 0})
    assert code.read(tmp_path / "m.png").tolist() == [[2, 0], [1, 0]]


def test_gray_values_that_are_no_color_are_strangers_to_a_color_code(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 300]], np.uint16)).save(tmp_path / "m.png")
    with pytest.raises(MaskError, match="holds the color a gray value above 255"):
        MaskCode.of_colors({(0, 0, 0): 0}).read(tmp_path / "m.png")


def test_one_bit_holds_two_classes(tmp_path: Path) -> None:
    Image.fromarray(MASK == 0).save(tmp_path / "m.png")
    assert np.array_equal(INDICES.read(tmp_path / "m.png"), (MASK == 0).astype(np.uint8))


def test_small_palette_is_packed_in_fewer_bits(tmp_path: Path) -> None:
    image = Image.fromarray(MASK % 4)
    image.putpalette(pixels("palette", 2, 2).tobytes())
    image.save(tmp_path / "m.png", bits=2)
    assert np.array_equal(INDICES.read(tmp_path / "m.png"), MASK % 4)


@pytest.mark.parametrize(
    ("array", "name", "message"),
    [
        (pixels("mask"), "m.png", r"is a color image \(48 colors\), not class indices; save it as the other"),
        (MASK.astype(np.float32), "m.tif", "floating-point image; save class indices"),
        (MASK.astype(np.uint16) * 100, "m.png", "holds values up to 25500, .*under `values` in dataset.yaml"),
        (MASK.astype(np.int32) - 1, "m.tif", "holds values from -1 to 254, .*map its ids"),
        (MASK * 0, "m.jpg", "is a JPEG, which alters class indices; save masks as PNG"),
    ],
)
def test_what_is_no_class_index(
    tmp_path: Path, array: npt.NDArray[np.generic], name: str, message: str
) -> None:
    Image.fromarray(array).save(tmp_path / name)
    with pytest.raises(MaskError, match=message) as caught:
        INDICES.read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_broken_mask_is_an_image_error(tmp_path: Path) -> None:
    (tmp_path / "m.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"m\.png is an empty file"):
        read_mask_pixels(tmp_path / "m.png")


def test_encoding_a_class_without_a_value() -> None:
    with pytest.raises(MaskError, match="Class 1 has no value"):
        MaskCode.of_values({5: 0}).encode(np.array([[1]], np.uint8))


@pytest.mark.parametrize("bands", [2, 3, 4])
def test_color_of_16_bits_is_refused(tmp_path: Path, bands: int) -> None:
    write_png(tmp_path / "m.png", np.dstack([MASK.astype(np.uint16)] * bands))
    with pytest.raises(MaskError, match="is a color image of 16 bits a channel; save it as an 8-bit PNG"):
        INDICES.read(tmp_path / "m.png")


def test_a_mask_of_two_pages_is_refused(tmp_path: Path) -> None:
    image = Image.fromarray(MASK)
    image.save(tmp_path / "m.tif", save_all=True, append_images=[image])
    with pytest.raises(ImageError, match="2 frames or pages"):
        INDICES.read(tmp_path / "m.tif")
