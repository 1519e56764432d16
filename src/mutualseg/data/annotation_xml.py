"""XML files of annotations, read element by element, with typed errors for what is missing or malformed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from mutualseg.data.polygons import FARTHEST
from mutualseg.data.regular_files import open_regular
from mutualseg.errors import DataError, MaskError
from mutualseg.terminal import is_shown_as_it_is

_CHUNK = 1 << 18


class Tag(NamedTuple):
    """An element of an XML file, and where it stands there."""

    element: ElementTree.Element
    file: Path
    place: str

    def text(self, attribute: str) -> str:
        """Return an attribute that has to be there and not be empty."""
        value = self.element.get(attribute)
        if value is None or not value.strip():
            raise self.error(f"has no {attribute!r}" if value is None else f"has an empty {attribute!r}")
        if not is_shown_as_it_is(value):
            raise self.error(f"has a line break or control character in {attribute!r}", "correct it")
        return value

    def number(self, attribute: str, default: float | None = None) -> float:
        """Return an attribute that is a number small enough for a pixel position."""
        if default is not None and attribute not in self.element.attrib:
            return default
        return float(self._numbers(attribute, [self.text(attribute)])[0])

    def integer(self, attribute: str, default: int | None = None) -> int:
        """Return an attribute that is a whole number."""
        number = self.number(attribute, default)
        if number != int(number):
            raise self.error(f"has {attribute!r} = {number}, and a whole number is needed")
        return int(number)

    def integers(self, attribute: str) -> npt.NDArray[np.int64]:
        """Return an attribute of whole numbers with commas between them, int64 [N]."""
        numbers = self._numbers(attribute, self.text(attribute).split(","))
        if (numbers != np.floor(numbers)).any():
            raise self.error(f"has a number in {attribute!r} that is not whole")
        return numbers.astype(np.int64)

    def points(self, attribute: str) -> npt.NDArray[np.float64]:
        """Return an attribute of the form x,y;x,y;... as float64 [N,2]."""
        pairs = self.text(attribute).strip().rstrip(";").split(";")
        if any(pair.count(",") != 1 for pair in pairs):
            raise self.error(f"has {attribute!r} that are not of the form x,y;x,y;...")
        return self._numbers(attribute, ",".join(pairs).split(",")).reshape(-1, 2)

    def error(self, problem: str, cure: str = "correct it, or export the annotations again") -> MaskError:
        """Return an error that says what is wrong here."""
        return MaskError(f"{self.file}: {self.place} {problem}; {cure}.")

    def _numbers(self, attribute: str, texts: list[str]) -> npt.NDArray[np.float64]:
        try:
            numbers = np.array(list(map(float, texts)))
        except ValueError:
            raise self.error(f"has something in {attribute!r} that is not a number") from None
        if not (np.abs(numbers) <= FARTHEST).all():
            raise self.error(f"has a number in {attribute!r} that is infinite, not a number, or too large")
        return numbers


def elements_below_root(file: Path) -> Iterator[ElementTree.Element]:
    """Yield the root, still empty, and then each of its children, whole; a child is freed when done with.

    Raises:
        DataError: The file is missing or may not be read.
        MaskError: It is not XML, or declares a document type: entities can grow without bounds.
    """
    children = _Children(file)
    parser = ElementTree.XMLParser(target=children)
    try:
        with open_regular(file) as stream:
            while chunk := stream.read(_CHUNK):
                parser.feed(chunk)
                yield from children.take()
            parser.close()
    except ElementTree.ParseError as error:
        raise MaskError(f"{file} is not XML, or cut short ({error}); export the annotations again.") from None
    except (ValueError, LookupError) as error:  # an encoding that Python does not know
        raise MaskError(f"{file} cannot be decoded ({error}); save it as UTF-8.") from None
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror or error}); check the path.") from None
    yield from children.take()


class _Children(ElementTree.TreeBuilder):
    """Builds the tree, and hands over each child of the root instead of keeping it there."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self._open: list[ElementTree.Element] = []
        self._done: list[ElementTree.Element] = []

    def take(self) -> list[ElementTree.Element]:
        """Return what is finished since the last call."""
        done, self._done = self._done, []
        return done

    def start(self, tag: str, attrs: dict[str, str]) -> ElementTree.Element:
        """Begin an element."""
        element = super().start(tag, attrs)
        if not self._open:
            self._done.append(element)
        self._open.append(element)
        return element

    def end(self, tag: str) -> ElementTree.Element:
        """End an element."""
        element = super().end(tag)
        self._open.pop()
        if len(self._open) == 1:
            self._open[0].remove(element)
            self._done.append(element)
        return element

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Refuse what an export of annotations never has."""
        raise MaskError(f"{self._file} declares a document type (<!DOCTYPE {name}>); remove the declaration.")
