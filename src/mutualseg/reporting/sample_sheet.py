"""The doctor's picture: labeled images beside their masks, and which color is which class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from mutualseg.data.catalog import class_colors
from mutualseg.data.doctor import Examination
from mutualseg.data.folder_survey import FolderSurvey, ReadImage
from mutualseg.data.mask_codes import IGNORE
from mutualseg.data.regular_files import real_path
from mutualseg.data.samples import PARTS
from mutualseg.errors import ConfigError
from mutualseg.reporting.display import as_rgb
from mutualseg.reporting.pictures import Colors, colorize
from mutualseg.terminal import shown

Pixels = npt.NDArray[np.uint8]

_SHOWN = 12
_SIDE = 320
"""Largest width and height of a picture."""
_MARGIN, _GAP, _LINE = 28, 8, 22
_INK, _FAINT, _ALARM, _PAPER = (32, 33, 36), (110, 112, 116), (186, 26, 26), (255, 255, 255)
_OPACITY = 0.6


class _Row(NamedTuple):
    """One sample as it is shown."""

    image: Pixels
    mask: Pixels | None
    """Class indices at the picture's size."""
    caption: str
    remark: str
    is_odd: bool


def require_picture_file(path: Path, read_only: Sequence[Path]) -> None:
    """Raise a ConfigError unless `--sheet FILE.png` may be written.

    Args:
        path: The picture to write.
        read_only: The data folder and the `--unlabeled` folders.
    """
    if path.suffix.lower() != ".png" or path.is_dir():
        raise ConfigError(f"--sheet {path} must be a file that ends in .png.")
    for folder in read_only:
        if real_path(folder) in real_path(path).parents:
            raise ConfigError(
                f"--sheet {path} lies in {folder}, which is only read; name a place outside it."
            )


def write_sample_sheet(examined: Examination, read_image: ReadImage, path: Path) -> bool:
    """Write a picture of a dozen labeled images of all parts; of unlabeled ones if none is labeled.

    Args:
        examined: The data folder.
        read_image: Decodes an image file, as it was for the examination.
        path: As `require_picture_file` wants it; its folder is made.

    Returns:
        Whether there was an image that can be read.
    """
    places = _chosen(examined.survey)
    if not places:
        return False
    rows = [_row(examined, read_image, place) for place in places]
    path.parent.mkdir(parents=True, exist_ok=True)
    _drawn(examined, rows).save(path)
    return True


def _chosen(survey: FolderSurvey) -> list[int]:
    """Return places spread over the parts, half of them in train, and evenly over each part's names."""
    labeled = np.intersect1d(survey.value_counts.places, np.flatnonzero(survey.readable))
    candidates = [np.intersect1d(survey.places(part), labeled) for part in PARTS]
    if not len(labeled):
        candidates = [np.flatnonzero(survey.readable)]
    left, chosen = _SHOWN, list[int]()
    wanted = {0: _SHOWN // 2, 1: _SHOWN // 4, 2: _SHOWN // 4}
    # From the last part to the first: train takes what the others leave over.
    for number in reversed(range(len(candidates))):
        own = candidates[number]
        count = min(len(own), left if number == 0 else wanted[number])
        chosen += own[np.linspace(0, len(own) - 1, count).round().astype(np.int64)].tolist() if count else []
        left -= count
    return sorted(chosen)


def _row(examined: Examination, read_image: ReadImage, place: int) -> _Row:
    sample = examined.survey.samples[place]
    pixels = as_rgb(read_image(sample.image).pixels)
    height, width = pixels.shape[:2]
    scale = min(_SIDE / width, _SIDE / height)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    how = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.NEAREST
    image = np.asarray(Image.fromarray(pixels).resize(size, how))
    remark = f"{width} x {height}"
    if sample.mask is None or place not in examined.survey.value_counts.places:
        return _Row(image, None, sample.name, f"{remark}, no mask", False)
    mask = examined.read_mask(sample.mask)
    is_odd = mask.shape != (height, width)
    if is_odd:
        remark = f"mask {mask.shape[1]} x {mask.shape[0]}, image {remark}"
    small = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
    return _Row(image, small, sample.name, remark, is_odd)


def paint(image: Pixels, mask: Pixels, colors: Colors) -> Pixels:
    """Return an image [H,W,3] under the colors of its classes; where the class is unknown it is hatched."""
    # Without its colors, or those of the classes would look like others.
    plain = image.mean(axis=2, keepdims=True)
    painted = (1 - _OPACITY) * plain + _OPACITY * colorize(mask, len(colors), colors).astype(np.float32)
    rows, columns = np.indices(mask.shape)
    stripes = np.where((rows + columns) % 10 < 4, 245.0, 60.0)[..., None]
    painted = np.where((mask == IGNORE)[..., None], 0.3 * image + 0.7 * stripes, painted)
    edges = np.zeros(mask.shape, np.bool_)
    edges[1:] |= mask[1:] != mask[:-1]
    edges[:, 1:] |= mask[:, 1:] != mask[:, :-1]
    painted[edges] = 255
    return painted.round().astype(np.uint8)


def _drawn(examined: Examination, rows: Sequence[_Row]) -> Image.Image:
    columns = 2 if len(rows) > 2 else 1
    cell = max(2 * max(row.image.shape[1] for row in rows) + _GAP, 440 if columns == 2 else 700)
    width = columns * cell + (columns + 1) * _MARGIN
    lines = [rows[start : start + columns] for start in range(0, len(rows), columns)]
    heights = [max(row.image.shape[0] for row in line) + _LINE + _MARGIN for line in lines]
    legend = _Legend(examined, width - 2 * _MARGIN)
    top = _MARGIN + 2 * _LINE + 14
    canvas = Image.new("RGB", (width, top + sum(heights) + legend.height + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(canvas)
    _head(draw, examined, len(rows))
    for line, height in zip(lines, heights, strict=True):
        for column, row in enumerate(line):
            _paste(canvas, row, (_MARGIN + column * (cell + _MARGIN), top), cell, _colors(examined))
        top += height
    legend.draw(canvas, top)
    return canvas


def _head(draw: ImageDraw.ImageDraw, examined: Examination, drawn: int) -> None:
    report = examined.report
    labeled = sum(report.labeled.values())
    of = f"{drawn} of {labeled} labeled images" if labeled else f"{drawn} images, none labeled"
    counts = ", ".join(f"{part} {report.labeled[part]}/{report.images[part]}" for part in PARTS)
    draw.text((_MARGIN, _MARGIN - 6), shown(real_path(report.root).name), fill=_INK, font=_font(24))
    text = f"{of}   ·   labeled/all: {counts}   ·   hatched: unknown (ignored in training)"
    draw.text((_MARGIN, _MARGIN + 28), text, fill=_FAINT, font=_font(14))


def _paste(canvas: Image.Image, row: _Row, corner: tuple[int, int], cell: int, colors: Colors) -> None:
    draw = ImageDraw.Draw(canvas)
    left, top = corner
    small = _font(13)
    room = cell - draw.textlength(row.remark, small) - 12
    draw.text((left, top), _shortened(draw, shown(row.caption), room), fill=_INK, font=_font(14))
    right = left + 2 * row.image.shape[1] + _GAP
    right = max(right, left + cell) if row.image.shape[1] * 2 + _GAP < 260 else right
    draw.text((right, top), row.remark, fill=_ALARM if row.is_odd else _FAINT, font=small, anchor="ra")
    canvas.paste(Image.fromarray(row.image), (left, top + _LINE))
    beside = (left + row.image.shape[1] + _GAP, top + _LINE)
    if row.mask is not None:
        canvas.paste(Image.fromarray(paint(row.image, row.mask, colors)), beside)


def _colors(examined: Examination) -> Colors:
    own = None if examined.classes is None else examined.classes.colors
    return own or class_colors(len(examined.report.classes))


class _Legend:
    """A swatch, the index, the name and the share of each class, in columns."""

    def __init__(self, examined: Examination, width: int) -> None:
        report = examined.report
        total = max(1, sum(report.class_pixels))
        colors = _colors(examined)
        self._entries: list[tuple[Pixels, str, str]] = [
            (np.full((18, 18, 3), color, np.uint8), f"{index}  {name}", f"{100 * pixels / total:.2f} %")
            for index, (color, name, pixels) in enumerate(
                zip(colors, report.classes, report.class_pixels, strict=True)
            )
        ]
        if report.classes:
            plain = np.full((18, 18, 3), 200, np.uint8)
            swatch = paint(plain, np.full((18, 18), IGNORE, np.uint8), colors)
            self._entries.append((swatch, f"{IGNORE}  unknown", ""))
        self._columns = max(1, width // 300)
        self._cell = width // self._columns
        self.height = 28 * -(-len(self._entries) // self._columns)

    def draw(self, canvas: Image.Image, top: int) -> None:
        draw = ImageDraw.Draw(canvas)
        for number, (swatch, name, share) in enumerate(self._entries):
            down, across = divmod(number, self._columns)
            left, y = _MARGIN + across * self._cell, top + 28 * down
            canvas.paste(Image.fromarray(swatch), (left, y))
            draw.rectangle((left, y, left + 17, y + 17), outline=_FAINT)
            end = left + self._cell - 24
            room = self._cell - 60 - draw.textlength(share, _font(13))
            draw.text((left + 26, y + 1), _shortened(draw, shown(name), room), fill=_INK, font=_font(14))
            draw.text((end, y + 2), share, fill=_FAINT, font=_font(13), anchor="ra")


def _shortened(draw: ImageDraw.ImageDraw, text: str, room: float) -> str:
    """Return a text that fits, without its beginning where it is too long: names differ at their ends."""
    if draw.textlength(text, _font(14)) <= room:
        return text
    while len(text) > 1 and draw.textlength(f"…{text}", _font(14)) > room:
        text = text[1:]
    return f"…{text}"


def _font(size: int) -> Any:
    """Return matplotlib's font, which has the letters of most alphabets, where Pillow's own has few."""
    path = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    return ImageFont.truetype(path, size) if path.is_file() else ImageFont.load_default(size)
