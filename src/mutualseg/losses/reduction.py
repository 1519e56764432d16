"""Means over valid pixels that are the same on one process and on many.

Averaging per process first would give a pixel more weight where its process holds few valid
ones. So every mean divides by the number of valid pixels of the whole batch.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch import distributed as dist


def process_count() -> int:
    """Return the number of processes that train together, 1 without torch.distributed."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def valid_per_process(valid: Tensor) -> Tensor:
    """Count the valid pixels of all processes, divided by the number of processes.

    A loss that each process divides by this number has the single-process value as its mean over
    processes, and its gradients, which DDP averages over processes, are the single-process ones.

    Every process of the group must call this the same number of times.

    Args:
        valid: bool of any shape, this process's pixels.

    Returns:
        Positive float32 scalar; 1 / processes when no process has a valid pixel, so that dividing
        a sum over nothing gives 0.
    """
    return count_everywhere(valid).clamp(min=1).to(torch.float32) / process_count()


def weight_per_process(weight: Tensor, valid: Tensor) -> Tensor:
    """Sum the weights of the valid pixels of all processes, divided by the number of processes.

    The divisor of a weighted mean, as `valid_per_process` is that of a plain one.

    Args:
        weight: floating, any shape, not negative; without gradient.
        valid: bool, the shape of `weight`.

    Returns:
        Positive scalar; 1 / processes when no valid pixel of any process has a weight.
    """
    total = torch.where(valid, weight, 0.0).sum()
    if process_count() > 1:
        dist.all_reduce(total)
    return torch.where(total > 0, total, 1.0) / process_count()


def sum_over_processes(values: Tensor) -> Tensor:
    """Sum a tensor over all processes, differentiably; every process must call it as often.

    Args:
        values: floating, any shape, the same on each process.

    Returns:
        The sum, on every process. Its gradient flows to this process's part, times the number of processes:
        after DDP has averaged it over them, it is the gradient of one process with all the pixels.
    """
    processes = process_count()
    if processes == 1:
        return values
    total = values.detach().clone()
    dist.all_reduce(total)
    own = processes * values
    return own + (total - own.detach())


def count_everywhere(event: Tensor) -> Tensor:
    """Return the number of True of all processes, int64; every process must call it as often."""
    count = event.sum()
    if process_count() > 1:
        dist.all_reduce(count)  # int64: float32 would lose pixels above 2^24
    return count


def masked_mean(
    values: Tensor,
    valid: Tensor,
    *,
    weight: Tensor | None = None,
    divisor: Tensor | None = None,
) -> Tensor:
    """Average `values` over the valid pixels of the whole batch, over all processes.

    Args:
        values: floating, any shape.
        valid: bool, the shape of `values`. What is not valid is not read: NaN there does no harm.
        weight: factor per pixel, bool or floating, the shape of `values`. It scales the sum and
            not the divisor: a pixel of weight 0 counts as a valid pixel without loss.
        divisor: `valid_per_process(valid)` where the caller has it, to save a reduction.

    Returns:
        Scalar, sum of weight * values over valid pixels / `valid_per_process(valid)`. Zero, and
        still part of the graph, when nothing is valid.

    Raises:
        ValueError: the shapes differ.
    """
    if values.shape != valid.shape:
        raise ValueError(f"values {tuple(values.shape)} and valid {tuple(valid.shape)} differ in shape")
    if weight is not None:
        if weight.shape != values.shape:
            raise ValueError(f"values {tuple(values.shape)} and weight {tuple(weight.shape)} differ in shape")
        values = values * weight
    total = torch.where(valid, values, 0.0).sum()
    return total / (valid_per_process(valid) if divisor is None else divisor)
