"""Real training steps outside a run, on its first batch: to time them, or to see what memory they take."""

from __future__ import annotations

from typing import Any

import torch

from mutualseg.data.collating import collate_labeled, collate_unlabeled
from mutualseg.data.datamodule import TwoStreams
from mutualseg.data.skipping import BadFile
from mutualseg.devices import autocast
from mutualseg.engine.training import Training
from mutualseg.errors import DataError
from mutualseg.methods.base import Progress


class SampleSteps:
    """Steps of a training that is thrown away afterwards.

    Args:
        training: trained by these steps; build another for the run.
        streams: whose first batch every step gets.
        device: where to compute.
        precision: in what.

    Raises:
        DataError: a file of the first batch cannot be used.
    """

    def __init__(self, training: Training, streams: TwoStreams, *, device: str, precision: str) -> None:
        self.training = training.to(device).train()
        self.training.make_ready()
        self.optimizer = training.optimization.build(training.method.students().values())
        self.batch = training.transfer_batch_to_device(_first_batch(streams), torch.device(device), 0)
        self.device, self.precision = device, precision

    def __call__(self, share: float) -> None:
        """Run one whole step as it is at a share of a long run, in [0, 1]."""
        progress = Progress.at(share)
        self.optimizer.zero_grad()
        for _ in range(self.training.accumulate):
            with autocast(self.device, self.precision):
                loss = self.training.loss_at(self.batch, progress)
            (loss / self.training.accumulate).backward()
        self.optimizer.step()
        self.training.method.after_step(progress)
        wait_for(self.device)


def wait_for(device: str) -> None:
    """Return once the device has done all that it was given."""
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()


def _first_batch(streams: TwoStreams) -> dict[str, Any]:
    received: dict[str, Any] = {
        "labeled": collate_labeled([streams.labeled[i] for i in range(streams.sizes.labeled)])
    }
    if streams.unlabeled is not None:
        received["unlabeled"] = collate_unlabeled(
            [streams.unlabeled.at(i) for i in range(streams.sizes.unlabeled)]
        )
    for batch in received.values():
        if isinstance(batch, BadFile):
            raise DataError(batch.message)
    return received
