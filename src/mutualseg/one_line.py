"""Foreign words in a message: on one line, of bounded length."""

from __future__ import annotations

from mutualseg.terminal import shown


def one_line(words: object, most: int = 200) -> str:
    """Return a text with its lines joined and what cannot be seen spelled out, cut where it is long."""
    lines = (line.strip() for line in str(words).split("\n"))
    joined = shown(" ".join(line for line in lines if line))
    text = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in joined
    )
    return text if len(text) <= most else f"{text[:most]}..."
