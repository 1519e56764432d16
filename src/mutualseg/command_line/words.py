"""The words of a command line, before any parser: one spelling, values found, switches completed."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from jsonargparse import ArgumentParser

from mutualseg.command_line.options import BARE, options_of


def spelled(word: str) -> str:
    """Return an option in its one spelling: --split-seed, --method.burn_in, --method.name."""
    if not word.startswith("--"):
        return word
    name, separator, value = word[2:].partition("=")
    if "." in name:
        head, _, tail = name.partition(".")
        name = f"{head}.{tail.replace('-', '_')}"
    else:
        name = name.replace("_", "-")
    return f"--{'method.name' if name == 'method' else name}{separator}{value}"


def value_of(option: str, words: Sequence[str]) -> str | None:
    """Return the value that an option has on the command line; the last one counts."""
    found = None
    for index, word in enumerate(words):
        name, separator, value = word.partition("=")
        if name == option:
            found = value if separator else (words[index + 1] if index + 1 < len(words) else None)
    return found


def repeated(
    words: Sequence[str],
    lists: Iterable[str],
    numbers: Iterable[str] = (),
    choices: Mapping[str, Container[str]] | None = None,
) -> list[str]:
    """Return `--seeds 0 1` as `--seeds=0 --seeds=1`, and a bare `--ablation` as all of them.

    Args:
        words: in their one spelling.
        lists: options that take several values.
        numbers: options that take several numbers; after the first value another word ends them.
        choices: options that take several of some words, each with those; likewise.
    """
    choices = choices or {}
    many, numeric = {*lists, *numbers, *choices}, set(numbers)
    found: list[str] = []
    option, is_bare = None, False
    for word in [*words, "--"]:
        if word.startswith("--"):
            if is_bare and option is not None:
                found.append("--ablation=all" if option == "--ablation" else option)
            option, is_bare = (word, True) if word in many else (None, False)
            if option is None:
                found.append(word)
        else:
            if option is not None and not is_bare and not _is_value(word, option, numeric, choices):
                option = None
            found.append(word if option is None else f"{option}={word}")
            is_bare = False
    return found[:-1]


def _is_value(word: str, option: str, numeric: Container[str], choices: Mapping[str, Container[str]]) -> bool:
    """Tell whether a word goes on with the values of an option."""
    if option in choices:
        return all(part in choices[option] for part in word.split(","))
    return option not in numeric or _is_number(word)


def _is_number(word: str) -> bool:
    try:
        return bool([float(part) for part in word.split(",")])
    except ValueError:
        return False


def without_config(words: Sequence[str]) -> Iterator[str]:
    """Yield the words without `--config` and its value."""
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word == "--config":
            skip = True
        elif not word.startswith("--config="):
            yield word


def with_value(word: str, words: Sequence[str], index: int, parser: ArgumentParser) -> str:
    """Return a bare switch as `--switch=true`, so that a following positional is not taken for its value."""
    action = options_of(parser).get(word)
    if action is None or action.nargs != "?":
        return word
    following = words[index + 1] if index + 1 < len(words) else "--"
    is_value = not following.startswith("-") and (
        action.dest in BARE or following.lower() in ("true", "false")
    )
    return word if is_value else f"{word}=true"
