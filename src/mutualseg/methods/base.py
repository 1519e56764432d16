"""What every method is: networks, a step that returns named losses, and who follows whom after it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from mutualseg.errors import ConfigError
from mutualseg.losses.supervised import SupervisedLoss
from mutualseg.networks.segmenter import Segmenter
from mutualseg.schedules import ema_momentum, reachable_momentum, unlabeled_weight
from mutualseg.types import Batch, LabeledBatch, StepOutput

BuildNetwork = Callable[..., Segmenter]
"""From a role, such as "student_a", to a fresh network whose decoder start depends on the role; with
`network="fpn"` of that architecture instead of the run's own."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands; every schedule is a pure function of it."""

    step: int
    """Optimizer steps finished before this one, from 0."""
    total: int
    """Optimizer steps of the whole run."""

    @classmethod
    def at(cls, share: float) -> Progress:
        """Return where a long run stands at a share in [0, 1], for steps outside a run."""
        total = 1_000_000
        return cls(int(share * total), total)

    @property
    def share(self) -> float:
        """P in [0, 1]."""
        return self.step / max(self.total, 1)


class Method(nn.Module, ABC):
    """Base of all methods; it knows tensors, never files, loaders or the trainer.

    The constructor's keyword arguments are the method's configuration: they become the flags
    `--method.NAME` and the keys below `method:` in a configuration file.
    """

    uses_unlabeled: bool = True
    """Whether the step reads `batch.unlabeled`; if not, no unlabeled image is loaded."""
    strong_views: ClassVar[int] = 1
    """How many strong views of each unlabeled crop the step reads: 1 or 2."""
    labels_from: str = "teacher_a"
    """The network whose labels teach; of several, the first. `teachers_mean` is the mean of both teachers."""
    deployed: ClassVar[str]
    """The network that is shipped and whose mIoU is the run's: a fixed choice, made over many runs."""

    def __init__(
        self,
        build_network: BuildNetwork,
        *,
        ema: float = 0.99,
        ema_reach: float = 0.07,
        burn_in: float = 0.0,
        ramp: float = 0.0,
        cooldown: float = 0.0,
    ) -> None:
        """Build the first student, and take how averages follow and when the unlabeled terms are on.

        Pseudo-labels of a network that has learned little teach its mistakes, so that every method can let
        them wait. Even late they are wrong in a way of their own, so that it can end on labels alone.

        Args:
            build_network: makes a network from its role.
            ema: final momentum of all averages.
            ema_reach: largest share of the run that they reach back over; 1 is no limit.
            burn_in: share of the run that is supervised only; 0 starts at once.
            ramp: share of the run over which the unlabeled terms then rise to their weight; 0 jumps.
            cooldown: share of the run, at its end, that is supervised only; 0 keeps all terms on.
        """
        super().__init__()
        shares = {"burn_in": burn_in, "ramp": ramp, "cooldown": cooldown}
        require_between(0.0, 1.0, ema=ema, ema_reach=ema_reach, **shares)
        if burn_in + ramp + cooldown > 1 + 1e-9:  # 0.2 + 0.1 + 0.7 is more than 1
            raise ConfigError(
                f"--method.burn_in {burn_in}, --method.ramp {ramp} and --method.cooldown {cooldown} are more "
                "than the whole run; let them add up to 1 at most."
            )
        self.ema = ema
        self.ema_reach = ema_reach
        self.burn_in = burn_in
        self.ramp = ramp
        self.cooldown = cooldown
        self.unlabeled_factor = 1.0
        """On top of the schedule; a run whose pseudo-labels collapsed lowers it for what is left."""
        self.supervised_loss = SupervisedLoss()
        """The loss of every method on labeled pixels; a run puts the one there that it is given."""
        self.student_a = build_network("student_a")

    @abstractmethod
    def step(self, batch: Batch, progress: Progress) -> StepOutput:
        """Return the weighted loss terms of one batch (images float in [0, 1])."""

    def needs_unlabeled(self, progress: Progress) -> bool:
        """Whether this step reads the unlabeled half at all; False lets the caller skip preparing it."""
        return self.uses_unlabeled and self.unlabeled_weight(progress) > 0.0

    def unlabeled_weight(self, progress: Progress) -> float:
        """Return the factor in [0, 1] on all unlabeled terms."""
        scheduled = unlabeled_weight(progress.step, progress.total, self.burn_in, self.ramp, self.cooldown)
        return self.unlabeled_factor * scheduled

    def unlabeled_steps(self, total: int) -> range:
        """Return from which to which of `total` steps the unlabeled half is needed; empty if in none."""
        needing = [step for step in range(total) if self.needs_unlabeled(Progress(step, total))]
        return range(needing[0], needing[-1] + 1) if needing else range(0)

    def busy_share(self) -> float:
        """Return a share of the run at which all terms are on: what a step costs at most."""
        return max(0.0, 1.0 - self.cooldown - 1e-3)

    def momentum(self, progress: Progress) -> float:
        """Return the momentum with which averages move after a step that has just finished."""
        return ema_momentum(progress.step, reachable_momentum(self.ema, progress.total, self.ema_reach))

    def label_threshold(self) -> float | Tensor:
        """Return the confidence from which on a label of `labels_from` teaches, or [K] one per class."""
        return float(getattr(self, "threshold", 0.0))

    def supervised_step(self, labeled: LabeledBatch) -> StepOutput:
        """Return each student's loss on the labeled images alone, the step of a burn-in or a cooldown."""
        students = self.students()
        return StepOutput(
            {
                "supervised" if len(students) == 1 else f"supervised_{role[-1]}": self.supervised_loss(
                    student(labeled.images).logits, labeled.masks
                )
                for role, student in students.items()
            }
        )

    def after_step(self, progress: Progress) -> None:
        """Move what follows by averaging; called once after each optimizer step.

        Args:
            progress: counts the step that has just finished.
        """

    @abstractmethod
    def students(self) -> dict[str, Segmenter]:
        """Return the networks that the optimizer trains, by role."""

    @abstractmethod
    def networks(self) -> dict[str, Segmenter]:
        """Return every network that can be evaluated, by role, students first."""


def require_between(least: float, most: float, **values: float) -> None:
    """Raise ConfigError for a method's argument outside [least, most]."""
    for name, value in values.items():
        if not least <= value <= most:
            limits = f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
            raise ConfigError(f"--method.{name} is {value}; give a number {limits}.")
