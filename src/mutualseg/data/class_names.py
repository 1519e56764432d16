"""Classes and what masks hold for them: named in a file of the data folder, else found in the masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import gcd
from pathlib import Path

from mutualseg.data.class_files import ClassFile, color_of_each, read_class_file
from mutualseg.data.mask_codes import BINARY, IGNORE, INDICES, Color, MaskCode, color_name
from mutualseg.data.mask_pixels import unpack_color
from mutualseg.data.mask_survey import Survey, survey_masks
from mutualseg.errors import MaskError

_MOST_PER_VALUE = 8
"""Classes per value that masks hold, beyond which the values are not taken for indices."""
_MOST_COLORS = 64
"""Colors beyond which they are not taken for classes: blended edges and JPEG make thousands."""
_GRAY_STEP = 5
"""A step between all values from which they are gray levels, as in 0, 10, 20."""
_LEVELS = 240
"""Values up to here are gray levels, unless a list names so many classes: smoothed edges hold all of them."""
_BINARY_NAMES = ("background", "foreground")


@dataclass(frozen=True)
class Classes:
    """The classes of a data folder, and how its masks hold them."""

    names: tuple[str, ...]
    source: str
    """The file that names them, or "masks"."""
    code: MaskCode
    notes: tuple[str, ...] = ()
    """Sentences for the user about what was found out."""
    warnings: tuple[str, ...] = ()
    """Sentences about what may have been meant otherwise."""
    colors: tuple[Color, ...] | None = None
    """RGB of each class, where the class file or the masks have one."""


def read_classes(
    root: Path, masks: Sequence[Path], *, ignore: int | None = None, skip_broken: bool = False
) -> Classes:
    """Return the classes of a folder and the code of its masks.

    Args:
        root: The data folder.
        masks: All masks on disk: without a class file all are looked at, with one only until it is clear
            how they hold the classes.
        ignore: A further gray value, palette position or gray color that means "class unknown". 255 says
            that masks of 0 and 255 alone are one class and ignore, not black and white.
        skip_broken: Leave out masks that cannot be read.

    Raises:
        DataError: The class file is malformed.
        MaskError: The masks hold no usable classes.
    """
    named = read_class_file(root)
    found = _find(root, masks, named, ignore, skip_broken)
    colors = named.colors if named is not None else {}
    if not colors and found.code.kind == "colors":
        colors = {unpack_color(color): index for color, index in found.code.table}
    return replace(found, colors=color_of_each(colors, len(found.names)))


def _find(
    root: Path, masks: Sequence[Path], named: ClassFile | None, ignore: int | None, skip_broken: bool
) -> Classes:
    if ignore is not None and not 0 <= ignore < 2**16:
        raise MaskError(f"--ignore {ignore} is no mask value; give a whole number from 0 to 65535.")

    def enough(survey: Survey) -> bool:
        # Palettes may differ in the last mask, and --ignore 0 asks for the highest index.
        if named is None or skip_broken or survey.palette or ignore == 0:
            return False
        return bool(survey.colored or survey.values - {0, IGNORE})

    survey = survey_masks(masks, enough, skip_broken=skip_broken)
    if named is not None and (named.colors or named.values):
        return Classes(named.names, named.source, _declared(named, survey, ignore))
    # Fewer color images than masks of indices are strays: each is refused when it is read.
    if len(survey.colored) > len(survey.indexed) or survey.palettes_differ:
        return _of_colors(root, survey, named, ignore)
    if survey.values == {0, IGNORE} and ignore != IGNORE:
        return _binary(root, named)
    return replace(_of_values(root, survey.values, named, ignore), warnings=_doubts(survey, ignore))


def _doubts(survey: Survey, ignore: int | None) -> tuple[str, ...]:
    """Return what may have been meant otherwise in masks of indices."""
    gray = survey.black_white
    if ignore == IGNORE or not survey.indexed or len(gray) < len(survey.indexed):
        return ()
    return (
        f"{len(gray)} masks hold 0 and 255 alone ({gray[0]}), and {len(survey.indexed)} hold indices "
        f"({survey.indexed[0]}), so 255 is read as unknown; if it is a class there, write it as its index.",
    )


def _declared(named: ClassFile, survey: Survey, ignore: int | None) -> MaskCode:
    """Return the code that a class file spells out."""
    if named.values:
        values = dict(named.values) | {IGNORE: named.values.get(IGNORE, IGNORE)}
        return MaskCode.of_values(values | ({} if ignore is None else {ignore: IGNORE}))
    colors = dict(named.colors)
    grays = {red for red, green, blue in colors if red == green == blue}
    white_is_class = colors.get((IGNORE, IGNORE, IGNORE), IGNORE) != IGNORE
    is_gray = not survey.colored and not survey.palette and bool(survey.values)
    # Such as black and white, saved as gray.
    is_painted = white_is_class and IGNORE in survey.values and survey.values <= grays
    if is_gray and not is_painted and max(survey.values - {IGNORE}, default=0) < len(named.names):
        return INDICES.ignoring(ignore, len(named.names))  # the colors are for pictures alone
    if ignore is not None and ignore <= IGNORE:
        colors[ignore, ignore, ignore] = IGNORE
    return MaskCode.of_colors(colors)


def _of_colors(root: Path, survey: Survey, named: ClassFile | None, ignore: int | None) -> Classes:
    """Give each color that the masks hold a class, black first, the others by red, green and blue."""
    first = survey.colored[0] if survey.colored else root
    ignored = {ignore * 0x010101} if ignore is not None and ignore <= IGNORE else set()
    found = sorted(survey.colors - ignored)
    if len(found) > _MOST_COLORS:
        raise MaskError(
            f"The masks of {root} hold {len(found)} colors or more ({first}), which is too many for classes, "
            "as blended edges or JPEG make them; name the color of every class in dataset.yaml, or save "
            "masks anew without smoothing."
        )
    shown = ", ".join(color_name(color) for color in found)
    if named is not None:
        raise MaskError(
            f"The masks of {root} hold {len(found)} colors ({shown}), and {named.source} does not say which "
            f"is which; name the color of every class in dataset.yaml, such as colors: "
            f"{{{named.names[0]}: '{color_name(found[0])}', ...}}."
        )
    if survey.indexed:
        raise MaskError(
            f"{survey.indexed[0]} is gray with small values, but most masks of {root} are colored ({shown}); "
            "save it as the others are, or name the color of every class in dataset.yaml."
        )
    if len(found) < 2:
        raise MaskError(f"The masks of {root} hold one color only ({shown}), and two classes are needed.")
    index_of = {unpack_color(color): index for index, color in enumerate(found)}
    index_of |= {unpack_color(color): IGNORE for color in ignored}
    note = (
        f"The masks are colored; {len(found)} colors were found and taken for classes in this order: {shown} "
        "(name them under `colors` in dataset.yaml)."
    )
    names = tuple(color_name(color) for color in found)
    return Classes(names, "masks", MaskCode.of_colors(index_of), (note,))


def _binary(root: Path, named: ClassFile | None) -> Classes:
    if named is not None and len(named.names) != 2:
        raise MaskError(
            f"The masks of {root} hold only 0 and 255, which reads as two classes, but {named.source} names "
            f"{len(named.names)}; say --ignore {IGNORE} if 255 means unknown, or correct the class list."
        )
    note = "The masks hold 0 and 255 alone: two classes (--ignore 255 if 255 means unknown)."
    names = named.names if named is not None else _BINARY_NAMES
    return Classes(names, named.source if named else "masks", BINARY, (note,))


def _of_values(root: Path, found: set[int], named: ClassFile | None, ignore: int | None) -> Classes:
    values = found - {IGNORE, ignore}
    if named is not None:
        shifted = ignore == 0 and len(named.names) in values  # 0 is no class: they count from 1
        code = _from_one(len(named.names)) if shifted else INDICES.ignoring(ignore, len(named.names))
        first = named.names[0 if shifted else 1]
        notes = (f"With --ignore 0 the mask value 1 is {first!r}.",) if ignore == 0 else ()
        return Classes(named.names, named.source, code, notes)
    if ignore == 0:
        names = counted_classes(root, {value - 1 for value in values})
        return Classes(tuple(f"class {i + 1}" for i in range(len(names))), "masks", _from_one(len(names)))
    names = counted_classes(root, values)
    absent = sorted(set(range(len(names))) - values)
    listed = ", ".join(str(value) for value in absent[:8]) + (", ..." if len(absent) > 8 else "")
    gaps: tuple[str, ...] = ()
    if absent:
        gaps = (
            f"No mask holds {listed}: these classes count, and have no pixel (if ids have gaps, name each "
            "under `values` in dataset.yaml).",
        )
    return Classes(names, "masks", INDICES.ignoring(ignore, len(names)), gaps)


def _from_one(count: int) -> MaskCode:
    return MaskCode.of_values({0: IGNORE, IGNORE: IGNORE} | {index + 1: index for index in range(count)})


def counted_classes(root: Path, values: Iterable[int]) -> tuple[str, ...]:
    """Return "class 0", "class 1", ... up to the largest value that masks hold."""
    indices = {value for value in values if value != IGNORE}
    count = max(indices, default=-1) + 1
    step = gcd(*indices) if len(indices) > 1 else 1
    is_smoothed = count > _LEVELS
    if count > _MOST_PER_VALUE * len(indices) > 0 or step >= _GRAY_STEP or is_smoothed:
        listed = ", ".join(str(value) for value in sorted(indices)[:8])
        raise MaskError(
            f"The masks of {root} hold the values {listed}, which look like gray levels (or smoothed edges) "
            f"and not like indices of {count} classes; name the value of every class under `values` in "
            "dataset.yaml, or all classes in classes.txt if they are indices."
        )
    if len(indices) < 2:
        found = (
            "only class " + str(max(indices)) if indices else "no class at all (every pixel is 255, ignore)"
        )
        raise MaskError(
            f"The masks of {root} hold {found}, and two classes are needed; "
            "check the masks, or name all classes in classes.txt."
        )
    return tuple(f"class {index}" for index in range(count))
