"""The embedded data set: made scenes as an ordinary data folder, drawn once into the user's cache.

It needs no download, so that every machine can train, compare and test on the same images.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from PIL import Image

from mutualseg.data.scenes import CLASSES, draw_scene
from mutualseg.errors import DataError

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
    cache = _default_cache() if cache is None else cache
    folder = cache / f"generated-v{VERSION}-seed{SEED}"
    if _is_complete(folder):
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # Drawn beside its place, on the same file system, so that one rename makes all of it appear.
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=cache) as workshop:
            fresh = Path(workshop) / "fresh"
            _write(fresh)
            _put_in_place(fresh, folder)
    except OSError as error:
        raise DataError(
            f"The generated data set cannot be written to {cache} ({error.strerror or error}): "
            "free or choose another folder with the environment variable MUTUALSEG_CACHE."
        ) from error
    return folder


def _default_cache() -> Path:
    if own := os.environ.get("MUTUALSEG_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "mutualseg"


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


def _put_in_place(fresh: Path, folder: Path) -> None:
    """Rename the fresh folder to its place, unless another process put a complete one there first."""
    if folder.exists() and not _is_complete(folder):
        # Moved, not deleted in place, so that nobody meets half of it; it goes with the workshop.
        with contextlib.suppress(FileNotFoundError):
            folder.rename(fresh.with_name("damaged"))
    try:
        fresh.rename(folder)
    except OSError:
        if not _is_complete(folder):
            raise
