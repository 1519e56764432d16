"""Mutual knowledge distillation: two students, two mean teachers, each taught by the other branch.

Yuan, Ge, Wang and Liu, "Semi-supervised Semantic Segmentation with Mutual Knowledge Distillation",
ACM MM 2023, arXiv 2208.11499.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from mutualseg.errors import ConfigError
from mutualseg.evaluation.network_scores import TEACHERS_MEAN
from mutualseg.losses.mutual import mutual_distillation_loss
from mutualseg.losses.pixelwise import log_mean_probabilities
from mutualseg.losses.pseudo_label_weights import PseudoLabelWeights
from mutualseg.losses.resize import resize_branch, resize_labels
from mutualseg.losses.semantic_augmentation import ClassStatistics, perturb
from mutualseg.methods.base import BuildNetwork, Method, Progress, require_between
from mutualseg.methods.mixed_view import MixedView, mixed_view
from mutualseg.methods.monitor import monitor
from mutualseg.methods.opinion import Opinion, form_opinion
from mutualseg.networks.build import resolve_encoder
from mutualseg.networks.ema import BatchNormPolicy, MeanTeacher
from mutualseg.networks.segmenter import Segmenter
from mutualseg.schedules import semantic_strength
from mutualseg.types import Batch, BranchOutput, LabeledBatch, SegmenterOutput, StepOutput

TaughtBy = Literal["other", "own", "mean"]


class Mutual(Method):
    """Mutual knowledge distillation (MKD): L = L_sup + teacher_weight * L_teacher + peer_weight * L_peer.

    Students z_a, z_b see the strong views, mixed by CutMix; teachers t_a, t_b, their averages (equation 3 of
    the paper), see the weak ones. On labeled and unlabeled pixels alike, with the labels that count:

        L_teacher = CE(z_a, argmax t_b) + CE(z_b, argmax t_a)
        L_peer    = CE(z_a, argmax z_b) + CE(z_b, argmax z_a)

    z and t are logits after the augmentation by implicit semantic distributions (ISDA, arXiv 1909.12220,
    equations 5 to 7; see `losses/semantic_augmentation.py`).

    Every argument's off-value is named. `configs/mkd_reference.yaml` has the authors' values; how the
    defaults were found, and what of them was measured alone, is in docs/experiments.md.

    Args:
        build_network: makes each student, from its role.
        teacher_weight: weight of what the other branch's teacher teaches; 0 turns it off.
        peer_weight: weight of what the other student teaches; 0 turns it off.
        taught_by: `other` branch's teacher, as the paper has it, the student's `own`, or the `mean` of both
            teachers' probabilities.
        soft_labels: whether teachers teach their class probabilities; false: the arg max, as in the paper.
        threshold: least confidence of a teacher's pseudo-label to count; 0 counts all.
        peer_threshold: least confidence of a peer's pseudo-label to count; 0 counts all.
        adaptive_threshold: whether thresholds follow each class's own mean confidence, so that
            classes that a network is rarely sure of teach too; false has one for all classes.
        class_balance: power of a class's share by which its pseudo-labels weigh less; 0 weighs all
            alike, 1 gives a rare class as much weight in all as a common one.
        burn_in: share of the run that is supervised only; 0 starts distilling at once.
        ramp: share of the run over which distillation then rises to its weight; 0 jumps.
        cooldown: share of the run, at its end, that is supervised only; 0 keeps all terms on.
        semantic_strength: final strength (lambda) of the semantic augmentation; 0 turns it off.
        augment_students: whether students' logits are augmented.
        augment_teachers: whether teachers' logits are augmented; it can only turn their labels to others.
        distill_labeled: whether labeled images enter the distillation terms too.
        ema: final momentum of the teachers; 0 makes each a copy of its student.
        ema_reach: largest share of the run that the average reaches back over; 1 is no limit.
        teacher_batch_norm: `own` statistics from the teacher's batches, or `average` of the student's.
        loss_scale: distillation is computed at this share of the decoder's resolution; 1 leaves it.
        decoder_b: network of branch b, such as fpn, on the same encoder; none: that of branch a.
    """

    deployed: ClassVar[str] = "teacher_a"

    def __init__(
        self,
        build_network: BuildNetwork,
        *,
        teacher_weight: float = 1.0,
        peer_weight: float = 0.5,
        taught_by: TaughtBy = "other",
        soft_labels: bool = False,
        threshold: float = 0.9,
        peer_threshold: float = 0.9,
        adaptive_threshold: bool = True,
        class_balance: float = 0.5,
        burn_in: float = 0.2,
        ramp: float = 0.1,
        cooldown: float = 0.2,
        semantic_strength: float = 0.5,
        augment_students: bool = True,
        augment_teachers: bool = False,
        distill_labeled: bool = True,
        ema: float = 0.99,
        ema_reach: float = 0.07,
        teacher_batch_norm: BatchNormPolicy = "average",
        loss_scale: float = 1.0,
        decoder_b: str = "none",
    ) -> None:
        require_between(
            0.0,
            1.0,
            threshold=threshold,
            peer_threshold=peer_threshold,
            class_balance=class_balance,
        )
        require_between(
            0.0,
            math.inf,
            teacher_weight=teacher_weight,
            peer_weight=peer_weight,
            semantic_strength=semantic_strength,
        )
        require_between(0.1, 1.0, loss_scale=loss_scale)
        if decoder_b != "none":
            resolve_encoder(decoder_b, "auto")  # refuses an unknown one before a network is built
        if taught_by not in get_args(TaughtBy):
            raise ConfigError(f"--method.taught_by is '{taught_by}'; give other, own or mean.")
        super().__init__(
            build_network, ema=ema, ema_reach=ema_reach, burn_in=burn_in, ramp=ramp, cooldown=cooldown
        )
        self.teacher_weight = teacher_weight
        self.peer_weight = peer_weight
        self.taught_by = taught_by
        if taught_by == "mean":
            self.labels_from = TEACHERS_MEAN
        self.soft_labels = soft_labels
        self.semantic_strength = semantic_strength
        self.augment_students = augment_students
        self.augment_teachers = augment_teachers
        self.distill_labeled = distill_labeled
        self.loss_scale = loss_scale
        other = {} if decoder_b == "none" else {"network": decoder_b}
        self.student_b = build_network("student_b", **other)
        self.teacher_a = MeanTeacher(self.student_a, batch_norm=teacher_batch_norm)
        self.teacher_b = MeanTeacher(self.student_b, batch_norm=teacher_batch_norm)
        self.statistics = nn.ModuleDict(
            {
                role: ClassStatistics(network.num_classes, network.num_features)
                for role, network in self.networks().items()
            }
        )
        self.label_weights = nn.ModuleDict(
            {
                role: PseudoLabelWeights(
                    network.num_classes,
                    threshold=threshold if role.startswith("teacher") else peer_threshold,
                    adaptive=adaptive_threshold,
                    class_balance=class_balance,
                )
                for role, network in self.networks().items()
            }
        )

    def step(self, batch: Batch, progress: Progress) -> StepOutput:
        """Return the loss terms of one step (see `Method.step`)."""
        labeled, weight = batch.labeled, self.unlabeled_weight(progress)
        if weight == 0.0 or batch.unlabeled is None:
            return self.supervised_step(labeled)
        view = mixed_view(batch.unlabeled)

        # Teachers see the weak view, students the mixed strong one. Teachers go first: they keep nothing
        # for the backward pass, which then finds the students' activations still cached.
        taught = self._teach(labeled.images, batch.unlabeled.weak, view)
        images = torch.cat([labeled.images, view.images])
        seen = {role: student(images) for role, student in self.students().items()}
        supervised = {
            f"supervised_{role[-1]}": self.supervised_loss(
                output.logits[: len(labeled.images)], labeled.masks
            )
            for role, output in seen.items()
        }

        opinions, valid = self._opinions({**seen, **taught}, labeled, view, progress)
        a, b = opinions["student_a"], opinions["student_b"]
        teacher_a, teacher_b = opinions["teacher_a"], opinions["teacher_b"]
        if self.taught_by == "own":  # the loss lets the first of a pair teach the second and back
            teacher_a, teacher_b = teacher_b, teacher_a
        loss = mutual_distillation_loss(
            (a.logits, b.logits),
            (teacher_a.logits, teacher_b.logits),
            teacher_weight=self.teacher_weight,
            peer_weight=self.peer_weight,
            teacher_keep=(teacher_a.weight, teacher_b.weight),
            peer_keep=(a.weight, b.weight),
            valid=valid,
            soft_labels=self.soft_labels,
        )
        return StepOutput(
            losses={
                **supervised,
                "teacher": weight * self.teacher_weight * loss.teacher,
                "peer": weight * self.peer_weight * loss.peer,
            },
            logs=monitor(opinions, valid, len(valid) - len(view.images)),
        )

    def _teach(self, labeled: Tensor, weak: Tensor, view: MixedView) -> dict[str, SegmenterOutput]:
        """Return what both teachers say of the images that are distilled on, mixed as the students' are."""
        images = torch.cat([labeled, weak]) if self.distill_labeled else weak
        first = len(images) - len(weak)
        taught = {}
        for role, teacher in (("teacher_a", self.teacher_a), ("teacher_b", self.teacher_b)):
            taught[role] = output = teacher.teach(images)
            # In place: nothing else holds them. Features that are not used stay as they are.
            for maps in output if self._augments(role) else (output.logits,):
                maps[first:] = view.mix(maps[first:])
        return taught

    def _opinions(
        self, outputs: dict[str, SegmenterOutput], labeled: LabeledBatch, view: MixedView, progress: Progress
    ) -> tuple[dict[str, Opinion], Tensor]:
        """Return every network's opinion of the pixels that are distilled on, and which of them are valid.

        Confidence is judged before the semantic augmentation, pseudo-labels are taken after it.
        """
        branches = {
            role: resize_branch(self._branch(role, output), self.loss_scale)
            for role, output in outputs.items()
        }
        height, width = branches["student_a"].logits.shape[-2:]
        maps = (labeled.masks, torch.cat([labeled.valid, view.valid]))
        masks, valid = (resize_labels(each, (height, width)) for each in maps)
        count = len(valid) if self.distill_labeled else len(view.images)
        augmented = {
            role: self._augment(role, branch, masks, valid, progress)[-count:]
            for role, branch in branches.items()
        }
        plain = {role: branch.logits[-count:] for role, branch in branches.items()}
        if self.taught_by == "mean":
            augmented, plain = _with_one_opinion(augmented), _with_one_opinion(plain)
        valid = valid[-count:]
        opinions = {
            role: form_opinion(logits, plain[role], valid, self._weights_of(role))
            for role, logits in augmented.items()
        }
        return opinions, valid

    def label_threshold(self) -> float | Tensor:
        """Return the threshold of `labels_from`, one per class where thresholds adapt (see `Method`)."""
        return self._weights_of("teacher_a").thresholds()

    def after_step(self, progress: Progress) -> None:
        """Move both teachers (equation 3): t <- m t + (1 - m) f."""
        momentum = self.momentum(progress)
        taught = self.needs_unlabeled(Progress(progress.step - 1, progress.total))
        self.teacher_a.update(self.student_a, momentum, taught=taught)
        self.teacher_b.update(self.student_b, momentum, taught=taught)

    def students(self) -> dict[str, Segmenter]:
        """Return both students."""
        return {"student_a": self.student_a, "student_b": self.student_b}

    def networks(self) -> dict[str, Segmenter]:
        """Return both students and both teachers."""
        return {
            **self.students(),
            "teacher_a": self.teacher_a.network,
            "teacher_b": self.teacher_b.network,
        }

    def _branch(self, role: str, output: SegmenterOutput) -> BranchOutput:
        statistics = self.statistics[role]
        assert isinstance(statistics, ClassStatistics)
        return BranchOutput(*output, self.networks()[role].classifier_weight, statistics)

    def _augment(
        self, role: str, branch: BranchOutput, labels: Tensor, valid: Tensor, progress: Progress
    ) -> Tensor:
        """Return the logits after the semantic augmentation, if this network's is on."""
        if not self._augments(role):
            return branch.logits.float()
        strength = semantic_strength(progress.share, self.semantic_strength)
        if len(branch.logits) < len(valid):  # a teacher that was not shown the labeled images
            labels, valid = labels[:0], valid[len(labels) :]
        return perturb(branch, labels, strength, valid=valid)

    def _augments(self, role: str) -> bool:
        wanted = self.augment_teachers if role.startswith("teacher") else self.augment_students
        return wanted and self.semantic_strength > 0.0

    def _weights_of(self, role: str) -> PseudoLabelWeights:
        found = self.label_weights[role]
        assert isinstance(found, PseudoLabelWeights)
        return found


def _with_one_opinion(logits: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return logits by role in which both teachers have the mean of their probabilities."""
    shared = log_mean_probabilities(logits["teacher_a"], logits["teacher_b"])
    return {**logits, "teacher_a": shared, "teacher_b": shared}
