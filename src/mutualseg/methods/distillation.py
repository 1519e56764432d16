"""Knowledge distillation: one small network learns what both teachers of a finished run say, and the labels.

Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", arXiv 1503.02531; pixel by pixel as
in Liu et al., "Structured knowledge distillation for semantic segmentation", CVPR 2019, arXiv 1903.04197,
equation 1; of several teachers' mean as in Hinton et al., section 3. Teachers that are shown many unlabeled
images teach more than the labels hold: Chen et al., "Big self-supervised models are strong semi-supervised
learners", NeurIPS 2020, arXiv 2006.10029, equation 2.

It needs a run to learn from, so it is none of the methods that `train` and `compare` offer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import ClassVar, Self

import torch
from torch import Tensor

from mutualseg.errors import ConfigError
from mutualseg.losses.pseudo_label import disagreement, hard_labels, keep_confident, share_kept
from mutualseg.losses.resize import resize_labels
from mutualseg.losses.soft_targets import mean_opinion, soft_target_loss, surest
from mutualseg.methods.base import BuildNetwork, Method, Progress, require_between
from mutualseg.methods.mixed_view import mixed_view
from mutualseg.networks.ema import MeanTeacher
from mutualseg.networks.frozen import freeze, grid_logits
from mutualseg.networks.segmenter import Segmenter
from mutualseg.types import Batch, StepOutput


class Distillation(Method):
    """Distillation of frozen teachers into one student.

    The teachers see labeled images and the weak views of unlabeled ones; the mean of their class
    probabilities, q = (softmax t_a + softmax t_b) / 2, is mixed by the boxes that mix the strong views, which
    the student sees. With z the student's logits and T the temperature:
    L = L_sup + weight * T^2 * mean over pixels of KL(q_T || softmax(z / T)), q_T proportional to q^(1/T),
    over labeled and unlabeled pixels alike. Of a run with one network, q is that network's own.

    Teachers are no part of the state: no optimizer and no checkpoint of this method holds them. `teach_by`
    gives them to it before its first step.

    Args:
        build_network: makes the student.
        weight: of what the teachers say, beside the labels; 0 turns it off.
        temperature: T; above 1 the unlikely classes weigh more.
        threshold: least probability of the teachers' most likely class for a pixel to teach; 0 takes all.
        unlabeled: whether unlabeled images teach too; not where there are none.
        ema: final momentum of the averaged copy, which is deployed.
        ema_reach: largest share of the run that the average reaches back over; 1 is no limit.
    """

    deployed: ClassVar[str] = "average"

    def __init__(
        self,
        build_network: BuildNetwork,
        *,
        weight: float = 1.0,
        temperature: float = 1.0,
        threshold: float = 0.0,
        unlabeled: bool = True,
        ema: float = 0.99,
        ema_reach: float = 0.07,
    ) -> None:
        require_between(0.0, math.inf, weight=weight)
        require_between(0.0, 1.0, threshold=threshold)
        if not 0 < temperature < math.inf:
            raise ConfigError(f"--method.temperature is {temperature}; give a number above 0.")
        super().__init__(build_network, ema=ema, ema_reach=ema_reach)
        self.weight = weight
        self.temperature = temperature
        self.threshold = threshold
        self.uses_unlabeled = unlabeled
        self.average = MeanTeacher(self.student_a, batch_norm="average")
        self._teachers: dict[str, Segmenter] = {}  # in a dict, so that they are no submodules

    def teach_by(self, teachers: Mapping[str, Segmenter]) -> None:
        """Take the teachers, which are frozen for good.

        Args:
            teachers: `teacher_a`, or `teacher_a` and `teacher_b`; of as many classes as the student.
        """
        self._teachers = {role: freeze(network) for role, network in teachers.items()}
        self.labels_from = "teachers_mean" if len(self._teachers) == 2 else "teacher_a"

    def step(self, batch: Batch, progress: Progress) -> StepOutput:
        """Return the loss terms of one step (see `Method.step`)."""
        labeled, images = batch.labeled, batch.labeled.images
        shown, valid = images, labeled.valid
        view = None
        if batch.unlabeled is not None and self.needs_unlabeled(progress):
            view = mixed_view(batch.unlabeled)
            shown = torch.cat([images, batch.unlabeled.weak])
            images, valid = torch.cat([images, view.images]), torch.cat([valid, view.valid])
        said = [grid_logits(teacher, shown) for teacher in self._teachers.values()]

        logits = self.student_a(images).logits
        height, width = logits.shape[-2:]
        opinion = mean_opinion(said, (height, width))
        if view is not None:
            first = len(labeled.images)
            opinion = torch.cat([opinion[:first], view.mix(opinion[first:])])
        valid = resize_labels(valid, (height, width))
        sure = keep_confident(surest(opinion), self.threshold)
        soft = soft_target_loss(logits, opinion, valid, temperature=self.temperature, sure=sure)
        return StepOutput(
            losses={
                "supervised": self.supervised_loss(logits[: len(labeled.images)], labeled.masks),
                "teachers": self.weight * soft,
            },
            logs={
                "kept": share_kept(sure, valid),
                "teachers_disagree": disagreement(hard_labels(logits), hard_labels(opinion), valid),
            },
        )

    def after_step(self, progress: Progress) -> None:
        """Move the average."""
        self.average.update(self.student_a, self.momentum(progress))

    def students(self) -> dict[str, Segmenter]:
        """Return the one trained network."""
        return {"student_a": self.student_a}

    def networks(self) -> dict[str, Segmenter]:
        """Return the student, its average, and the frozen teachers."""
        return {"student_a": self.student_a, "average": self.average.network, **self._teachers}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move the teachers wherever this method is moved, though they are no submodules."""
        # PyTorch has no types for it.
        for teacher in self._teachers.values():
            teacher._apply(fn, recurse)  # type: ignore[no-untyped-call]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self
