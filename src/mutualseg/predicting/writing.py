"""From what a network says of an image to its files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mutualseg.atomic_files import replacing, write_text
from mutualseg.data.image_rows import ImageRows, open_rows
from mutualseg.data.labelme_writing import labelme_text
from mutualseg.evaluation.row_buffer import RowBuffer
from mutualseg.predicting.pictures import FORMS, Painter
from mutualseg.predicting.saved_kinds import place_of
from mutualseg.predicting.work import Item, Large
from mutualseg.predictor import Predictor
from mutualseg.reporting.display import Range, display_range, is_plain_rgb
from mutualseg.reporting.png_writer import PngWriter, png_lines

_SAMPLED = 16
"""Of every so many lines and columns one is looked at to find what is drawn black and white."""

Written = tuple[tuple[str, Path], ...]


def write_item(item: Item, out: Path, kinds: Sequence[str], painter: Painter) -> Item:
    """Write the files of an item that was looked at; the overlay of a video's frame is left in the item."""
    if item.look is None or item.image is None or isinstance(item.image, Large):
        return item
    written = []
    picture = None
    for kind in kinds:
        place = place_of(kind, out, item.name)
        if kind == "overlay" and item.target.is_video:
            picture = painter.pixels(kind, item.image, item.look)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if kind in FORMS:
            with replacing(place, durable=False) as partial:  # it can be predicted again
                painter.picture(kind, item.image, item.look).save(partial, format="PNG")
        else:
            _write_polygons(place, item.look.indices.numpy(), item, painter)
        written.append((kind, place))
    return item.now(written=tuple(written), overlay=picture, image=None, look=None)


def write_large(
    item: Item,
    out: Path,
    kinds: Sequence[str],
    predictor: Predictor,
    painter: Painter,
    advance: Callable[[], None],
) -> Item:
    """Look at a large image band by band and write its files meanwhile.

    Of the whole image only class indices are held, 1 byte a pixel, and only where polygons are wanted.

    Raises:
        ImageError: it cannot be read, at the beginning or further down; nothing is written then.
        OSError: a file cannot be written.
    """
    assert isinstance(item.image, Large)
    size, options = item.image
    places = {kind: place_of(kind, out, item.name) for kind in kinds}
    rows = open_rows(item.target.source, predictor.images)
    shown = _range_of(rows) if "overlay" in kinds else None
    mask = np.empty(size, np.uint8) if "polygons" in kinds else None
    image = RowBuffer(rows.bands()) if "overlay" in kinds else None
    with ExitStack() as stack:
        writers: dict[str, PngWriter] = {}
        for kind in (kind for kind in kinds if kind in FORMS):
            colors = painter.palette() if kind == "index" else None
            writers[kind] = stack.enter_context(png_lines(places[kind], size, FORMS[kind], colors))
        top = 0
        for look in predictor.look_in_bands(rows, options, advance):
            bottom = top + len(look.indices)
            part = look.indices[None] if image is None else image.rows(top, bottom)
            for kind, writer in writers.items():
                writer.write(painter.pixels(kind, part, look, shown))
            if mask is not None:
                mask[top:bottom] = look.indices.numpy()
            top = bottom
        if mask is not None:
            _write_polygons(places["polygons"], mask, item, painter)
    return item.now(written=tuple(places.items()), image=None)


def _write_polygons(place: Path, mask: npt.NDArray[np.uint8], item: Item, painter: Painter) -> None:
    source = item.target.source
    shown = f"{item.name.rpartition('/')[2]}.png" if item.target.is_video else _way(place.parent, source)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_text(place, labelme_text(mask, painter.classes, shown))


def _way(folder: Path, source: Path) -> str:
    """Return the path to a file from a folder, with / between its parts."""
    try:
        return Path(os.path.relpath(source, folder)).as_posix()
    except ValueError:  # on another drive
        return source.absolute().as_posix()


def _range_of(rows: ImageRows) -> Range | None:
    """Return what is drawn black and white of an image, by a part of its pixels; None for 8-bit RGB."""
    parts = []
    top = 0
    for band in rows.pixels():
        if is_plain_rgb(band):
            return None
        parts.append(band[-top % _SAMPLED :: _SAMPLED, ::_SAMPLED].copy())
        top += len(band)
    return display_range(np.concatenate(parts))
