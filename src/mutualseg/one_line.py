"""Foreign words in a message: on one line, of bounded length."""

from __future__ import annotations


def one_line(words: object, most: int = 200) -> str:
    """Return a text without line breaks and control characters, cut where it is long."""
    joined = " ".join(str(words).split())
    shown = "".join(letter for letter in joined if letter.isprintable())
    return shown if len(shown) <= most else f"{shown[:most]}..."


def breaks_lines(text: str) -> bool:
    """Tell whether a text has line breaks, control characters or halves of surrogate pairs in it.

    Such a name could not be written to a list of one name a line, or not written at all.
    """
    return (
        any(not letter.isprintable() and not letter.isspace() for letter in text)
        or len(text.splitlines()) > 1
    )
