"""`check --fix OUT`: a copy of a data folder without what is wrong with it; the folder is only read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import yaml
from PIL import Image, ImageOps

from mutualseg.data.doctor import Examination
from mutualseg.data.file_heads import true_suffix
from mutualseg.data.file_names import suffix_of, without_suffix
from mutualseg.data.findings import Change
from mutualseg.data.folder_survey import Progress, ReadMask, without_name
from mutualseg.data.grouping import bare_name
from mutualseg.data.image_opening import open_image
from mutualseg.data.layouts import FOLDER
from mutualseg.data.left_out import files_left_out, images_left_out
from mutualseg.data.lookahead import look_ahead
from mutualseg.data.mask_codes import IGNORE
from mutualseg.data.masks import foreign_values, size_problem, values_of
from mutualseg.data.regular_files import real_path
from mutualseg.data.samples import Sample
from mutualseg.errors import ConfigError, DataError
from mutualseg.machine import cores

CHANGES_FILE = "FIXED.txt"

Mask = npt.NDArray[np.uint8]

_AHEAD = 4
_AS_PNG = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
"""Modes of Pillow that a PNG keeps as they are."""


@dataclass(frozen=True)
class WrittenCopy:
    """How many files a cured copy has, and how it differs from its source."""

    images: int
    masks: int
    changes: tuple[Change, ...]


class _Task(NamedTuple):
    """One sample, what is known of it, and where it goes."""

    sample: Sample
    target: str
    """Below images/ and masks/, without suffix."""
    size: tuple[int, int]
    """(height, width) of the upright image."""
    orientation: int
    format: str


class _Done(NamedTuple):
    """What became of one sample."""

    values: set[int] | None
    """Of the mask that was written; None if there is none."""
    changes: list[Change]


def require_empty_place(out: Path, read_only: Sequence[Path]) -> None:
    """Raise a ConfigError unless `--fix OUT` can be written without touching what is there.

    Args:
        out: The folder to write.
        read_only: The data folder and the `--unlabeled` folders.
    """
    place = real_path(out)
    for folder in read_only:
        if real_path(folder) in (place, *place.parents):
            raise ConfigError(f"--fix {out} lies in {folder}, which is only read; name a folder outside it.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"--fix {out} exists and is not an empty folder; name a new one.")


def write_cured_copy(examined: Examination, out: Path, progress: Progress | None = None) -> WrittenCopy:
    """Write a copy of an examined data folder, and FIXED.txt with every difference.

    Images are copied byte for byte, unless an orientation tag says that they are stored turned: those are
    written upright, as PNG. Masks become 8-bit PNGs of class indices. Images of `--unlabeled` folders become
    training images. Broken files, masks of another size than their image's, and images that occur twice
    are left out.

    Args:
        examined: The folder.
        out: As `require_empty_place` wants it.
        progress: Called with (samples done, samples in all).

    Raises:
        DataError: There is no image to copy; nothing was written.
    """
    survey, report = examined.survey, examined.report
    reasons = images_left_out(survey)
    tasks = list(_tasks(examined, reasons))
    if not tasks:
        raise DataError(
            f"No image of {report.root} can be read, so there is nothing to copy; see check alone."
        )
    changes = []
    for place, reason in sorted(reasons.items()):
        sample = survey.samples[place]
        changes.append(Change(sample.image, reason))
        if sample.mask is not None:
            changes.append(Change(sample.mask, "left out with its image"))
    if report.layout == FOLDER.name:
        changes += files_left_out(report.root)
    read_mask = examined.read_mask if report.classes else _refuse_mask
    done = look_ahead(
        lambda task: _write(task, out, read_mask, len(report.classes)),
        tasks,
        threads=cores(),
        ahead=_AHEAD * cores(),
    )
    out.mkdir(parents=True, exist_ok=True)
    masks, values = 0, set[int]()
    for number, one in enumerate(done, start=1):
        changes += one.changes
        if one.values is not None:
            masks += 1
            values |= one.values
        if progress:
            progress(number, len(tasks))
    changes += _write_classes(examined, out, values)
    lines = [f"Cured copy of {report.root}", *(f"{change.file}: {change.what}" for change in changes)]
    (out / CHANGES_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogateescape")
    return WrittenCopy(len(tasks), masks, tuple(changes))


def _tasks(examined: Examination, left_out: dict[int, str]) -> Iterator[_Task]:
    survey = examined.survey
    taken = set[str]()
    for place, sample in enumerate(survey.samples):
        if place in left_out:
            continue
        name = without_suffix(sample.name) if sample.is_external else bare_name(sample)
        target, number = f"{sample.part}/{name}", 2
        while target in taken:  # an --unlabeled folder may hold a.jpg and a.png, or be named as one of train/
            target, number = f"{sample.part}/{name}_{number}", number + 1
        taken.add(target)
        height, width = survey.size[place].tolist()
        yield _Task(
            sample, target, (height, width), int(survey.orientation[place]), str(survey.formats[place])
        )


def _write(task: _Task, out: Path, read_mask: ReadMask, num_classes: int) -> _Done:
    changes = [Change(task.sample.image, what) for what in _write_image(task, out)]
    if task.sample.mask is None:
        return _Done(None, changes)
    try:
        mask = read_mask(task.sample.mask)
    except DataError as error:
        reason = without_name(error, task.sample.mask)
        return _Done(None, [*changes, Change(task.sample.mask, f"left out: {reason}")])
    notes = []
    if task.orientation >= 5 and mask.shape == task.size[::-1] != task.size:
        mask = upright(mask, task.orientation)
        notes.append("turned upright as its image")
    problem = size_problem(mask.shape, task.size)
    if problem is not None:
        return _Done(None, [*changes, Change(task.sample.mask, f"left out: {problem}")])
    strangers = foreign_values(values_of(mask), num_classes)
    if strangers:
        unknown = np.isin(mask, strangers)
        mask = np.where(unknown, np.uint8(IGNORE), mask)
        listed = ", ".join(str(value) for value in strangers)
        notes.append(f"{unknown.sum()} pixels of values that no class has ({listed}) set to 255 (ignore)")
    path = out / "masks" / f"{task.target}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)
    if notes:
        changes.append(Change(task.sample.mask, "; ".join(notes)))
    return _Done(values_of(mask), changes)


def _write_image(task: _Task, out: Path) -> list[str]:
    """Write an image and say how it differs from its source."""
    source = task.sample.image
    named = out / "images" / task.target
    named.parent.mkdir(parents=True, exist_ok=True)
    if task.orientation != 1 and _write_upright(source, Path(f"{named}.png")):
        return ["written upright, as PNG, without the orientation tag"]
    suffix = true_suffix(task.format, source.name)
    shutil.copyfile(source, f"{named}{suffix or suffix_of(source.name)}")
    return [] if suffix is None else [f"named {suffix}, as it is a {task.format} file"]


def _write_upright(source: Path, target: Path) -> bool:
    with open_image(source) as image:
        turned = ImageOps.exif_transpose(image)
        if turned.mode not in _AS_PNG:
            return False
        turned.save(target)
    return True


def upright(mask: Mask, orientation: int) -> Mask:
    """Turn pixels [H,W] as an image with this EXIF orientation (1 to 8) is turned to stand upright."""
    if orientation >= 5:
        mask = mask.T
    flips = {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}
    return np.ascontiguousarray(np.flip(mask, flips.get(orientation, ())))


def _refuse_mask(path: Path) -> Mask:
    raise DataError(f"{path} cannot be read, since the classes are not known; name them in classes.txt.")


def _write_classes(examined: Examination, out: Path, values: set[int]) -> Iterator[Change]:
    """Write the class list; masks are indices now, whatever a list in the source said of them."""
    names = [" ".join(name.split()) for name in examined.report.classes]
    source = examined.report.root / examined.report.class_source
    if not names:
        return
    if values == {0, IGNORE}:  # alone they would read as black and white
        content = {"classes": names, "values": list(range(len(names)))}
        (out / "dataset.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        yield Change(source, "written as dataset.yaml")
        return
    (out / "classes.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    if examined.report.class_source != "classes.txt":
        yield Change(source, "classes written to classes.txt")
