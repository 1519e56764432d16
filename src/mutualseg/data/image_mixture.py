"""Which images of a mixed folder one run can read, by the names that the survey gives their kinds."""

from __future__ import annotations

from collections.abc import Mapping

from mutualseg.data.image_kinds import Depth

_DEPTHS: dict[Depth, str] = {"8-bit": "8-bit", "16-bit": "16-bit", "float": "floating-point"}
_MANY_BANDS = " channels"
"""Ends the name of a kind that is neither gray nor RGB, such as "8-bit with 5 channels"."""


def kind_name(depth: Depth, colors: int) -> str:
    """Return what images of a depth and so many bands without alpha are called, such as "16-bit gray"."""
    bands = {1: "gray", 3: "RGB"}.get(colors, f"with {colors}{_MANY_BANDS}")
    return f"{_DEPTHS[depth]} {bands}"


def misfits(counts: Mapping[str, int]) -> set[str]:
    """Return the kinds that cannot be read along with the most frequent one.

    One run reads one depth, and one number of bands, where gray and RGB go together, as
    `image_survey.find_code` has it.

    Args:
        counts: images of each kind by its `kind_name`.
    """
    most = max(counts, key=lambda kind: counts[kind], default=None)
    return {kind for kind in counts if most is not None and not _fit(kind, most)}


def _fit(kind: str, most: str) -> bool:
    if kind == most:
        return True
    are_few_bands = not kind.endswith(_MANY_BANDS) and not most.endswith(_MANY_BANDS)
    return kind.split(" ", 1)[0] == most.split(" ", 1)[0] and are_few_bands
