"""Ways to break a file: anywhere in its bytes, or where its format keeps sizes, counts and places."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np

from image_seeds import Seed, chunk

_TELLING = (0, 1, 2, 7, 8, 16, 17, 32, 64, 127, 128, 255, 256, 4096, 32767, 32768, 65535)
_LONG = (*_TELLING, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
_SUFFIXES = (".png", ".jpg", ".tif", ".webp")
_TIFF_TAGS = (254, 255, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323)
_MORE_TAGS = (324, 325, 330, 338, 339, 347, 530)


def mutated(rng: np.random.Generator, seeds: Sequence[Seed]) -> Seed:
    """Return a broken file, by what was done to it."""
    seed = seeds[int(rng.integers(len(seeds)))]
    content, done = seed.content, []
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        step = _STEPS[rng.integers(len(_STEPS))]
        own = _OWN.get(content[:4])
        if own is not None and rng.random() < 0.5:
            step = own
        content = step(rng, content, seeds)
        done.append(step.__name__.removeprefix("_"))
    suffix = seed.suffix if rng.random() < 0.95 else str(rng.choice(_SUFFIXES))
    return Seed(f"{seed.name}: {', '.join(done)}", suffix, content)


def _flip_bits(rng: np.random.Generator, content: bytes, _: Sequence[Seed]) -> bytes:
    changed = bytearray(content)
    for place in rng.integers(0, max(1, len(content)), rng.integers(1, 9)).tolist():
        if place < len(changed):
            changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _set_numbers(rng: np.random.Generator, content: bytes, _: Sequence[Seed]) -> bytes:
    changed = bytearray(content)
    size = int(rng.choice([1, 2, 4, 8]))
    form = {1: "B", 2: "H", 4: "I", 8: "Q"}[size]
    # Heads are short and matter most.
    reach = len(changed) if rng.random() < 0.5 else min(len(changed), 200)
    if reach <= size:
        return content
    place = int(rng.integers(reach - size))
    value = int(rng.choice(np.array(_LONG))) % 2 ** (8 * size)
    struct.pack_into(f"{rng.choice(['<', '>'])}{form}", changed, place, value)
    return bytes(changed)


def _cut(rng: np.random.Generator, content: bytes, _: Sequence[Seed]) -> bytes:
    return content[: int(rng.integers(len(content) + 1))]


def _block(rng: np.random.Generator, content: bytes) -> tuple[int, int]:
    first, last = sorted(rng.integers(0, len(content) + 1, 2).tolist())
    return first, min(last, first + int(rng.choice([1, 4, 16, 100, 5000])))


def _delete(rng: np.random.Generator, content: bytes, _: Sequence[Seed]) -> bytes:
    first, last = _block(rng, content)
    return content[:first] + content[last:]


def _double(rng: np.random.Generator, content: bytes, _: Sequence[Seed]) -> bytes:
    first, last = _block(rng, content)
    return content[:last] + content[first:last] * int(rng.integers(1, 4)) + content[last:]


def _swap(rng: np.random.Generator, content: bytes, _: Sequence[Seed]) -> bytes:
    first, last = _block(rng, content)
    length = last - first
    other = int(rng.integers(last, len(content) + 1))
    end = min(other + length, len(content))
    return content[:first] + content[other:end] + content[last:other] + content[first:last] + content[end:]


def _splice(rng: np.random.Generator, content: bytes, seeds: Sequence[Seed]) -> bytes:
    other = seeds[int(rng.integers(len(seeds)))].content
    return content[: int(rng.integers(len(content) + 1))] + other[int(rng.integers(len(other) + 1)) :]


def _in_png(rng: np.random.Generator, content: bytes, _: Sequence[Seed]) -> bytes:
    """Change a number of the header, or the bytes of a chunk, under a right checksum."""
    place, chunks = 8, []
    while place + 12 <= len(content):
        length, kind = struct.unpack(">I4s", content[place : place + 8])
        chunks.append((kind, content[place + 8 : place + 8 + length]))
        place += 12 + length
    if not chunks:
        return content
    index = 0 if rng.random() < 0.5 else int(rng.integers(len(chunks)))
    kind, data = chunks[index]
    changed = bytearray(data)
    if kind == b"IHDR" and len(changed) == 13:
        field = int(rng.integers(7))
        if field < 2:
            struct.pack_into(">I", changed, 4 * field, int(rng.choice(np.array(_LONG))))
        else:
            changed[6 + field] = int(rng.choice([0, 1, 2, 3, 4, 6, 8, 16, 255]))
    elif kind == b"IDAT" and rng.random() < 0.5:  # other rows, packed soundly
        try:
            rows = bytearray(zlib.decompress(bytes(data)))
        except zlib.error:
            rows = bytearray(100)
        for at in rng.integers(0, max(1, len(rows)), 9).tolist():
            if at < len(rows):
                rows[at] = int(rng.integers(256))
        changed = bytearray(zlib.compress(bytes(rows[: int(rng.integers(len(rows) + 1))])))
    elif changed:
        changed[int(rng.integers(len(changed)))] = int(rng.choice([0, 1, 127, 128, 255]))
    kinds = [b"tRNS", b"PLTE", b"fcTL", b"fdAT", b"acTL", b"eXIf", b"iCCP", b"zTXt", b"gAMA", kind, kind]
    chunks[index] = kinds[rng.integers(len(kinds))] if index else kind, bytes(changed)
    if rng.random() < 0.2:
        chunks.insert(int(rng.integers(len(chunks))), chunks[index])
    return content[:8] + b"".join(chunk(*each) for each in chunks)


def _in_tiff(rng: np.random.Generator, content: bytes, _: Sequence[Seed]) -> bytes:
    """Change a tag's number, type, count or value, or where the next page is."""
    order = "<" if content[:2] == b"II" else ">"
    if content[2:4] not in (b"*\0", b"\0*") or len(content) < 16:
        return content
    changed = bytearray(content)
    (first,) = struct.unpack_from(f"{order}I", content, 4)
    if first + 2 > len(content):
        return content
    (count,) = struct.unpack_from(f"{order}H", content, first)
    end = first + 2 + 12 * count
    if end + 4 > len(content) or not count:
        return content
    if rng.random() < 0.15:  # a circle, or a page anywhere
        target = first if rng.random() < 0.5 else int(rng.integers(len(content)))
        struct.pack_into(f"{order}I", changed, end, target)
        return bytes(changed)
    entry = first + 2 + 12 * int(rng.integers(count))
    part = rng.random()
    if part < 0.1:
        struct.pack_into(f"{order}H", changed, entry, int(rng.choice(_TIFF_TAGS + _MORE_TAGS)))
    elif part < 0.2:
        struct.pack_into(f"{order}H", changed, entry + 2, int(rng.integers(0, 20)))
    elif part < 0.3:
        struct.pack_into(f"{order}I", changed, entry + 4, int(rng.choice(np.array(_LONG))))
    elif part < 0.6:
        struct.pack_into(f"{order}H", changed, entry + 8, int(rng.choice(_TELLING)))
    else:
        struct.pack_into(f"{order}I", changed, entry + 8, int(rng.choice(np.array(_LONG))))
    return bytes(changed)


def _in_jpeg(rng: np.random.Generator, content: bytes, _: Sequence[Seed]) -> bytes:
    """Change the length or a byte of a segment, or the size of the frame."""
    changed, place, segments = bytearray(content), 2, []
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker, length = struct.unpack_from(">xBH", content, place)
        segments.append((marker, place, length))
        if marker == 0xDA:
            break
        place += 2 + length
    if not segments:
        return content
    marker, place, length = segments[rng.integers(len(segments))]
    part = rng.random()
    if marker in range(0xC0, 0xC3) and part < 0.7 and place + 9 <= len(content):
        side = int(rng.choice([5, 7]))
        struct.pack_into(">H", changed, place + side, int(rng.choice(_TELLING)))
    elif part < 0.2:
        struct.pack_into(">H", changed, place + 2, int(rng.choice(_TELLING)))
    elif part < 0.3:
        changed[place + 1] = int(rng.integers(0xC0, 256))
    elif length > 2:
        at = place + 4 + int(rng.integers(length - 2))
        if at < len(changed):
            changed[at] = int(rng.choice([0, 1, 2, 3, 4, 0x11, 0x22, 0x44, 63, 64, 127, 128, 255]))
    return bytes(changed)


_STEPS = (_flip_bits, _set_numbers, _cut, _delete, _double, _swap, _splice)
_OWN = {
    b"\x89PNG": _in_png,
    b"II*\0": _in_tiff,
    b"MM\0*": _in_tiff,
    b"\xff\xd8\xff\xe0": _in_jpeg,
    b"\xff\xd8\xff\xe1": _in_jpeg,
    b"\xff\xd8\xff\xdb": _in_jpeg,
}
