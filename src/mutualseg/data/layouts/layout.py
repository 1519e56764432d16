"""A layout: how one public data set, or the output of one tool, lies on disk and becomes a data folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mutualseg.data.catalog.entry import Entry
from mutualseg.data.encoding import Encoding
from mutualseg.data.folder import DataFolder, a_few
from mutualseg.data.image_codes import RGB, ImageCode
from mutualseg.data.sample_index import SampleIndex
from mutualseg.errors import DataError

Progress = Callable[[int, int], None]
"""Is called with (files unpacked or drawn, files in all)."""


class Asked(NamedTuple):
    """What the user wants of any layout."""

    ignore: int | None = None
    """A further mask value that means "class unknown"."""
    images: ImageCode = RGB
    """How images are read."""
    progress: Progress | None = None
    """Told how far files are that are unpacked into the cache."""
    classes: tuple[str, ...] | None = None
    """Names in index order for annotations that come without a class list."""
    skip_broken: bool = False
    """Leave files that cannot be read to whoever skips them."""


@dataclass(frozen=True)
class Layout:
    """One way in which data lie on disk."""

    name: str
    forms: tuple[tuple[str, ...], ...]
    """Paths that have to be there, for each form in which the data set is passed on."""
    expects: str
    """The tree on disk in words, for the message where something is missing."""
    reader: Callable[[Path, Asked], DataFolder]
    """Reads the folder that `home` returns."""
    homes: tuple[str, ...] = ("",)
    """Where below the data folder it may begin, since archives bring folders of their own."""
    recognize: Callable[[Path], bool] | None = None
    """Tells what no form does by looking into files; it has to be cheap."""
    confirm: Callable[[Path], bool] | None = None
    """Tells whether a folder of this form is meant where the user has not said so; it has to be cheap."""

    def home(self, root: Path) -> Path | None:
        """Return the folder in which this layout begins, None if it is not here."""
        for home in self._homes(root):
            if any(not _missing(home, form) for form in self.forms):
                return home
            if self.recognize is not None and self.recognize(home):
                return home
        return None

    def is_here(self, root: Path) -> bool:
        """Tell, without listing folders, whether a data folder has this layout."""
        home = self.home(root)
        return home is not None and (self.confirm is None or self.confirm(home))

    def read(
        self,
        root: Path,
        *,
        ignore: int | None = None,
        images: ImageCode = RGB,
        progress: Progress | None = None,
        classes: Sequence[str] | None = None,
        skip_broken: bool = False,
    ) -> DataFolder:
        """Read a data folder that has this layout.

        Args:
            root: The data folder, or one around it (see `homes`).
            ignore: A further mask value that means "class unknown", beside what the layout ignores.
            images: How images are read.
            progress: Called with (files unpacked into the cache, files in all), where there are any.
            classes: Names in index order for annotations that come without a class list.
            skip_broken: Leave masks that cannot be read to whoever skips them.

        Raises:
            DataError: Something that the layout needs is missing, or no training image has a mask.
            MaskError: Masks or annotations are not what the layout says.
        """
        if not root.is_dir():
            raise DataError(f"The data folder {root} does not exist; check the path.")
        home = self.home(root)
        if home is None:
            raise DataError(f"{self._first_missing(root)}; --layout {self.name} expects {self.expects}.")
        named = None if classes is None else tuple(classes)
        return self.reader(home, Asked(ignore, images, progress, named, skip_broken))

    def _homes(self, root: Path) -> Iterator[Path]:
        return (root / below for below in self.homes)

    def _first_missing(self, root: Path) -> str:
        """Say what is missing of the form that comes nearest."""
        candidates = [(home, form) for home in self._homes(root) for form in self.forms]
        if not candidates:
            return f"{root} holds no such file"
        home, form = max(candidates, key=lambda pair: len(pair[1]) - len(_missing(*pair)))
        return f"{home / _missing(home, form)[0]} is missing"


def _missing(home: Path, form: Iterable[str]) -> list[str]:
    return [path for path in form if not (home / path).exists()]


def assemble(
    name: str,
    home: Path,
    asked: Asked,
    entry: Entry,
    *,
    train: SampleIndex,
    val: SampleIndex | None = None,
    test: SampleIndex | None = None,
    class_source: str | None = None,
    group: str | None = None,
    notes: Iterable[str] = (),
) -> DataFolder:
    """Return the data folder of what a layout's reader found.

    Args:
        name: The layout's.
        home: Its folder.
        asked: What the user wants.
        entry: Classes, colors and the code of the masks.
        train: Training images, with masks and without.
        val: Images to measure on; those without a mask are left out with a note.
        test: The same for the test part.
        class_source: Where the class names come from; the layout if not given.
        group: Pattern of what stays on one side of a split by default.
        notes: Further sentences for the user.

    Raises:
        DataError: No training image has a mask.
    """
    if not len(train.masked):
        raise DataError(
            f"{home}, read as {name}, has no training image with a mask (and {len(train)} without); "
            "add the masks."
        )
    measured = {part: found or SampleIndex.empty() for part, found in (("val", val), ("test", test))}
    unscored = tuple(sample for found in measured.values() for sample in found if sample.mask is None)
    left_out = (
        f"{len(unscored)} images of val and test have no mask and are left out "
        f"({a_few([sample.image for sample in unscored])})."
    )
    return DataFolder(
        root=home,
        train=train,
        val=tuple(measured["val"].labeled()),
        test=tuple(measured["test"].labeled()),
        classes=entry.classes,
        class_source=class_source or name,
        colors=entry.colors,
        encoding=Encoding(asked.images, entry.masks.ignoring(asked.ignore, len(entry.classes))),
        layout=name,
        group=group,
        unscored=unscored,
        notes=(*notes, *([left_out] if unscored else [])),
    )
