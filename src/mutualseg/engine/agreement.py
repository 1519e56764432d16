"""Decisions that all processes of a run take together, or one of them would wait for the others."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist

from mutualseg.losses.reduction import process_count

Item = TypeVar("Item")


def any_process(wants: bool, device: torch.device) -> bool:
    """Return whether any process wants something; all of them must ask at the same time."""
    if process_count() == 1:
        return wants
    votes = torch.tensor(int(wants), device=device)
    dist.all_reduce(votes, op=dist.ReduceOp.MAX)
    return bool(votes.item())


def any_host(wants: bool) -> bool:
    """Return whether any process wants something, without waiting for what their devices compute."""
    if process_count() == 1:
        return wants
    votes = torch.tensor(int(wants))
    dist.all_reduce(votes, op=dist.ReduceOp.MAX, group=_hosts(_world()))
    return bool(votes.item())


def _world() -> dist.ProcessGroup:
    """Return the group of all processes, another one after a new start."""
    found = dist.group.WORLD
    assert found is not None
    return found


@lru_cache(maxsize=1)
def _hosts(world: dist.ProcessGroup) -> dist.ProcessGroup:
    """Return a group of all processes that talks without their devices."""
    if dist.get_backend(world) == "gloo":
        return world
    group = dist.new_group(backend="gloo")
    assert isinstance(group, dist.ProcessGroup)
    return group


def total_on_cpu(values: Tensor, device: torch.device) -> Tensor:
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


def is_finite_everywhere(value: Tensor) -> bool:
    """Return whether a scalar is finite in every process; the device is read once."""
    if process_count() > 1:
        dist.all_reduce(value)  # of infinities of both signs the sum is nan
    return math.isfinite(value.item())


def from_every_process(value: Item) -> list[Item]:
    """Return what each process has, by rank; all of them must call this at the same time."""
    if process_count() == 1:
        return [value]
    found: list[Any] = [None] * process_count()
    dist.all_gather_object(found, value)
    return found


@torch.no_grad()
def take_buffers_of_the_first(modules: Iterable[nn.Module]) -> None:
    """Give every process the first one's floating-point buffers: BatchNorm's running statistics.

    Weights are equal everywhere since gradients are; what BatchNorm saw of its own share of a batch is not,
    unless it is synchronized.
    """
    if process_count() == 1:
        return
    buffers = [b for module in modules for b in module.buffers() if b.is_floating_point()]
    together = torch.cat([buffer.flatten() for buffer in buffers])
    dist.broadcast(together, src=0)
    for buffer, part in zip(buffers, together.split([b.numel() for b in buffers]), strict=True):
        buffer.copy_(part.view_as(buffer))
