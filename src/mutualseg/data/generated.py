"""The embedded data set: made scenes as an ordinary data folder, drawn once into the user's cache.

It needs no download, so that every machine can train, compare and test on the same images.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from mutualseg.data.cache_folder import cache_root, kept_folder
from mutualseg.data.scenes import CLASSES, draw_scene

__all__ = ["CLASSES", "GENERATED_LABELED", "PARTS", "SEED", "VERSION", "draw_scene", "generated_folder"]

VERSION = 1
"""Part of the folder's name; raise it whenever scenes.py draws anything else than before."""

SEED = 0
"""Seed of all scenes."""

PARTS = {"train": 240, "val": 60, "test": 60}
"""Number of scenes in each part; all have masks, a split decides which of those are used."""

GENERATED_LABELED = 16
"""How many labeled images a run keeps when it does not say."""


def generated_folder(cache: Path | None = None) -> Path:
    """Return the folder of the embedded data set, drawing it first if it is not there.

    It holds images/PART/NAME.png (RGB), masks/PART/NAME.png (8-bit class indices) and classes.txt (one
    name a line, by index). Several processes may call this at once.

    Args:
        cache: Folder to keep it in. By default the environment variable MUTUALSEG_CACHE, else mutualseg/
            below XDG_CACHE_HOME, else ~/.cache/mutualseg.

    Raises:
        DataError: The cache folder cannot be written.
    """
    cache = cache_root() if cache is None else cache
    return kept_folder(
        cache, f"generated-v{VERSION}-seed{SEED}", _write, _is_complete, "The generated data set"
    )


def _files(folder: Path) -> set[Path]:
    """Return every file that a complete folder holds."""
    return {folder / "classes.txt"} | {
        folder / kind / part / f"{index:03d}.png"
        for part, count in PARTS.items()
        for kind in ("images", "masks")
        for index in range(count)
    }


def _is_complete(folder: Path) -> bool:
    return _files(folder) <= set(folder.rglob("*.*"))


def _write(folder: Path) -> None:
    for part, count in PARTS.items():
        images, masks = folder / "images" / part, folder / "masks" / part
        images.mkdir(parents=True)
        masks.mkdir(parents=True)
        for index in range(count):
            image, mask = draw_scene(SEED, part, index)
            # Noise hardly compresses, so a higher level would cost time and save nothing.
            Image.fromarray(image).save(images / f"{index:03d}.png", compress_level=1)
            Image.fromarray(mask).save(masks / f"{index:03d}.png")
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES))
