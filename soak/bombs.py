"""Small image files that declare, or unpack to, very much: each is to be read or refused within bounds."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence

from image_seeds import Seed, chunk, png

_MIB = 1 << 20


def zeros(size: int) -> bytes:
    """Return so many zeros, a whole number of MiB, as a zlib stream; it takes no time to make."""
    packer = zlib.compressobj(9)
    head = packer.compress(b"") or b"\x78\xda"
    block = packer.compress(bytes(_MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    block = block.removeprefix(b"\x78\xda")
    end = zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    return head + block * (size // _MIB) + end + struct.pack(">HH", size % 65521, 1)


def tiff(tags: Mapping[int, tuple[int, Sequence[int]]], data: bytes, *, next_page: int = 0) -> bytes:
    """Return a TIFF, little-endian, of one page.

    Args:
        tags: type (3: 16 bits, 4: 32 bits) and values by number; `data` starts at byte 8.
        data: what the tags point to; longer values than four bytes lie behind it.
        next_page: where the file says that its next page is.
    """
    place = 8 + len(data)
    entries, extra = b"", b""
    behind = place + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(packed) > 4:
            field, extra = struct.pack("<I", behind + len(extra)), extra + packed
        else:
            field = packed.ljust(4, b"\0")
        entries += struct.pack("<HHI", tag, kind, len(values)) + field
    page = struct.pack("<H", len(tags)) + entries + struct.pack("<I", next_page)
    return b"II*\0" + struct.pack("<I", place) + data + page + extra


def declared(
    width: int, height: int, bands: int, bits: int, length: int, compression: int = 1, sample: int = 1
) -> dict[int, tuple[int, Sequence[int]]]:
    """Return the tags of a page in one piece, as `tiff` takes them; `sample` 1 is whole numbers, 3 floats."""
    return {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits] * bands),
        259: (3, [compression]),
        262: (3, [1]),
        273: (4, [8]),
        277: (3, [bands]),
        278: (4, [height]),
        279: (4, [length]),
        339: (3, [sample] * bands),
    }


def bombs() -> Iterator[Seed]:
    """Yield the files; each is below 4 MB."""
    small = zlib.compress(bytes(100))
    yield Seed("PNG of 60000 x 60000", ".png", png(60000, 60000, 8, 2, small))
    yield Seed("PNG of 16 bits, 60000 x 60000", ".png", png(60000, 60000, 16, 6, small))
    yield Seed("PNG of 16 bits, 23000 x 23000, cut short", ".png", png(23000, 23000, 16, 6, small))
    yield Seed("PNG of a line of 2**31 - 1", ".png", png(2**31 - 1, 1, 8, 0, small))
    yield Seed("PNG of 16 bits, a line of 2**28", ".png", png(2**28, 1, 16, 2, zeros(_MIB)))
    yield Seed("PNG of 2500 x 2500 zeros", ".png", png(2500, 2500, 8, 0, zeros(6 * _MIB)))
    yield Seed("PNG of 8 x 8 and 4 GiB behind", ".png", png(8, 8, 8, 2, zeros(4096 * _MIB)))
    yield Seed("PNG of 16 bits, 8 x 8 and 4 GiB behind", ".png", png(8, 8, 16, 2, zeros(4096 * _MIB)))
    packed = zeros(2048 * _MIB)
    for name, data in {
        "zTXt": b"a\0\0" + packed,
        "iTXt": b"a\0\1\0en\0a\0" + packed,
        "iCCP": b"a\0\0" + packed,
    }.items():
        rows = zlib.compress(b"".join(b"\0" + bytes(24) for _ in range(8)))
        yield Seed(
            f"PNG with 2 GiB in {name}", ".png", png(8, 8, 8, 2, rows, more=chunk(name.encode(), data))
        )
    for width, height, bands, bits, sample in (
        (50000, 50000, 8, 32, 3),
        (60000, 60000, 1, 8, 1),
        (60000, 60000, 3, 8, 1),
        (20000, 20000, 1000, 64, 3),
        (2**31, 1, 1, 8, 1),
        (2**32 - 1, 2**32 - 1, 65, 16, 1),
        (22000, 22000, 1, 8, 1),
        (22000, 22000, 4, 16, 1),
    ):
        for compression in (1, 5, 8):
            content = tiff(declared(width, height, bands, bits, len(small), compression, sample), small)
            name = f"TIFF of {width} x {height} x {bands} of {bits} bits, compression {compression}"
            yield Seed(name, ".tif", content)
    for bits, sample, bands in ((8, 1, 1), (8, 1, 5), (16, 1, 3), (32, 3, 1)):
        deep = declared(8, 8, bands, bits, len(packed), 8, sample)
        yield Seed(f"TIFF of 8 x 8 x {bands} of {bits} bits with 2 GiB", ".tif", tiff(deep, packed))
    tiles = declared(16, 16, 5, 8, len(packed), 8) | {
        322: (4, [60000]),
        323: (4, [60000]),
        324: (4, [8]),
        325: (4, [len(packed)]),
    }
    for tag in (273, 278, 279):
        del tiles[tag]
    yield Seed("TIFF with a tile of 60000 x 60000", ".tif", tiff(tiles, packed))
    yield Seed("TIFF with an empty tile of 60000 x 60000", ".tif", tiff(tiles | {325: (4, [0])}, b"\0" * 64))
    head = jpeg(65500, 65500)
    for bands in (1, 2, 5):
        yield Seed(
            f"TIFF of 8 x 8 x {bands} with a JPEG of 65500 x 65500",
            ".tif",
            tiff(declared(8, 8, bands, 8, len(head), 7), head),
        )
    gray = declared(8, 8, 1, 8, 64)
    yield Seed("TIFF whose page follows itself", ".tif", tiff(gray, bytes(64), next_page=8 + 64))
    yield Seed("TIFF whose strip is 4 GiB long", ".tif", tiff(gray | {279: (4, [2**32 - 1])}, bytes(64)))
    yield Seed("TIFF whose strip is out of the file", ".tif", tiff(gray | {273: (4, [2**32 - 9])}, bytes(64)))
    many = gray | {278: (4, [1]), 273: (4, [8] * 200_000), 279: (4, [64] * 200_000)}
    yield Seed("TIFF of 200,000 strips for 8 lines", ".tif", tiff(many, bytes(64)))
    yield Seed("TIFF of 20,000 pages", ".tif", _pages(20_000))
    yield Seed("empty", ".png", b"")
    yield Seed("one byte", ".jpg", b"\xff")
    for width, height in ((65500, 65500), (65500, 8)):
        yield Seed(f"JPEG of {width} x {height}", ".jpg", jpeg(width, height))
    yield Seed(
        "GIF of 65535 x 65535", ".gif", b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b";"
    )
    yield Seed(
        "BMP of 2**30 x 1",
        ".bmp",
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, 2**30, 1, 1, 24, *[0] * 6),
    )
    yield Seed("PPM of 2**30 x 2**30", ".ppm", b"P6 1073741824 1073741824 255\n")
    yield Seed("PostScript", ".png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")


def _pages(count: int) -> bytes:
    """Return a TIFF of many pages, each of 2 x 2 pixels at the same place."""
    tags = {256: 2, 257: 2, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 2, 279: 4}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    size = 2 + len(entries) + 4
    pages = (
        struct.pack("<H", len(tags)) + entries + struct.pack("<I", 12 + size * (index + 1))
        for index in range(count - 1)
    )
    last = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 12) + bytes(4) + b"".join(pages) + last


def jpeg(width: int, height: int) -> bytes:
    """Return the head of a gray JPEG, and hardly any of its pixels."""

    def segment(marker: int, data: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data

    tables = segment(0xDB, b"\0" + b"\1" * 64)
    codes = b"\1" + bytes(15) + b"\0"
    tables += segment(0xC4, b"\0" + codes) + segment(0xC4, b"\x10" + codes)
    frame = segment(0xC0, struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0))
    return b"\xff\xd8" + tables + frame + segment(0xDA, b"\1\1\0\0\x3f\0") + bytes(100) + b"\xff\xd9"
