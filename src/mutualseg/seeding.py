"""Addressed randomness: every random choice is a pure function of where it is used.

A generator is made from (seed, stream, position, ...) and used for one thing, then dropped. So
results do not depend on the number of workers, and a resumed run needs only its position.
"""

from __future__ import annotations

import hashlib

import torch


def address(seed: int, *path: int | str) -> int:
    """Return a 63-bit integer that depends on every part of the address, in order."""
    text = "/".join(str(part) for part in (seed, *path))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator_at(seed: int, *path: int | str) -> torch.Generator:
    """Return a CPU generator for one address, e.g. (seed, "unlabeled", position)."""
    return torch.Generator().manual_seed(address(seed, *path))


def permutation(count: int, seed: int, *path: int | str) -> list[int]:
    """Return a permutation of range(count) for one address."""
    return torch.randperm(count, generator=generator_at(seed, *path)).tolist()
