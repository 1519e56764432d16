from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from mutualseg.data.images import image_size, orientation, read_image, to_rgb
from mutualseg.errors import ImageError
from tests.data.made import pixels, write_image, write_png_16

RGB = pixels("images", 20, 30)
LOSSLESS: dict[str, dict[str, Any]] = {
    "png": {},
    "tif": {},
    "tiff": {"compression": "tiff_lzw"},
    "webp": {"lossless": True},
}


def test_reading_needs_no_torch() -> None:
    modules = "mutualseg.data.doctor, mutualseg.data.splits, mutualseg.data.split_file"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("suffix", sorted(LOSSLESS))
def test_lossless_files_return_their_pixels(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(RGB).save(path, **LOSSLESS[suffix])
    assert np.array_equal(read_image(path), RGB)
    assert read_image(path).dtype == np.uint8
    assert image_size(path) == (20, 30)


def test_images_in_memory_are_treated_alike() -> None:
    assert np.array_equal(to_rgb(Image.fromarray(RGB), "the image"), RGB)
    with pytest.raises(ImageError, match="the image is a 16-bit image"):
        to_rgb(Image.fromarray(np.zeros((4, 5), np.uint16)), "the image")


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "JpG"])
def test_jpeg_in_any_spelling(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(path, "JPEG")
    assert abs(read_image(path).astype(int) - 90).max() <= 2


def test_alpha_is_dropped_not_blended(tmp_path: Path) -> None:
    rgba = np.dstack([RGB, np.full(RGB.shape[:2], 7, np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), RGB)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_gray_becomes_three_equal_channels(tmp_path: Path, mode: str) -> None:
    gray = Image.fromarray(RGB[..., 0])
    gray.convert(mode).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), np.dstack([RGB[..., 0]] * 3))


def test_one_bit_becomes_black_and_white(tmp_path: Path) -> None:
    bits = RGB[..., 0] > 127
    Image.fromarray(bits).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png")[..., 1], bits * np.uint8(255))


@pytest.mark.parametrize("transparency", [None, 0, bytes([0, 128, 255])])
def test_palette_gives_its_colors(tmp_path: Path, transparency: int | bytes | None) -> None:
    indices = RGB[..., 0] % 3
    colors = np.array([[9, 8, 7], [200, 0, 0], [0, 100, 255]], np.uint8)
    image = Image.fromarray(indices)
    image.putpalette(colors.tobytes())
    options: dict[str, Any] = {} if transparency is None else {"transparency": transparency}
    image.save(tmp_path / "a.png", **options)
    assert np.array_equal(read_image(tmp_path / "a.png"), colors[indices])


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_orientation_is_honored(tmp_path: Path, suffix: str, turn: int) -> None:
    path = tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(RGB).save(path, exif=exif, **LOSSLESS[suffix])
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(read_image(path), expected)
    assert image_size(path) == expected.shape[:2] == ((30, 20) if turn >= 5 else (20, 30))
    assert orientation(path) == turn


@pytest.mark.parametrize("turn", range(1, 9))
def test_an_uncompressed_gray_tiff_is_turned_upright(tmp_path: Path, turn: int) -> None:
    """Turned by hand: what Pillow maps into memory it turns wrongly (Pillow 13)."""
    exif = Image.Exif()
    exif[0x0112] = turn
    gray = np.ascontiguousarray(RGB[..., 0])
    Image.fromarray(gray).save(tmp_path / "a.tif", exif=exif)
    upside = {1: gray, 2: gray[:, ::-1], 3: gray[::-1, ::-1], 4: gray[::-1]}
    aside = {5: gray.T, 6: np.rot90(gray, -1), 7: gray[::-1, ::-1].T, 8: np.rot90(gray)}
    expected = (upside | aside)[turn]
    assert np.array_equal(read_image(tmp_path / "a.tif"), expected[..., None].repeat(3, 2))


def test_exif_orientation_of_a_jpeg(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    left_bright = np.zeros((16, 32, 3), np.uint8)
    left_bright[:, :16] = 255
    Image.fromarray(left_bright).save(tmp_path / "a.jpg", exif=exif)
    upright = read_image(tmp_path / "a.jpg")
    assert upright.shape == (32, 16, 3)
    assert upright[:14].min() > 200
    assert upright[18:].max() < 50


@pytest.mark.parametrize("turn", [0, 9, 65535])
def test_nonsense_orientation_means_upright(tmp_path: Path, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "a.png"), RGB)


@pytest.mark.parametrize(("color_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bit_png_is_named_not_clipped(tmp_path: Path, color_type: int, channels: int) -> None:
    path = write_png_16(tmp_path / "deep.png", color_type, channels)
    with pytest.raises(ImageError, match=r"deep\.png is a 16-bit image.*save it as 8-bit"):
        read_image(path)


@pytest.mark.parametrize(
    ("image", "suffix", "kind"),
    [
        (Image.fromarray(np.zeros((4, 5), np.uint16)), "tif", "16-bit"),
        (Image.fromarray(np.zeros((4, 5), np.int32)), "tif", "32-bit"),
        (Image.fromarray(np.zeros((4, 5), np.float32)), "tif", "floating-point"),
        (Image.new("CMYK", (5, 4)), "jpg", "CMYK"),
        (Image.new("CMYK", (5, 4)), "tif", "CMYK"),
        (Image.new("LAB", (5, 4)), "tif", "CIELAB"),
    ],
)
def test_what_does_not_fit_into_rgb_is_named(
    tmp_path: Path, image: Image.Image, suffix: str, kind: str
) -> None:
    image.save(tmp_path / f"odd.{suffix}")
    with pytest.raises(ImageError, match=rf"odd\.{suffix} is an? .*{kind}.*; save it as"):
        read_image(tmp_path / f"odd.{suffix}")


@pytest.mark.parametrize("suffix", ["tif", "webp", "png"])
def test_several_frames_are_refused(tmp_path: Path, suffix: str) -> None:
    frames = [Image.fromarray(pixels(str(index))) for index in range(3)]
    frames[0].save(tmp_path / f"film.{suffix}", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="3 frames or pages; save each"):
        read_image(tmp_path / f"film.{suffix}")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_files_are_named(tmp_path: Path, suffix: str, share: float) -> None:
    path = write_image(tmp_path / f"cut.{suffix}", 64, 64)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ImageError, match=rf"cut\.{suffix} .*; "):
        read_image(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"hello", "not an image"),
        (b"<html>not found</html>" * 50, "not an image"),
    ],
)
def test_what_is_no_image(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    for read in (read_image, image_size):
        with pytest.raises(ImageError, match=rf"a\.jpg is .*{message}.*; replace or delete it\.$"):
            read(tmp_path / "a.jpg")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.png does not exist"):
        read_image(tmp_path / "gone.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageError, match=r"folder\.png is no file but a folder"):
        read_image(tmp_path / "folder.png")


def test_decompression_bomb(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0))
    content = header + chunk(b"IDAT", zlib.compress(b"0" * 100)) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    with pytest.raises(ImageError, match=r"bomb\.png has too many pixels.*; cut it into tiles"):
        read_image(tmp_path / "bomb.png")


def test_mutated_bytes_end_as_an_image_or_a_typed_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for suffix in ("jpg", "png", "webp", "tif"):
        source = write_image(tmp_path / f"source.{suffix}", 24, 24).read_bytes()
        for case in range(50):
            broken = bytearray(source)
            for position in rng.integers(0, len(source), 1 + case % 8):
                broken[position] = rng.integers(256)
            path = tmp_path / f"broken.{suffix}"
            path.write_bytes(broken)
            message = str(path)
            try:
                assert read_image(path).ndim == 3
            except ImageError as error:
                message = str(error)
            assert str(path) in message
