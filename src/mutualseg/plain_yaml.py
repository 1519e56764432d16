"""YAML as plain values, read from files that anybody may have written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mutualseg.one_line import one_line

_LONGEST = 2**22
"""Characters: a configuration or a class list has a thousandth of them."""
_DEEPEST = 50
_MOST = 200_000
"""Values once every alias (`*name`) stands for what it repeats: a few lines can spell out billions."""


class NotPlainError(ValueError):
    """A text is no YAML of plain values; the message is the reason, without a full stop."""

    line: int | None = None
    """Counted from 1, where it is known."""


def plain_text(path: Path, errors: str = "strict") -> str:
    """Return the text of a YAML file, which is not read if it is far larger than any is.

    Args:
        path: of the file, in UTF-8.
        errors: what is done about other bytes, as `open` takes it.

    Raises:
        NotPlainError: it is too large.
        UnicodeDecodeError: it holds other bytes, and errors is "strict".
    """
    size = path.stat().st_size
    if size > _LONGEST:
        raise NotPlainError(f"it has {size} bytes, and {_LONGEST} are read at most")
    return path.read_text(encoding="utf-8", errors=errors)


def read_plain(text: str, loader: type[yaml.SafeLoader] = yaml.SafeLoader) -> Any:
    """Return the values of a YAML text: no tag makes anything else, and no alias makes more than it spells.

    Args:
        text: of the file.
        loader: how plain words are understood.

    Raises:
        NotPlainError: it is something else.
    """
    if len(text) > _LONGEST:
        raise NotPlainError(f"it has {len(text)} characters, and {_LONGEST} are read at most")
    try:
        reader = loader(text)  # which refuses control characters at once
        node = reader.get_single_node()
        if node is None:
            return None
        _size(node, {}, 0)
        return reader.construct_document(node)
    except NotPlainError:
        raise
    except RecursionError:
        raise NotPlainError("it is nested too deeply") from None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, LookupError, AttributeError) as error:
        refusal = NotPlainError(_first_words(error))
        mark = getattr(error, "problem_mark", None)
        refusal.line = None if mark is None else mark.line + 1
        raise refusal from None


def _size(node: yaml.Node, known: dict[int, int | None], depth: int) -> int:
    """Return how many values a node spells out, those that it repeats each time; refuse too many."""
    if depth > _DEEPEST:
        raise NotPlainError("it is nested too deeply")
    if id(node) in known:
        size = known[id(node)]
        if size is None:
            raise NotPlainError("it repeats itself without end")
        return size
    known[id(node)] = None
    size = 1
    if isinstance(node, yaml.SequenceNode):
        size += sum(_size(item, known, depth + 1) for item in node.value)
    elif isinstance(node, yaml.MappingNode):
        size += sum(_size(item, known, depth + 1) for pair in node.value for item in pair)
    if size > _MOST:
        raise NotPlainError(f"it spells out more than {_MOST} values")
    known[id(node)] = size
    return size


def _first_words(error: Exception) -> str:
    text = getattr(error, "problem", None) or str(error)
    return one_line(text, 120) or type(error).__name__
