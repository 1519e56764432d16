"""Addressed randomness: every random choice is a pure function of where it is used.

A generator is made from (seed, stream, position, ...) and used for one thing, then dropped. So
results do not depend on the number of workers, and a resumed run needs only its position.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from mutualseg.addressing import address

__all__ = ["address", "generator_at", "permutation"]


def generator_at(seed: int, *path: int | str) -> torch.Generator:
    """Return a CPU generator for one address, e.g. (seed, "unlabeled", position)."""
    return torch.Generator().manual_seed(address(seed, *path))


def permutation(count: int, seed: int, *path: int | str) -> npt.NDArray[np.int64]:
    """Return a permutation of range(count) for one address, int64 [count]."""
    return torch.randperm(count, generator=generator_at(seed, *path)).numpy()
