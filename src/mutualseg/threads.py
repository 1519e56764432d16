"""The threads that PyTorch computes with on a CPU: they share sums, so the last bits depend on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def threads_set(count: int) -> Iterator[None]:
    """Compute with so many threads while the context is open, and with as many as before afterwards.

    Args:
        count: at least 1.
    """
    before = torch.get_num_threads()
    if count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
