"""How much memory a training will need, from one small forward pass, before its first step."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from mutualseg.devices import autocast
from mutualseg.engine.training import Training
from mutualseg.machine import free_memory
from mutualseg.methods.base import Method, Progress
from mutualseg.networks.segmenter import round_up
from mutualseg.optimization import Optimization
from mutualseg.types import LabeledBatch, UnlabeledBatch

_PROBE_SIDE = 64
_STATES = {"adamw": 2, "sgd": 1}
"""Tensors that an optimizer keeps for each weight."""
_WORKING = 1.25
"""Factor for what backward passes and libraries hold beside that: an estimate on the safe side."""


@dataclass(frozen=True)
class Forecast:
    """What a training needs: a part that is always there, and one that grows with the crops."""

    weights: int
    """Bytes of all networks, of the students' gradients, and of the optimizer's state."""
    per_pixel: float
    """Bytes that one pixel of a labeled or unlabeled crop leaves for the backward pass."""

    def bytes(self, images: int, crop: int) -> int:
        """Return the bytes that steps on so many crops of this side need."""
        return int(self.weights + _WORKING * self.per_pixel * images * crop**2)


def forecast(training: Training, *, device: str, precision: str) -> Forecast:
    """Look at what a small step leaves for its backward pass.

    Args:
        training: copied; it and its networks stay as they are.
        device: where it will run.
        precision: in what.
    """
    method = copy.deepcopy(training.method).to(device).train()
    probe = Training(
        method,
        training.optimization,
        total_steps=training.total_steps,
        seed=training.seed,
        activation_checkpointing=training.activation_checkpointing,
    )
    probe.make_ready()
    side = round_up(_PROBE_SIDE, probe.multiple)
    weights = {tensor.untyped_storage().data_ptr() for tensor in method.state_dict().values()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # an operation's own output would keep the whole graph alive for good

    batch = _gray_batch(side, method, device)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), autocast(device, precision):
        loss = probe.loss_at(batch, Progress.at(method.busy_share()))
    images = 4 if method.uses_unlabeled else 2
    del loss
    return Forecast(_weight_bytes(probe, training.optimization), sum(kept.values()) / (images * side**2))


def _weight_bytes(training: Training, optimization: Optimization) -> int:
    trained = sum(
        p.numel() * p.element_size() for s in training.method.students().values() for p in s.parameters()
    )
    # Each once, also of frozen networks that are no part of the method's state.
    holders = (training.method, *training.method.networks().values())
    held = {id(tensor): tensor for each in holders for tensor in (*each.parameters(), *each.buffers())}
    everything = sum(int(tensor.nbytes) for tensor in held.values())
    return everything + trained * (1 + _STATES[optimization.optimizer])


def _gray_batch(side: int, method: Method, device: str) -> dict[str, LabeledBatch | UnlabeledBatch]:
    """Return two crops of each kind, as a loader would."""
    channels = next(iter(method.networks().values())).channels
    images = torch.full((2, channels, side, side), 128, dtype=torch.uint8, device=device)
    valid = torch.ones(2, side, side, dtype=torch.bool, device=device)
    batch: dict[str, LabeledBatch | UnlabeledBatch] = {
        "labeled": LabeledBatch(images, torch.zeros(2, side, side, dtype=torch.int64, device=device), valid)
    }
    if method.uses_unlabeled:
        strong = (images, valid[:, None]) if method.strong_views == 2 else ()
        batch["unlabeled"] = UnlabeledBatch(images, images, valid, valid[:, None], *strong)
    return batch


def free_bytes(device: str) -> int | None:
    """Return the memory that is free on a device, or None where the system does not say."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    return free_memory() if device == "cpu" else None


def in_words(needed: int, free: int | None) -> str:
    """Return a forecast as a sentence for the user."""
    sentence = f"memory: about {_size(needed)}"
    if free is None:
        return f"{sentence} for training"
    if needed <= free:
        return f"{sentence} of {_size(free)} free"
    return (
        f"{sentence} is needed but only {_size(free)} is free; should it fail, use a smaller --batch or "
        "--crop, --accumulate, or --activation-checkpointing"
    )


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{count / 2**20:.0f} MB"
