"""Foreign words in a message: on one line, of bounded length."""

from __future__ import annotations


def one_line(words: object, most: int = 200) -> str:
    """Return a text without line breaks and control characters, cut where it is long."""
    joined = " ".join(str(words).split())
    shown = "".join(letter for letter in joined if letter.isprintable())
    return shown if len(shown) <= most else f"{shown[:most]}..."
