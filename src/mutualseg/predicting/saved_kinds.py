"""What `predict` writes of an image: the words of `--save`, and where files of each kind lie."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mutualseg.errors import ConfigError
from mutualseg.nearest import unknown_name

INDEX = "index"
KINDS = {
    INDEX: ".png",
    "color": ".png",
    "overlay": ".png",
    "confidence": ".png",
    "polygons": ".json",
}
"""Each kind and the suffix of its files; an index mask lies in the output folder itself, others below a
folder of their kind's name."""


def read_kinds(given: object) -> tuple[str, ...]:
    """Return the kinds of `--save` in their fixed order; index alone if nothing is given.

    Args:
        given: a text or several; a text may hold several kinds, parted by commas or spaces.

    Raises:
        ConfigError: one is unknown.
    """
    texts = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    words = [word for text in texts for word in str(text).replace(",", " ").split()]
    for word in words:
        if word not in KINDS:
            raise ConfigError(unknown_name(f"kind '{word}' for --save", word, KINDS))
    if texts and not words:
        raise ConfigError(f"--save names nothing; give one or several of {', '.join(KINDS)}.")
    return tuple(kind for kind in KINDS if kind in words) or (INDEX,)


def place_of(kind: str, out: Path, name: str) -> Path:
    """Return the file of one kind for an image.

    Args:
        kind: one of `KINDS`.
        out: the output folder.
        name: of the image below it, with / between folders and without a suffix.
    """
    return (out if kind == INDEX else out / kind) / f"{name}{KINDS[kind]}"


def overlay_video(out: Path, name: str) -> Path:
    """Return the file that the overlays of a video's frames become; arguments as in `place_of`."""
    place = place_of("overlay", out, name)
    return place.with_name(f"{place.stem}.mp4")
