"""Files of odd contents under the real command: bad ones are listed, the others done; a pixel is enough."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command.conftest import Command
from tests.command.made import CLASSES, draw, flags, write


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_bad(folder: Path) -> set[str]:
    """Write one image of each bad kind, and return their names."""
    good = write(folder / "cut.png", draw("cut")[0])
    content = good.read_bytes()
    good.write_bytes(content[: len(content) // 2])
    (folder / "empty.jpg").touch()
    (folder / "text.png").write_text("no image")
    (folder / "script.tif").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0))
    bomb = header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    (folder / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bomb)
    Image.new("CMYK", (9, 9)).save(folder / "inks.jpg")
    frames = [Image.new("RGB", (9, 9), color) for color in ("red", "blue")]
    frames[0].save(folder / "moving.webp", save_all=True, append_images=frames[1:])
    frames[0].save(folder / "pages.tif", save_all=True, append_images=frames[1:])
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(folder / "deep.png")
    (folder / "link.png").symlink_to("link.png")
    return {path.name for path in folder.iterdir()}


@pytest.mark.slow
def test_predict_lists_every_bad_file_and_writes_the_rest(
    command: Command, finished: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    bad = write_bad(folder)
    write(folder / "good.png", draw("good")[0])
    Image.new("RGB", (1, 1)).save(folder / "pixel.jpg")
    Image.new("RGBA", (7, 1)).save(folder / "wrong suffix.jpg", "PNG")
    done = command("predict", finished, folder, "--out", "masks", "--quiet")
    assert done.code == 1
    lines = done.err.splitlines()
    assert len(lines) == len(bad)
    assert all(any(f"skipped: {folder / name} " in line for line in lines) for name in bad), done.err
    assert {path.name for path in Path("masks").iterdir()} == {"good.png", "pixel.png", "wrong suffix.png"}
    with Image.open("masks/pixel.png") as mask:
        assert mask.size == (1, 1)
    as_json = command("predict", finished, folder, "--out", "masks", "--quiet", "--json")
    assert {Path(one["file"]).name for one in json.loads(as_json.out)["skipped"]} == bad


@pytest.mark.slow
def test_images_of_one_pixel_go_all_the_way(command: Command, tmp_path: Path) -> None:
    root = tmp_path / "pixels"
    for place in range(6):
        for part in ("train", "val") if place < 3 else ("train",):
            shape = (1, 1) if place else (1, 40)
            image = np.full((*shape, 3), 40 * place + 9 * len(part), np.uint8)
            write(root / "images" / part / f"{place}.png", image)
            if place < 4:
                write(root / "masks" / part / f"{place}.png", np.full(shape, place % 3, np.uint8))
    (root / "classes.txt").write_text("\n".join(CLASSES) + "\n", encoding="utf-8")
    assert command("check", "--data", root).code == 0
    assert command("train", "--data", root, "--out", "run", "--quiet", *flags(crop=None)).code == 0
    assert command("evaluate", "run", "--quiet").code == 0
    assert command("predict", "run", root / "images" / "val", "--out", "masks", "--quiet").code == 0
    with Image.open("masks/1.png") as mask:
        assert mask.size == (1, 1)
