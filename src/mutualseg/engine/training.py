"""The bridge from a method to the trainer: device, precision, optimizer step, teachers, logging."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from mutualseg.data.skipping import BadFile, content_of
from mutualseg.engine.agreement import any_host, from_every_process, take_buffers_of_the_first
from mutualseg.errors import TrainingError, UnusableFileError
from mutualseg.methods.base import Method, Progress
from mutualseg.networks.activation_checkpointing import checkpoint_activations
from mutualseg.networks.batch_norm import synchronize_batch_norm
from mutualseg.networks.segmenter import pad_to_multiple
from mutualseg.optimization import Optimization
from mutualseg.pixel_values import is_rgb, to_unit
from mutualseg.schedules import poly_decay
from mutualseg.seeding import address
from mutualseg.types import (
    IGNORE_INDEX,
    Batch,
    LabeledBatch,
    LabeledCropBatch,
    UnlabeledBatch,
    UnlabeledCropBatch,
)
from mutualseg.views.batched_photometric import color_labeled, color_unlabeled


class Training(pl.LightningModule):
    """Run a method's step under a trainer.

    Args:
        method: what is trained.
        optimization: how.
        total_steps: optimizer steps of the whole run; all schedules are functions of step / total.
        seed: addresses what networks draw (dropout), by micro-step and rank.
        accumulate: micro-steps per optimizer step; their gradients are averaged.
        compile_networks: whether networks run compiled in training steps.
        activation_checkpointing: whether students compute their encoders twice, to save memory.
        synchronize_batch_norm: whether BatchNorm takes the statistics of all processes' images; CUDA only.
        memory_format: how images and weights lie in memory; convolutions like channels last best.
    """

    def __init__(
        self,
        method: Method,
        optimization: Optimization,
        *,
        total_steps: int,
        seed: int,
        accumulate: int = 1,
        compile_networks: bool = False,
        activation_checkpointing: bool = False,
        synchronize_batch_norm: bool = False,
        memory_format: torch.memory_format = torch.channels_last,
    ) -> None:
        super().__init__()
        self.method = method
        self.optimization = optimization
        self.total_steps = total_steps
        self.seed = seed
        self.accumulate = accumulate
        self.compile_networks = compile_networks
        self.activation_checkpointing = activation_checkpointing
        self.synchronize_batch_norm = synchronize_batch_norm
        self.memory_format = memory_format
        self._micro_step = 0
        self.multiple = math.lcm(*(student.multiple for student in method.students().values()))
        self.step_is_skipped = False
        """Set during an optimizer step that must change nothing: then the teachers do not move either."""
        self.terms: dict[str, Tensor] = {}
        """Loss terms of the latest micro-step by name, detached and still on the device."""
        self.latest: dict[str, Tensor] = {}
        """Losses and logs of the latest micro-step by name, detached and still on the device."""

    def configure_optimizers(self) -> Optimizer:
        """Return the one optimizer of all students."""
        return self.optimization.build(self.method.students().values())

    @property
    def progress(self) -> Progress:
        """Where the run stands."""
        return Progress(self.global_step, self.total_steps)

    @property
    def is_between_steps(self) -> bool:
        """Whether every micro-step of an optimizer step is done: only then is there something to save."""
        return self._micro_step == 0

    def setup(self, stage: str) -> None:
        """Make the networks ready, before the trainer wraps them for several processes."""
        self.make_ready()

    def make_ready(self) -> None:
        """Set the networks up for fast steps on the device that they are on; their values do not change."""
        if self.synchronize_batch_norm:
            for network in self.method.networks().values():
                synchronize_batch_norm(network)
        for network in self.method.networks().values():
            network.to(memory_format=self.memory_format)
        if self.activation_checkpointing:
            for network in self.method.students().values():
                checkpoint_activations(network)
        if self.compile_networks:
            for network in self.method.networks().values():
                network.compile(dynamic=False)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Set the learning rates of this step, and seed what networks draw in it."""
        bad = next((each.message for each in self.looked_at(batch) if isinstance(each, BadFile)), None)
        if any_host(bad is not None):  # or the others would wait for this process in the next sum
            raise UnusableFileError(next(each for each in from_every_process(bad) if each is not None))
        factor = poly_decay(
            self.global_step, self.total_steps, self.optimization.poly_power, self.optimization.warmup
        )
        optimizer = self.optimizers()
        assert isinstance(optimizer, Optimizer)
        for group in optimizer.param_groups:
            group["lr"] = factor * group["peak_lr"]
        micro_step = self.global_step * self.accumulate + self._micro_step
        torch.manual_seed(address(self.seed, "step", micro_step, "rank", self.global_rank))

    def looked_at(self, batch: Mapping[str, Any]) -> list[Any]:
        """Return the halves of a batch that this step looks at: not unlabeled images that teach nothing."""
        needed = self.method.needs_unlabeled(self.progress)
        return [received for name, received in batch.items() if needed or name != "unlabeled"]

    def training_step(self, received: dict[str, Any], batch_idx: int) -> Tensor:
        """Return the sum of the method's loss terms."""
        self._micro_step = (self._micro_step + 1) % self.accumulate
        return self.loss_at(received, self.progress)

    def loss_at(self, received: dict[str, Any], progress: Progress) -> Tensor:
        """Return the sum of the method's loss terms at a point of the run."""
        output = self.method.step(self._prepare(received, progress), progress)
        total = torch.stack(list(output.losses.values())).sum()
        self.terms = {name: term.detach() for name, term in output.losses.items()}
        self.latest = self.terms | {"loss": total.detach()} | output.logs
        return total

    def optimizer_step(self, *arguments: Any, **options: Any) -> None:
        """Step the optimizer, then move the teachers.

        Here and not at the end of the batch, where callbacks come first and would evaluate and save
        teachers that lag a step behind. Under gradient accumulation this runs once per optimizer step.
        """
        self.step_is_skipped = False
        super().optimizer_step(*arguments, **options)
        if self.step_is_skipped:
            return
        self.method.after_step(Progress(self.global_step + 1, self.total_steps))
        if not self.synchronize_batch_norm:
            take_buffers_of_the_first(self.method.networks().values())

    def check_finite(self) -> None:
        """Raise TrainingError if a weight is no number; asked where the device is read anyway.

        Steps with a loss or gradient that is no number are skipped before they reach a weight (see
        `SkippedSteps`), so that it takes steps of a size beyond float32 to come here.
        """
        norm = float(torch.stack([weight.detach().norm() for weight in self.method.parameters()]).sum())
        if not math.isfinite(norm):
            raise TrainingError(
                f"A weight became {norm} at step {self.global_step}; train again with {self.lower_rates()}."
            )

    def lower_rates(self) -> str:
        """Return the advice to learn more slowly, as flags."""
        encoder, decoder = (f"{rate / 4:g}" for rate in self.optimization.rates().values())
        return (
            f"lower rates, e.g. --optimization.encoder_rate {encoder} --optimization.decoder_rate {decoder}, "
            "or --precision 32"
        )

    def _prepare(self, received: dict[str, Any], progress: Progress) -> Batch:
        """Return the batch with its colors made, float images, padded to what the networks divide by."""
        labeled: LabeledBatch | LabeledCropBatch = content_of(received["labeled"])
        if isinstance(labeled, LabeledCropBatch):
            labeled = color_labeled(labeled)
        prepared = LabeledBatch(
            self._images(labeled.images),
            self._pad(labeled.masks, IGNORE_INDEX),
            self._pad(labeled.valid, False),
        )
        unlabeled: UnlabeledBatch | UnlabeledCropBatch | None = content_of(received.get("unlabeled"))
        if unlabeled is None or not self.method.needs_unlabeled(progress):
            return Batch(prepared, None)
        if isinstance(unlabeled, UnlabeledCropBatch):
            unlabeled = color_unlabeled(unlabeled)
        return Batch(
            prepared,
            UnlabeledBatch(
                self._images(unlabeled.weak),
                self._images(unlabeled.strong),
                self._pad(unlabeled.valid, False),
                self._pad(unlabeled.keep, True),
                None if unlabeled.second_strong is None else self._images(unlabeled.second_strong),
                None if unlabeled.second_keep is None else self._pad(unlabeled.second_keep, True),
            ),
        )

    def _images(self, images: Tensor) -> Tensor:
        if is_rgb(images):
            floats = self._pad(to_unit(images), 0.5)
        else:  # of which 0.5 may be far away
            values = to_unit(images)
            mean = values.mean((2, 3), keepdim=True)
            floats = self._pad(values - mean, 0.0) + mean
        return floats.contiguous(memory_format=self.memory_format)

    def _pad(self, tensor: Tensor, value: float) -> Tensor:
        return pad_to_multiple(tensor, self.multiple, value)
