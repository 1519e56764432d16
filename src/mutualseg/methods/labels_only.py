"""The baseline: one network, the labeled images, cross-entropy."""

from __future__ import annotations

from mutualseg.methods.base import BuildNetwork, Progress
from mutualseg.methods.one_student import OneStudent
from mutualseg.types import Batch, StepOutput


class LabelsOnly(OneStudent):
    """Train on the labeled images alone; what every semi-supervised method has to beat.

    Args:
        build_network: makes the student.
        ema: final momentum of the averaged copy.
        ema_reach: largest share of the run that the average reaches back over; 1 is no limit.
    """

    uses_unlabeled = False

    def __init__(self, build_network: BuildNetwork, *, ema: float = 0.99, ema_reach: float = 0.07) -> None:
        super().__init__(build_network, ema=ema, ema_reach=ema_reach)

    def step(self, batch: Batch, progress: Progress) -> StepOutput:
        """Return the supervised loss (see `Method.step`)."""
        return self.supervised_step(batch.labeled)
