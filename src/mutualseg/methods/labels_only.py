"""The baseline: one network, the labeled images, cross-entropy."""

from __future__ import annotations

from typing import ClassVar

from mutualseg.losses.supervised import supervised_loss
from mutualseg.methods.base import BuildNetwork, Method, Progress, require_between
from mutualseg.networks.ema import MeanTeacher
from mutualseg.networks.segmenter import Segmenter
from mutualseg.schedules import ema_momentum
from mutualseg.types import Batch, StepOutput


class LabelsOnly(Method):
    """Train on the labeled images alone; what every semi-supervised method has to beat.

    An averaged copy of the network rides along, since averaging alone often helps and a comparison
    must not credit unlabeled images for it.

    Args:
        build_network: makes the student.
        ema: final momentum of the averaged copy.
    """

    uses_unlabeled: ClassVar[bool] = False
    deployed: ClassVar[str] = "teacher_a"

    def __init__(self, build_network: BuildNetwork, *, ema: float = 0.99) -> None:
        super().__init__()
        require_between(0.0, 1.0, ema=ema)
        self.ema = ema
        self.student_a = build_network("student_a")
        self.teacher_a = MeanTeacher(self.student_a, batch_norm="average")

    def step(self, batch: Batch, progress: Progress) -> StepOutput:
        """Return the supervised loss (see `Method.step`)."""
        output = self.student_a(batch.labeled.images)
        return StepOutput({"supervised": supervised_loss(output.logits, batch.labeled.masks)})

    def after_step(self, progress: Progress) -> None:
        """Move the averaged copy."""
        self.teacher_a.update(self.student_a, ema_momentum(progress.step, self.ema))

    def students(self) -> dict[str, Segmenter]:
        """Return the one trained network."""
        return {"student_a": self.student_a}

    def networks(self) -> dict[str, Segmenter]:
        """Return the trained network and its average."""
        return {"student_a": self.student_a, "teacher_a": self.teacher_a.network}
