"""Look whether everything that this project requires has a license that is allowed; exit 1 if not.

python checks/licenses.py [--distribution NAME]
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, distribution

from allowed_licenses import ALLOWED, ALLOWED_FOR, EXCEPTIONS, WORDS
from requirements import required

_WORD = re.compile(r"\(|\)|\bAND\b|\bOR\b|[^\s()]+(?:\s+WITH\s+[^\s()]+)?")
_LONGEST = 100
"""A longer entry is the text of a license, of which the first line counts."""
_SPDX = {name.casefold(): name for name in (*ALLOWED, *ALLOWED_FOR)}


def stated(own: Distribution) -> list[str]:
    """Return the licenses that a distribution's metadata state: an SPDX expression, or words."""
    expression = _entry(own, "License-Expression")
    if expression:
        return [expression]
    text = _entry(own, "License")
    classifiers = [
        entry.rsplit(" :: ", 1)[1]
        for entry in own.metadata.get_all("Classifier") or ()
        if entry.startswith("License :: ") and entry != "License :: OSI Approved"
    ]
    first = text.splitlines()[0].strip() if text else ""
    is_name = bool(text) and text.upper() != "UNKNOWN" and len(text) <= _LONGEST
    if is_name or (text and not classifiers and text.upper() != "UNKNOWN"):
        return [first, *classifiers]
    return classifiers


def _entry(own: Distribution, key: str) -> str:
    return next(iter(own.metadata.get_all(key) or ()), "").strip()


def is_allowed(expression: str, name: str) -> bool:
    """Tell whether a license, or an expression of several with AND, OR and brackets, is allowed for a name.

    Raises:
        ValueError: the expression is malformed.
    """
    known = WORDS.get(expression.casefold())
    words = [known] if known else _WORD.findall(expression)
    allowed, rest = _any(words, name)
    if rest:
        raise ValueError(f"'{expression}' is no license expression")
    return allowed


def _any(words: list[str], name: str) -> tuple[bool, list[str]]:
    allowed, words = _all(words, name)
    while words and words[0] == "OR":
        other, words = _all(words[1:], name)
        allowed = allowed or other
    return allowed, words


def _all(words: list[str], name: str) -> tuple[bool, list[str]]:
    allowed, words = _one(words, name)
    while words and words[0] == "AND":
        other, words = _one(words[1:], name)
        allowed = allowed and other
    return allowed, words


def _one(words: list[str], name: str) -> tuple[bool, list[str]]:
    if not words or words[0] in (")", "AND", "OR"):
        raise ValueError("a license expression ends early")
    if words[0] == "(":
        allowed, words = _any(words[1:], name)
        if not words or words[0] != ")":
            raise ValueError("a license expression lacks a bracket")
        return allowed, words[1:]
    spdx = _SPDX.get(" ".join(words[0].split()).casefold(), words[0])
    prefix = ALLOWED_FOR[spdx][0] if spdx in ALLOWED_FOR else None
    return spdx in ALLOWED or (prefix is not None and name.startswith(prefix)), words[1:]


def finding(name: str, own: Distribution) -> str | None:
    """Return what is wrong with the license of a distribution of a normalized name; None if nothing is."""
    if name in EXCEPTIONS:
        phrase, _ = EXCEPTIONS[name]
        if not phrase or any(phrase in text for text in _license_texts(own)):
            return None
        return f"{name} {own.version}: no license file holds '{phrase}' any more; look at it anew"
    says = stated(own)
    if not says:
        return f"{name} {own.version}: states no license; read its files, then allow it by name, or drop it"
    for license_ in says:
        try:
            allowed = is_allowed(license_, name)
        except ValueError:
            allowed = False
        if not allowed:
            return (
                f"{name} {own.version}: '{license_}' is not on the list; allow it with a reason, or drop it"
            )
    return None


def _license_texts(own: Distribution) -> Iterator[str]:
    for path in own.files or ():
        if re.match(r"(?i)licen[cs]e|copying", path.name):
            yield path.read_text()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was found, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--distribution", default="mutualseg", metavar="NAME", help="whose requirements")
    name = parser.parse_args(arguments).distribution
    extras = distribution(name).metadata.get_all("Provides-Extra") or []
    found, missing = required(name, extras)
    wrong = [problem for key, own in found.items() if (problem := finding(key, own))]
    for problem in wrong:
        print(problem)
    counts = Counter(" / ".join(stated(own))[:40] or "by name" for own in found.values())
    print(f"licenses: {len(found) - len(wrong)} of {len(found)} distributions allowed")
    print("  " + ", ".join(f"{count} {what}" for what, count in counts.most_common(5)) + ", ...")
    if missing:
        print(f"  not installed, not looked at: {', '.join(missing)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
