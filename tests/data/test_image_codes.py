"""Images of any bands and depth: what files hold comes back exactly, and what does not fit is named."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mutualseg.data.image_codes import RGB, ImageCode
from mutualseg.data.image_kinds import Depth, image_kind
from mutualseg.data.images import image_size, orientation, read_image
from mutualseg.data.tiff_files import upright
from mutualseg.errors import ImageError
from tests.data.made import pixels, write_png

Array = npt.NDArray[Any]
FILES = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # each example overwrites the file of the one before


def numbers(bands: int, dtype: Any, height: int = 7, width: int = 9, seed: int = 0) -> Array:
    """Return [H,W,B] of all values that a type has, fractions of floats among them."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return (rng.normal(0, 100, (height, width, bands))).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, (height, width, bands), dtype=dtype, endpoint=True)


def write_tiff(path: Path, array: Array, *, planar: bool = False, **options: Any) -> Path:
    """Write [H,W,B] as one page of B samples."""
    if array.shape[2] == 1:
        tifffile.imwrite(path, array[..., 0], photometric="minisblack", **options)
    elif planar:
        tifffile.imwrite(
            path, np.moveaxis(array, -1, 0), photometric="minisblack", planarconfig="separate", **options
        )
    else:
        tifffile.imwrite(path, array, photometric="minisblack", planarconfig="contig", **options)
    return path


def of(bands: int, depth: Depth, low: float = 0, high: float = 255) -> ImageCode:
    return ImageCode(bands, depth, low, high)


def test_a_plain_code_reads_what_is_read_as_rgb(tmp_path: Path) -> None:
    picture = Image.fromarray(pixels("a", 20, 30))
    files = []
    for mode in ("RGB", "RGBA", "L", "LA", "P", "1"):
        for suffix in ("png", "tif") if mode != "LA" else ("png",):
            files.append(tmp_path / f"{mode}.{suffix}")
            picture.convert(mode).save(files[-1])
    for suffix in ("jpg", "webp"):
        files.append(tmp_path / f"a.{suffix}")
        picture.save(files[-1])
    picture.save(tmp_path / "lzw.tif", compression="tiff_lzw")
    for path in (*files, tmp_path / "lzw.tif"):
        read = RGB.read(path)
        assert read.dtype == np.uint8
        assert read.shape == (20, 30, 3)
        assert np.array_equal(read, read_image(path))
        kind = image_kind(path)
        assert (kind.depth, kind.size) == ("8-bit", (20, 30)) == ("8-bit", image_size(path))
        assert kind.colors == (1 if path.stem in {"L", "LA", "1"} else 3)
        assert RGB.fits(kind)


@FILES
@given(
    st.integers(1, 6),
    st.sampled_from(["u1", "u2", "i2", "u4", "f2", "f4", "f8", "i1", "i4"]),
    st.booleans(),
    st.sampled_from([None, "zlib", "lzw"]),
    st.sampled_from(["<", ">"]),
    st.sampled_from([None, (16, 16)]),
    st.sampled_from([False, True]),
)
def test_any_tiff_comes_back_as_it_was_written(
    tmp_path: Path,
    bands: int,
    dtype: str,
    planar: bool,
    compression: str | None,
    byteorder: str,
    tile: tuple[int, int] | None,
    predictor: bool,
) -> None:
    array = numbers(bands, dtype, 19, 23)
    path = write_tiff(
        tmp_path / "a.tif",
        array,
        planar=planar,
        compression=compression,
        predictor=predictor and compression is not None and dtype != "f2",
        byteorder=byteorder,
        tile=tile,
    )
    kind = image_kind(path)
    expected: Depth = "8-bit" if dtype == "u1" else "16-bit" if dtype == "u2" else "float"
    assert (kind.bands, kind.depth, kind.size) == (bands, expected, (19, 23))
    read = of(bands, kind.depth).read_unscaled(path)
    assert read.dtype == np.dtype(dtype)
    assert np.array_equal(read, array)


@FILES
@given(st.sampled_from([255, 1023, 4095, 16383, 65535]), st.integers(1, 5), st.integers(0, 1000))
def test_16_bits_come_back_exactly(tmp_path: Path, high: int, bands: int, seed: int) -> None:
    array = numbers(bands, np.uint16, seed=seed)
    read = of(bands, "16-bit", 0, high).read(write_tiff(tmp_path / "a.tif", array))
    assert read.dtype == np.float32
    assert np.array_equal((read.astype(np.float64) * high).round(), array)  # beyond `high` too


@FILES
@given(st.floats(-1e3, 1e3), st.floats(1e-2, 1e3), st.integers(0, 1000))
def test_low_and_high_are_0_and_1_and_nothing_is_clipped(
    tmp_path: Path, low: float, span: float, seed: int
) -> None:
    array = numbers(2, np.float32, seed=seed)
    read = of(2, "float", low, low + span).read(write_tiff(tmp_path / "a.tif", array))
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, (array.astype(np.float64) - low) / span, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_a_16_bit_png_keeps_its_low_byte(tmp_path: Path, bands: int) -> None:
    array = numbers(bands, np.uint16)
    path = write_png(tmp_path / "a.png", array)
    kind = image_kind(path)
    assert (kind.bands, kind.has_alpha, kind.depth, kind.size) == (bands, bands in (2, 4), "16-bit", (7, 9))
    assert np.array_equal(of(bands, "16-bit").read_unscaled(path), array)
    assert np.array_equal(of(kind.colors, "16-bit").read_unscaled(path), array[..., : kind.colors])


def test_gray_and_rgb_stand_in_for_each_other(tmp_path: Path) -> None:
    array = numbers(3, np.uint16)
    path = write_png(tmp_path / "rgb.png", array)
    gray = of(1, "16-bit").read_unscaled(path)[..., 0]
    assert abs(gray - array @ [0.299, 0.587, 0.114]).max() <= 0.5
    thrice = of(3, "16-bit").read_unscaled(write_png(tmp_path / "gray.png", array[..., :1]))
    assert np.array_equal(thrice, array[..., :1].repeat(3, 2))
    eight = pixels("b", 20, 30)
    Image.fromarray(eight).save(tmp_path / "8.png")
    luma = of(1, "8-bit").read(tmp_path / "8.png")
    assert luma.shape == (20, 30, 1)
    assert luma.dtype == np.uint8
    assert abs(luma[..., 0] - eight @ [0.299, 0.587, 0.114]).max() <= 1
    Image.fromarray(eight[..., 0]).save(tmp_path / "g.png")
    assert np.array_equal(of(1, "8-bit").read(tmp_path / "g.png")[..., 0], eight[..., 0])


def test_alpha_is_a_band_where_four_are_wanted(tmp_path: Path) -> None:
    rgba = np.dstack([pixels("c", 20, 30), pixels("d", 20, 30)[..., :1]])
    Image.fromarray(rgba).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", rgba, photometric="rgb")
    for path in (tmp_path / "a.png", tmp_path / "a.tif"):
        assert np.array_equal(of(4, "8-bit").read(path), rgba)
        assert np.array_equal(RGB.read(path), rgba[..., :3])
    infrared = write_tiff(tmp_path / "b.tif", rgba)  # nothing says that the fourth is alpha
    assert image_kind(infrared).colors == 4
    with pytest.raises(ImageError, match=r"b\.tif has 4 bands of 8 bits, but 3 bands of 8 bits are read"):
        RGB.read(infrared)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(5, 19, 23), (19, 23, 5)])
def test_arrays_written_without_a_word_are_bands(tmp_path: Path, dtype: Any, shape: Sequence[int]) -> None:
    array = numbers(5, dtype, 19, 23)
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(array, -1, 0) if shape[0] == 5 else array)
    kind = image_kind(tmp_path / "a.tif")
    assert (kind.bands, kind.size) == (5, (19, 23))
    assert np.array_equal(of(5, kind.depth).read_unscaled(tmp_path / "a.tif"), array)


def test_rgb_with_further_bands_is_not_cut_to_rgb(tmp_path: Path) -> None:
    """Pillow opens it as RGB, and says nothing of the rest."""
    array = numbers(5, np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", planarconfig="contig")
    assert image_kind(tmp_path / "a.tif").bands == 5
    assert np.array_equal(of(5, "8-bit").read(tmp_path / "a.tif"), array)
    for read in (RGB.read, read_image):
        with pytest.raises(ImageError, match="5 bands"):
            read(tmp_path / "a.tif")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_smaller_copies_in_a_file_are_left_out(tmp_path: Path, dtype: Any) -> None:
    array = numbers(3, dtype, 32, 48)
    with tifffile.TiffWriter(tmp_path / "pyramid.tif") as writer:
        writer.write(array, photometric="rgb", subifds=0)
        writer.write(array[::2, ::2], photometric="rgb", subfiletype=1)
    kind = image_kind(tmp_path / "pyramid.tif")
    assert (kind.bands, kind.size) == (3, (32, 48))
    assert np.array_equal(of(3, kind.depth).read_unscaled(tmp_path / "pyramid.tif"), array)


def test_pages_of_color_are_several_images(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "film.tif") as writer:
        for seed in range(3):
            writer.write(numbers(3, np.uint16, seed=seed), photometric="rgb")
    with pytest.raises(ImageError, match="holds 3 frames or pages; save each"):
        image_kind(tmp_path / "film.tif")


def test_white_may_be_zero(tmp_path: Path) -> None:
    array = numbers(1, np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", array[..., 0], photometric="miniswhite")
    assert np.array_equal(of(1, "16-bit").read_unscaled(tmp_path / "a.tif"), 65535 - array)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_deep_images_are_turned_upright(tmp_path: Path, turn: int, suffix: str) -> None:
    array = numbers(3 if suffix == "tif" else 1, np.uint16, 5, 8)
    path = tmp_path / f"a.{suffix}"
    if suffix == "tif":
        write_tiff(path, array, extratags=[(274, "H", 1, turn, True)])
    else:
        exif = Image.Exif()
        exif[0x0112] = turn
        Image.fromarray(array[..., 0]).save(path, exif=exif)
    first = array[..., 0]
    upside = {1: first, 2: first[:, ::-1], 3: first[::-1, ::-1], 4: first[::-1]}
    aside = {5: first.T, 6: np.rot90(first, -1), 7: first[::-1, ::-1].T, 8: np.rot90(first)}
    expected = (upside | aside)[turn]
    assert np.array_equal(upright(array, turn)[..., 0], expected)
    assert np.array_equal(of(array.shape[2], "16-bit").read_unscaled(path)[..., 0], expected)
    assert image_kind(path).size == image_size(path) == expected.shape
    assert orientation(path) == turn


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_are_named(tmp_path: Path, strange: float) -> None:
    array = numbers(2, np.float32)
    array[3, 4] = strange
    path = write_tiff(tmp_path / "hole.tif", array)
    with pytest.raises(
        ImageError, match=r"hole\.tif holds 2 values that are NaN, infinite or much too large; replace them"
    ):
        of(2, "float").read(path)


@pytest.mark.parametrize(
    ("bands", "depth", "message"),
    [
        (3, "8-bit", r"has 1 band of 16 bits, but 3 bands of 8 bits are read here; save it as such"),
        (2, "16-bit", r"has 1 band of 16 bits, but 2 bands of 16 bits are read"),
        (
            1,
            "float",
            r"has 1 band of 16 bits, but 1 band of floating-point, signed or 32-bit numbers are read",
        ),
    ],
)
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_what_does_not_fit_is_named(
    tmp_path: Path, bands: int, depth: Depth, message: str, suffix: str
) -> None:
    path = tmp_path / f"odd.{suffix}"
    Image.fromarray(numbers(1, np.uint16)[..., 0]).save(path)
    for look in (of(bands, depth).read, of(bands, depth).look):
        with pytest.raises(ImageError, match=rf"odd\.{suffix} {message}"):
            look(path)


@pytest.mark.parametrize("mode", ["CMYK", "LAB"])
def test_other_colors_are_named(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (5, 4)).save(tmp_path / "odd.tif")
    with pytest.raises(
        ImageError, match=r"odd\.tif is a (CMYK|CIELAB) image, which is not read; save it as RGB"
    ):
        image_kind(tmp_path / "odd.tif")


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_tiffs_cut_short_are_named(tmp_path: Path, share: float, compression: str | None) -> None:
    path = write_tiff(tmp_path / "cut.tif", numbers(5, np.uint16, 64, 64), compression=compression)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ImageError, match=r"cut\.tif .*; "):
        of(5, "16-bit").read(path)


def test_pngs_of_16_bits_cut_short_are_named(tmp_path: Path) -> None:
    path = write_png(tmp_path / "cut.png", numbers(3, np.uint16, 64, 64))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ImageError, match=r"cut\.png is broken or cut short"):
        of(3, "16-bit").read(path)


def test_mutated_tiffs_end_as_an_image_or_a_typed_error(tmp_path: Path) -> None:
    source = write_tiff(tmp_path / "a.tif", numbers(5, np.uint16, 24, 24), compression="zlib").read_bytes()
    rng = np.random.default_rng(0)
    for case in range(120):
        broken = bytearray(source)
        for position in rng.integers(0, min(len(source), 400), 1 + case % 8):
            broken[position] = rng.integers(256)
        path = tmp_path / "broken.tif"
        path.write_bytes(broken)
        message = str(path)
        try:
            assert of(5, "16-bit").read(path).ndim == 3
        except ImageError as error:
            message = str(error)
        assert str(path) in message


def test_a_missing_codec_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tiff(tmp_path / "a.tif", numbers(5, np.uint8), compression="lzw")

    class Missing:
        def __getitem__(self, key: object) -> object:
            raise KeyError("5 requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TIFF, "DECOMPRESSORS", Missing())
    with pytest.raises(ImageError, match=r"a\.tif is compressed .*pip install 'mutualseg\[tiff\]', or save"):
        of(5, "8-bit").read(path)


def test_arrays_and_opened_images_are_read_like_files(tmp_path: Path) -> None:
    code = of(1, "16-bit", 0, 4095)
    array = numbers(1, np.uint16)
    path = tmp_path / "a.png"
    Image.fromarray(array[..., 0]).save(path)
    expected = code.read(path)
    assert np.array_equal(code.from_array(array), expected)
    assert np.array_equal(code.from_array(array[..., 0]), expected)
    with Image.open(path) as image:
        assert np.array_equal(code.from_image(image), expected)
    assert np.array_equal(code.from_image(Image.fromarray(array[..., 0])), expected)
    color = write_png(tmp_path / "b.png", numbers(3, np.uint16))
    with (
        Image.open(io.BytesIO(color.read_bytes())) as image,
        pytest.raises(ImageError, match="give the path"),
    ):
        of(3, "16-bit").from_image(image)


@pytest.mark.parametrize(
    ("code", "array", "expected"),
    [
        (RGB, np.zeros((4, 4, 5), np.uint8), r"shape \[4, 4, 5\]; give RGB pixels, uint8 \[H,W,3\]"),
        (of(1, "16-bit"), np.zeros((4, 4), np.uint8), r"give uint16 pixels, \[H,W\] or \[H,W,1\]"),
        (of(5, "8-bit"), np.zeros((5, 4, 4), np.uint8), r"give uint8 pixels, \[H,W,5\]"),
        (of(2, "float"), np.zeros((4, 4, 3)), r"give numbers as in the files, \[H,W,2\]"),
        (of(2, "float"), np.full((4, 4, 2), np.nan), r"The image holds 32 values that are NaN"),
    ],
)
def test_other_arrays_are_refused_with_what_is_expected(code: ImageCode, array: Array, expected: str) -> None:
    with pytest.raises(ImageError, match=expected):
        code.from_array(array)


@given(
    st.integers(1, 9),
    st.sampled_from(["8-bit", "16-bit", "float"]),
    st.floats(-10, 10),
    st.lists(st.floats(0, 1), min_size=2, max_size=2),
)
def test_a_code_as_plain_values_is_the_same_code(
    channels: int, depth: Depth, low: float, mean: list[float]
) -> None:
    code = ImageCode(channels, depth, low, low + 1, tuple(mean), tuple(mean))
    assert ImageCode.from_plain(code.to_plain()) == code
    assert ImageCode.from_plain({"channels": 3}) == ImageCode.from_plain({}) == RGB


def test_ordinary_images_need_neither_torch_nor_tifffile(tmp_path: Path) -> None:
    import subprocess

    Image.fromarray(pixels("a")).save(tmp_path / "a.png")
    code = (
        "import sys; from pathlib import Path; from mutualseg.data.image_codes import RGB\n"
        f"RGB.read(Path({str(tmp_path / 'a.png')!r}))\n"
        "sys.exit('torch' in sys.modules or 'tifffile' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
