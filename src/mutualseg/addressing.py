"""The address of a random choice as one integer: pure Python, so that commands without torch start fast."""

from __future__ import annotations

import hashlib


def address(seed: int, *path: int | str) -> int:
    """Return a 63-bit integer that depends on every part of the address, in order."""
    text = "/".join(str(part) for part in (seed, *path))
    # A file name may hold bytes that are not UTF-8; Python carries them as lone surrogates.
    digest = hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
