"""JSON files whose content is checked as it is used: what is missing or of a wrong kind is a typed error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mutualseg.data.file_sizes import JSON, refuse_larger_than_memory
from mutualseg.data.polygons import FARTHEST
from mutualseg.data.regular_files import open_regular
from mutualseg.errors import DataError, ImageError, MaskError
from mutualseg.one_line import one_line
from mutualseg.terminal import is_shown_as_it_is

_EDGE = 1 << 16
"""Bytes at either end of a file that `glimpse` reads."""

_LARGEST = 2.0**53  # beyond, float64 holds not every integer
_KINDS = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}


class Node(NamedTuple):
    """A value of a JSON file, and where it stands there."""

    value: object
    file: Path
    place: str
    """Such as "shapes[3].points"; empty for the whole file."""

    def entry(self, key: str) -> Node:
        """Return the value of a key that has to be there."""
        content = self._object()
        if key not in content:
            raise self.error(f"has no {key!r}")
        return Node(content[key], self.file, f"{self.place}.{key}" if self.place else key)

    def optional(self, key: str) -> Node | None:
        """Return the value of a key, None where it is missing or null."""
        return None if self._object().get(key) is None else self.entry(key)

    def entries(self) -> Iterator[Node]:
        """Return the values of a list."""
        return (self.at(index) for index in range(len(self._list())))

    def at(self, index: int) -> Node:
        """Return one value of a list."""
        return Node(self._list()[index], self.file, f"{self.place}[{index}]")

    def text(self) -> str:
        """Return a text that is not empty."""
        if not isinstance(self.value, str):
            raise self._wrong("text is needed")
        if not self.value.strip():
            raise self.error("is empty")
        if not is_shown_as_it_is(self.value):
            raise self.error("has a line break or control character in it", "correct it")
        return self.value

    def integer(self) -> int:
        """Return an integer; 3.0 is one."""
        if isinstance(self.value, float) and self.value.is_integer():
            return int(self.value)
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self._wrong("an integer is needed")
        return self.value

    def identifier(self) -> int | str:
        """Return what an entry is referred to by."""
        return self.text() if isinstance(self.value, str) else self.integer()

    def numbers(self) -> npt.NDArray[np.float64]:
        """Return a list of finite numbers, float64 [N]."""
        return self._as_numbers(self._list(), _LARGEST)

    def points(self) -> npt.NDArray[np.float64]:
        """Return a list of pairs [x, y], float64 [N,2], none too far away for a pixel position."""
        pairs = [pair for pair in self._list() if isinstance(pair, list) and len(pair) == 2]
        if len(pairs) < len(self._list()):
            raise self.error("is not a list of points [x, y]")
        return self._as_numbers(list(chain.from_iterable(pairs)), FARTHEST).reshape(-1, 2)

    def error(self, problem: str, cure: str = "correct it, or export the annotations again") -> MaskError:
        """Return an error that says what is wrong here."""
        return MaskError(f"{self.file}: {self.place or 'the file'} {problem}; {cure}.")

    def _object(self) -> dict[str, object]:
        if not isinstance(self.value, dict):
            raise self._wrong("an object with keys is needed")
        return self.value

    def _list(self) -> list[object]:
        if not isinstance(self.value, list):
            raise self._wrong("a list is needed")
        return self.value

    def _as_numbers(self, values: list[object], largest: float) -> npt.NDArray[np.float64]:
        if not set(map(type, values)) <= {int, float}:
            raise self.error("holds something that is not a number")
        try:
            numbers = np.array(values, np.float64)
        except OverflowError:
            numbers = np.array([np.inf])
        if not (np.abs(numbers) <= largest).all():
            raise self.error("holds a number that is infinite, not a number, or too large")
        return numbers

    def _wrong(self, needed: str) -> MaskError:
        found = _KINDS.get(type(self.value)) or f"the number {one_line(self.value)}"
        return self.error(f"is {found}, and {needed}")


def read_json(path: Path) -> Node:
    """Read a JSON file whole.

    Raises:
        DataError: The file is missing, may not be read, or is larger than the memory.
        MaskError: It holds no JSON.
    """
    refuse_larger_than_memory(path, JSON)
    try:
        with open_regular(path) as file:
            return Node(json.loads(file.read()), path, "")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); check the path.") from None
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else one_line(error)
        raise MaskError(
            f"{path} is not JSON, or cut short ({reason}); export the annotations again."
        ) from None


def glimpse(path: Path) -> str:
    """Return the beginning and the end of a file as text, to guess its format by; "" if it cannot be read."""
    try:
        with open_regular(path) as file:
            text = file.read(_EDGE)
            end = file.seek(0, 2)
            if end > len(text):
                file.seek(max(len(text), end - _EDGE))
                text += b"\n" + file.read()
    except (OSError, ImageError):
        return ""
    # Without zeros, so that the letters of UTF-16 stand side by side.
    return text.replace(b"\0", b"").decode("latin-1")
