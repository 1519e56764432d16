"""Attacks by links in run folders, in folders of results and in the cache: writing must not follow them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from PIL import Image

from attacked import SMALL, Place, write_json
from attacks_on_weights import Attack


def attacks() -> Iterator[tuple[str, Attack]]:
    """Yield each attack by its name."""
    for name in ("metrics.csv", "checkpoints", "weights", "config.yaml"):
        yield f"run folder whose {name} is a link elsewhere, resumed", partial(_linked_run, name=name)
        yield f"run folder whose {name} is a link elsewhere, overwritten", partial(_overwritten, name=name)
    yield "--out of compare with links planted where files are written first", _links_of_comparison
    yield "--out of predict with a link planted", _planted_link
    yield "image beside --out of predict", _image_above
    yield "cache with false contents", _false_cache


def _link(place: Place, name: str) -> tuple[Path, Path]:
    """Return a run of which one file or folder lies outside, behind a link, and where it lies."""
    run = place.copy_of_run()
    moved = place.outside / name
    (run / name).rename(moved)
    (run / name).symlink_to(moved)
    return run, moved


def _state(path: Path) -> list[tuple[str, bytes]]:
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return sorted((str(file), file.read_bytes()) for file in files if file.is_file())


def _linked_run(place: Place, *, name: str) -> str | None:
    run, moved = _link(place, name)
    before = _state(moved)
    found = place.harm(place.command("train", "--resume", run), 2, says="link")
    return found or (None if _state(moved) == before else f"{name} was changed through the link")


def _overwritten(place: Place, *, name: str) -> str | None:
    run, moved = _link(place, name)
    before = _state(moved)
    words = ("--data", place.data, "--out", run, "--overwrite", *SMALL)
    found = place.harm(place.command("train", *words), 0, 2)
    return found or (None if _state(moved) == before else f"{name} was changed through the link")


def _links_of_comparison(place: Place) -> str | None:
    out, victim = place.root / "cmp", place.outside / "victim.txt"
    words = ("compare", "--data", place.data, "--out", out, "--methods", "labels_only", "--seeds", "0")
    if found := place.harm(place.command(*words, *SMALL[:-2]), 0):
        return f"not attacked: {found}"
    (out / "table.md").unlink()
    victim.write_text("precious", encoding="utf-8")
    names = ("comparison.json.partial", "table.md", "table.md.partial", "plot.png.partial", ".training")
    for name in (*names, "samples.png.partial"):
        (out / name).symlink_to(victim)
    found = place.harm(place.command(*words, *SMALL[:-2]), 0, 2)
    return found or (
        None if victim.read_text(encoding="utf-8") == "precious" else "a file outside was changed"
    )


def _planted_link(place: Place) -> str | None:
    masks, victim = place.root / "masks", place.outside / "victim.png"
    victim.write_bytes(b"precious")
    masks.mkdir()
    (masks / "0.png").symlink_to(victim)
    found = place.harm(place.command("predict", place.run, place.data / "images/val", "--out", masks), 2)
    return found or (None if victim.read_bytes() == b"precious" else "a file outside was replaced")


def _image_above(place: Place) -> str | None:
    masks = place.root / "deep/masks"
    image = os.path.join(place.data, "images", "..", "images", "val", "0.png")  # noqa: PTH118  # as given
    found = place.harm(place.command("predict", place.run, image, "--out", masks), 0)
    return found or (None if {path.name for path in masks.rglob("*")} == {"0.png"} else "written elsewhere")


def _false_cache(place: Place) -> str | None:
    folder = place.root / "annotated"
    folder.mkdir()
    (place.data / "images/train").rename(folder / "images")
    shape = {"label": "thing", "points": [[2, 2], [9, 2], [9, 9]], "shape_type": "polygon"}
    write_json(folder / "0.json", {"imagePath": "0.png", "shapes": [shape]})
    place.command("check", folder, "--layout", "labelme")
    for contents in (place.root / "cache").glob("*/contents.json"):
        contents.write_text('[["../../outside/secret.png"], 7]', encoding="ascii")
    Image.new("L", (1, 1)).save(place.root / "cache/stray.png")
    return place.harm(place.command("check", folder, "--layout", "labelme"), 0, 2)
