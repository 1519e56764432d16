"""Decisions that all processes of a run take together, or one of them would wait for the others."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import distributed as dist

from mutualseg.losses.reduction import process_count


def any_process(wants: bool, device: torch.device) -> bool:
    """Return whether any process wants something; all of them must ask at the same time."""
    if process_count() == 1:
        return wants
    votes = torch.tensor(int(wants), device=device)
    dist.all_reduce(votes, op=dist.ReduceOp.MAX)
    return bool(votes.item())


def sum_over_processes(values: Tensor, device: torch.device) -> Tensor:
    """Return the sum of a tensor over all processes, on the CPU."""
    if process_count() == 1:
        return values
    total = values.to(device)
    dist.all_reduce(total)
    return total.cpu()


def is_leader() -> bool:
    """Whether this process is the one that writes."""
    return process_count() == 1 or dist.get_rank() == 0


_STEPS_BETWEEN_VOTES = 10


def may_ask(step: int, device: torch.device) -> bool:
    """Whether a vote may be held after a step: on CUDA it waits for the device, so only now and then."""
    return process_count() == 1 or device.type == "cpu" or step % _STEPS_BETWEEN_VOTES == 0


def same_everywhere(value: str) -> str:
    """Return the first process's text in every process."""
    values = [value]
    if process_count() > 1:
        dist.broadcast_object_list(values, src=0)
    return values[0]
