"""The mean teacher: a frozen copy of a student that follows it by exponential moving average.

Tarvainen and Valpola, NeurIPS 2017, arXiv 1703.01780.
"""

from __future__ import annotations

import copy
from typing import Literal, Self, get_args

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mutualseg.errors import ConfigError
from mutualseg.networks.segmenter import Segmenter
from mutualseg.types import SegmenterOutput

BatchNormPolicy = Literal["own", "average"]


class MeanTeacher(nn.Module):
    """A network that is never trained: it moves only when `update` is called.

    It is always in evaluation mode (no dropout), whatever `.train()` is called on it or its parents.

    Args:
        student: copied, so that no storage is shared.
        batch_norm: `own`: while teaching, BatchNorm normalizes with the statistics of the batch at hand
            and keeps running ones of the teacher's own features, as the authors do. `average`: the
            student's running statistics are averaged like the weights and used while teaching.
    """

    def __init__(self, student: Segmenter, *, batch_norm: BatchNormPolicy = "own") -> None:
        super().__init__()
        self.network = copy.deepcopy(student)
        self.network.requires_grad_(False)
        self.batch_norm = batch_norm
        if batch_norm not in get_args(BatchNormPolicy):
            raise ConfigError(f"--method.teacher_batch_norm is '{batch_norm}'; give own or average.")
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode; `mode` is ignored."""
        return super().train(False)

    @torch.no_grad()
    def teach(self, images: Tensor) -> SegmenterOutput:
        """Return the teacher's output on a training batch, without gradient.

        Args:
            images: [B,3,H,W] float in [0, 1].
        """
        norms = [m for m in self.network.modules() if isinstance(m, _BatchNorm)]
        for norm in norms:
            norm.training = self.batch_norm == "own"
        try:
            output = self.network(images)
        finally:
            for norm in norms:
                norm.training = False
        return SegmenterOutput(*output)

    @torch.no_grad()
    def update(self, student: Segmenter, momentum: float, *, taught: bool = True) -> None:
        """Move towards the student: teacher <- momentum * teacher + (1 - momentum) * student.

        Args:
            student: the network that this teacher follows.
            momentum: 0 copies the student whole, its BatchNorm statistics too.
            taught: whether the teacher saw a batch since its last move. If not, its own BatchNorm
                statistics are stale and the student's are averaged in, whatever the policy.
        """
        rate = 1.0 - momentum
        _lerp(list(self.network.parameters()), list(student.parameters()), rate)
        if self.batch_norm == "average" or not taught or momentum == 0.0:
            _lerp(list(self.network.buffers()), list(student.buffers()), rate)


def _lerp(own: list[Tensor], other: list[Tensor], weight: float) -> None:
    """Interpolate float tensors and copy integer ones (batch counters), each kind in one fused call."""
    pairs = list(zip(own, other, strict=True))
    floating = [pair for pair in pairs if pair[0].is_floating_point()]
    counters = [pair for pair in pairs if not pair[0].is_floating_point()]
    if counters:
        torch._foreach_copy_([mine for mine, _ in counters], [theirs for _, theirs in counters])
    if floating:
        torch._foreach_lerp_([mine for mine, _ in floating], [theirs for _, theirs in floating], weight)
