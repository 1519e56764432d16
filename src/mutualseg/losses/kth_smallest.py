"""The k-th smallest of many numbers that lie on several processes, without bringing them together."""

from __future__ import annotations

import torch
from torch import Tensor

from mutualseg.losses.reduction import count_everywhere

_BITS = 30
"""Of a float32 from 0 to below 2: sign and highest bit of the exponent are 0."""


def kth_smallest(values: Tensor, valid: Tensor, k: Tensor) -> Tensor:
    """Return the k-th smallest of the valid values of all processes.

    By bisection over the bits of a float32, which order numbers that are not negative as the numbers
    themselves: each round counts. Nothing is sorted, sent or read off the device, and the result is exact.

    Every process of the group must call this the same number of times.

    Args:
        values: in [0, 2), floating, any shape, this process's; compared in float32, without gradient.
        valid: bool, the shape of `values`.
        k: integer scalar from 1, the same on every process.

    Returns:
        float32 scalar; 0 where k is 0, just below 2 where there are fewer than k values.
    """
    bits = values.detach().float().contiguous().view(torch.int32)
    low = torch.zeros((), dtype=torch.int32, device=values.device)
    high = torch.full_like(low, 2**_BITS - 1)
    for _ in range(_BITS):
        middle = (low + high) // 2
        enough = count_everywhere(valid & (bits <= middle)) >= k
        low = torch.where(enough, low, middle + 1)
        high = torch.where(enough, middle, high)
    found: Tensor = high.view(torch.float32)
    return found
