"""Labels of annotations to class indices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mutualseg.data.mask_codes import IGNORE
from mutualseg.data.natural_order import natural_key
from mutualseg.errors import MaskError
from mutualseg.nearest import nearest_name
from mutualseg.terminal import first_unseen

BACKGROUND = "background"


@dataclass(frozen=True)
class LabelNames:
    """What each label, and the space that no shape covers, is painted with."""

    classes: tuple[str, ...]
    uncovered: int
    """A class index, or 255."""

    def index(self, label: str, place: str) -> int:
        """Return a label's class index, 255 for `__ignore__`.

        Args:
            label: As the annotation has it; white space around it does not count.
            place: The file and the shape, for the message.

        Raises:
            MaskError: The class list does not hold the label.
        """
        label = label.strip()
        if label in self.classes:
            return self.classes.index(label)
        if _is_ignore(label):
            return IGNORE
        if is_background(label):
            return self.uncovered
        nearest = nearest_name(label, self.classes)
        raise MaskError(
            f"{place} has the label {label!r}, and the class list has no such class (the nearest is "
            f"{nearest!r}); correct the label, or add it to the class list."
        )


def name_labels(labels: Iterable[str], classes: Sequence[str] | None, place: str) -> LabelNames:
    """Return the classes of annotations with these labels.

    Without a class list, the classes are "background" and then the labels in their order. `_background_`
    and any spelling of "background" in capitals mean the background; `__ignore__` is no class.

    With a class list, uncovered space is its background; where it has none, it is 255, whatever the labels.

    Args:
        labels: Those that occur, or are declared.
        classes: Names in index order; None to take the labels.
        place: The file or folder, for the message.

    Raises:
        MaskError: There is no label, or there are more classes than fit.
    """
    names = list(dict.fromkeys(label.strip() for label in labels))
    odd = first_unseen(names)
    if odd is not None:
        raise MaskError(f"{place} has the label {odd!r}, with characters that cannot be seen; rename it.")
    if classes is not None:
        background = next((index for index, name in enumerate(classes) if is_background(name)), IGNORE)
        return LabelNames(tuple(classes), background)
    things = [name for name in names if not is_background(name) and not _is_ignore(name)]
    if not things:
        raise MaskError(
            f"{place} names no class besides the background; outline at least one object and export again."
        )
    if len(things) + 1 > IGNORE:
        raise MaskError(
            f"{place} names {len(things)} labels, and at most {IGNORE - 1} fit beside background and "
            "255 (ignore); join some, or leave some out."
        )
    return LabelNames((BACKGROUND, *things), 0)


def in_natural_order(labels: Iterable[str]) -> list[str]:
    """Return distinct labels, sorted so that "cell 2" comes before "cell 10"."""
    return sorted(set(labels), key=natural_key)


def is_background(name: str) -> bool:
    """Tell whether a class or label is called background, in any spelling."""
    return name.strip("_").casefold() == BACKGROUND


def _is_ignore(name: str) -> bool:
    return name.startswith("_") and name.strip("_").casefold() == "ignore"
