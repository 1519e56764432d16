"""What methods with one trained network share: its average, which is deployed, and who follows whom."""

from __future__ import annotations

from typing import ClassVar

from mutualseg.methods.base import BuildNetwork, Method, Progress
from mutualseg.networks.ema import MeanTeacher
from mutualseg.networks.segmenter import Segmenter


class OneStudent(Method):
    """One student and its exponential moving average.

    The average is there whether it teaches or not: averaging alone often helps, and a comparison must not
    credit a method for it that another one was denied.
    """

    deployed: ClassVar[str] = "teacher_a"

    def __init__(
        self,
        build_network: BuildNetwork,
        *,
        ema: float,
        ema_reach: float,
        burn_in: float = 0.0,
        ramp: float = 0.0,
        cooldown: float = 0.0,
    ) -> None:
        super().__init__(
            build_network, ema=ema, ema_reach=ema_reach, burn_in=burn_in, ramp=ramp, cooldown=cooldown
        )
        self.teacher_a = MeanTeacher(self.student_a, batch_norm="average")

    def after_step(self, progress: Progress) -> None:
        """Move the average."""
        self.teacher_a.update(self.student_a, self.momentum(progress))

    def students(self) -> dict[str, Segmenter]:
        """Return the one trained network."""
        return {"student_a": self.student_a}

    def networks(self) -> dict[str, Segmenter]:
        """Return the trained network and its average."""
        return {"student_a": self.student_a, "teacher_a": self.teacher_a.network}
