"""Optimizer steps whose loss or gradient is not finite: they change nothing, and a row of them is the end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from mutualseg.data.datamodule import TwoStreams
from mutualseg.data.past_batches import BatchPlace, files_of
from mutualseg.engine.agreement import from_every_process, is_finite_everywhere, is_leader
from mutualseg.engine.bad_batches import BadBatch, write_bad_batch
from mutualseg.engine.training import Training
from mutualseg.errors import TrainingError
from mutualseg.networks.segmenter import Segmenter
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder

MOST_IN_A_ROW = 10
"""So many skipped steps one after the other end the run: it would not recover."""
MOST_SAVED = 3
"""So many batches are written and named on the console; further ones are counted."""


class SkippedSteps(pl.Callback):
    """Leave an optimizer step out if its loss or gradient is not finite.

    Weights, the optimizer's moments and the teachers stay as they are, and what the forward passes moved
    (BatchNorm's and the classes' statistics, thresholds) is put back: one batch would spoil it for good. The
    global step goes on, since every schedule is a function of it.

    Args:
        folder: of the run.
        console: says what was skipped.
        streams: tell what was in a batch.
    """

    def __init__(self, folder: RunFolder, console: RunConsole, streams: TwoStreams) -> None:
        self.folder = folder
        self.console = console
        self.streams = streams
        self.count = 0
        """Steps skipped so far."""
        self.in_a_row = 0
        """Of them the latest ones that no other step parted."""
        self._saved = 0
        self._losses: list[Tensor] = []
        self._terms: list[dict[str, Tensor]] = []
        self._buffers: list[list[Tensor]] = []
        self._kept: list[list[Tensor]] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Find what forward passes move: now it is where it stays, on the device."""
        assert isinstance(pl_module, Training)
        by_type: dict[torch.dtype, list[Tensor]] = {}
        for buffer in pl_module.method.buffers():  # one type at a time is fused on CUDA
            by_type.setdefault(buffer.dtype, []).append(buffer)
        self._buffers = list(by_type.values())
        self._kept = [[buffer.clone() for buffer in buffers] for buffers in self._buffers]

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Remember at the start of an optimizer step how things were."""
        assert isinstance(pl_module, Training)
        if pl_module.is_between_steps:
            self._losses, self._terms = [], []
            _copy(self._buffers, self._kept)

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        """Remember the losses of a micro-step, unread."""
        assert isinstance(pl_module, Training)
        self._losses.append(loss.detach())
        self._terms.append(pl_module.terms)

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Let the optimizer find no gradient where the step is to be left out.

        The norm and the loss are read as one number. On CUDA that read waits for the backward pass, once per
        step, as every loss scaler of float16 training does too. A gradient whose square is beyond float32
        counts as infinite: it would fill AdamW's second moment with infinities.
        """
        assert isinstance(pl_module, Training)
        parameters = [weight for group in optimizer.param_groups for weight in group["params"]]
        if is_finite_everywhere(gradient_norm(parameters) + torch.stack(self._losses).sum()):
            self.in_a_row = 0
            return
        bad = self._describe(pl_module)
        for weight in parameters:
            weight.grad = None
        _copy(self._kept, self._buffers)
        pl_module.step_is_skipped = True
        self.count += 1
        self.in_a_row += 1
        self._report(bad, pl_module)

    def _describe(self, training: Training) -> BadBatch:
        """Return what went wrong; all processes call this together.

        Of a term that is not finite, all return the same: the losses of the first process that has one. Else
        each returns its own losses, of which the leader's are written.
        """
        losses = [{name: float(term) for name, term in terms.items()} for terms in self._terms]
        step, processes = training.global_step, self.streams.processes
        for rank, found in enumerate(from_every_process(losses)):
            for micro_step, terms in enumerate(found):
                name = next((name for name, value in terms.items() if not math.isfinite(value)), None)
                if name is not None:
                    reason = f"the loss term '{name}' became {terms[name]}"
                    return BadBatch(step + 1, reason, found, [BatchPlace(step, micro_step, rank)])
        micro_steps = range(self.streams.accumulate)
        places = [BatchPlace(step, micro, rank) for micro in micro_steps for rank in range(processes)]
        return BadBatch(step + 1, _bad_gradient(training.method.students()), losses, places)

    def _report(self, bad: BadBatch, training: Training) -> None:
        """Write and say what was skipped; end the run if it is one too many."""
        is_last = self.in_a_row >= MOST_IN_A_ROW
        path = self.folder.bad_batches / f"step_{bad.step:06d}.json"
        if is_last or (self.in_a_row == 1 and self._saved < MOST_SAVED):
            self._saved += 1
            if is_leader():
                write_bad_batch(self.folder.bad_batches, bad, self.streams, tensors=True)
            if not is_last:
                rest = "" if self._saved < MOST_SAVED else " Further ones are only counted."
                self.console.say(
                    f"step {bad.step} is skipped, since {bad.reason}; what it looked at is in {path}.{rest}"
                )
        if is_last:
            raise TrainingError(
                f"{self.in_a_row} steps in a row were skipped, the last of them step {bad.step}, since "
                f"{bad.reason}; look at what it was given, {self._some_files(bad)} (saved in '{path}' and, "
                f"as the networks saw it, in '{path.with_suffix('.safetensors').name}' beside it), or train "
                f"again with {training.lower_rates()}. Checkpoints of the run are from before and sound."
            )

    def _some_files(self, bad: BadBatch, most: int = 4) -> str:
        """Return the names of a batch's first files, and how many more there are."""
        names = [f"'{name}'" for files in files_of(self.streams, bad.places).values() for name in files]
        more = f" and {len(names) - most} more" if len(names) > most else ""
        return ", ".join(names[:most]) + more

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run goes on counting from."""
        return {"count": self.count, "in_a_row": self.in_a_row, "saved": self._saved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting from a checkpoint."""
        self.count = int(state_dict["count"])
        self.in_a_row = int(state_dict["in_a_row"])
        self._saved = int(state_dict["saved"])


def gradient_norm(parameters: Sequence[Tensor]) -> Tensor:
    """Return the sum of the norms of all gradients, a scalar on their device; 0 if there are none."""
    gradients = [weight.grad for weight in parameters if weight.grad is not None]
    return torch.stack(torch._foreach_norm(gradients)).sum() if gradients else torch.zeros(())


def _bad_gradient(students: Mapping[str, Segmenter]) -> str:
    """Return which network's gradient is not finite, and where in it first; else only their sum can be."""
    for role, student in students.items():
        for name, weight in student.named_parameters():
            norm = float(gradient_norm([weight]))
            if not math.isfinite(norm):
                return f"the gradient of {role} became {norm} (in {name})"
    return "the sum of the loss terms became infinite"


def _copy(source: Sequence[list[Tensor]], target: Sequence[list[Tensor]]) -> None:
    for origin, copies in zip(source, target, strict=True):
        torch._foreach_copy_(copies, origin)
