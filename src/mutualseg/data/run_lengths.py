"""Masks as lengths of runs of equal pixels, in turn outside and inside, beginning with outside."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_LONGEST = 7
"""Characters of a number in a compressed string: 5 bits each, more than any image has pixels."""


def runs_problem(runs: npt.NDArray[np.int64], pixels: int) -> str | None:
    """Say what is wrong with run lengths that should cover so many pixels; None if nothing is."""
    if (runs < 0).any():
        return "has a run of negative length"
    if (runs > pixels).any() or (covered := int(runs.sum())) > pixels:
        return f"has runs that cover more than its {pixels} pixels"
    return None if covered == pixels else f"has runs that cover {covered} of its {pixels} pixels"


def fill_runs(runs: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return the pixels, flat bool [sum of runs], of run lengths without a problem."""
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs)


def area_of_runs(runs: npt.NDArray[np.int64]) -> int:
    """Return how many pixels are inside."""
    return int(runs[1::2].sum())


def decode_runs(text: str) -> npt.NDArray[np.int64] | None:
    """Return the run lengths, int64 [N], of a compressed string as COCO writes it; None if it is not one.

    Each character holds 6 bits above the character 0: five of the number, lowest first, and one that
    says that more follow. The last of a number carries its sign. From the fourth number on, each
    is the difference to the one before the last.
    """
    codes = np.frombuffer(text.encode("utf-8", "replace"), np.uint8).astype(np.int64) - 48
    if not len(codes):
        return codes
    if ((codes < 0) | (codes > 63)).any() or codes[-1] & 32:
        return None
    is_last = codes & 32 == 0
    starts = np.flatnonzero(np.concatenate([[True], is_last[:-1]]))
    lengths = np.diff(np.append(starts, len(codes)))
    if lengths.max() > _LONGEST:
        return None
    shifts = 5 * (np.arange(len(codes)) - np.repeat(starts, lengths))
    numbers = np.add.reduceat((codes & 31) << shifts, starts)
    # The sign bit is the highest of the five in a number's last character.
    numbers -= np.where(codes[is_last] & 16, np.left_shift(1, 5 * lengths), 0)
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers
