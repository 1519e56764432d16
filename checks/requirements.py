"""Which installed distributions a project brings with it: those that it requires, and what they require."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

Find = Callable[[str], Distribution]


def required(
    name: str, extras: Iterable[str] = (), find: Find = distribution
) -> tuple[dict[str, Distribution], list[str]]:
    """Return what a distribution requires on this machine, however far off.

    Args:
        name: of the distribution, which is not among what is returned.
        extras: of it.
        find: returns an installed distribution by its name, or raises PackageNotFoundError.

    Returns:
        Distributions by their normalized names in order, and the names of those that are not installed.
    """
    found: dict[str, Distribution] = {}
    missing: set[str] = set()
    seen: set[tuple[str, str]] = set()
    pending = [(name, extra) for extra in ("", *extras)]
    while pending:
        owner, extra = pending.pop()
        key = canonicalize_name(owner)
        if (key, extra) in seen:
            continue
        seen.add((key, extra))
        try:
            own = find(owner)
        except PackageNotFoundError:
            missing.add(key)
            continue
        found[key] = own
        for text in own.requires or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                pending += [(needed.name, further) for further in ("", *needed.extras)]
    found.pop(canonicalize_name(name), None)
    return dict(sorted(found.items())), sorted(missing)
