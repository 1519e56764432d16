"""The supervised term of every method is the one loss that the run has chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
import torch
from torch import Tensor

from mutualseg.losses.names import LossName
from mutualseg.losses.supervised import SupervisedLoss
from mutualseg.methods import METHODS
from mutualseg.methods.base import Progress
from tests.methods.test_registry import NeverReads, build, make_batch

if TYPE_CHECKING:
    from tests.conftest import BuildTiny

EARLY, LATE = Progress(0, 10), Progress(5, 10)


class Remembering(SupervisedLoss):
    """Keeps what it was asked, and returns numbers that can be told from any other's."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Tensor, Tensor]] = []

    def forward(self, logits: Tensor, masks: Tensor) -> Tensor:
        self.asked.append((logits, masks))
        return super().forward(logits, masks) * 0 + 1000.0 + len(self.asked)


@pytest.mark.parametrize("progress", [EARLY, LATE])
@pytest.mark.parametrize("name", METHODS)
def test_every_student_has_it_and_nothing_else_does(
    name: str, progress: Progress, tiny_segmenter: BuildTiny
) -> None:
    method = build(name, tiny_segmenter)
    method.supervised_loss = asked = Remembering()
    batch = make_batch()
    if not method.needs_unlabeled(progress):
        batch = batch._replace(unlabeled=None)
    losses = method.step(batch, progress).losses
    supervised = {term: loss.item() for term, loss in losses.items() if term.startswith("supervised")}
    assert sorted(supervised.values()) == [1001.0 + place for place in range(len(method.students()))]
    assert all(loss.item() < 900 for term, loss in losses.items() if term not in supervised)
    assert len(asked.asked) == len(method.students())
    for logits, masks in asked.asked:
        assert logits.shape[:2] == (2, 3)
        assert torch.equal(masks, batch.labeled.masks)


@pytest.mark.parametrize("loss", get_args(LossName))
@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 3.0]])
def test_no_loss_reads_the_device(
    loss: LossName, weights: list[float] | None, tiny_segmenter: BuildTiny
) -> None:
    method = build("labels_only", tiny_segmenter)
    method.supervised_loss = SupervisedLoss(loss, class_weights=weights)
    batch = make_batch()
    with NeverReads():
        torch.stack(list(method.step(batch, LATE).losses.values())).sum().backward()


def test_the_loss_is_no_part_of_a_checkpoint(tiny_segmenter: BuildTiny) -> None:
    method = build("mutual", tiny_segmenter)
    before = list(method.state_dict())
    method.supervised_loss = SupervisedLoss("dice", class_weights=[1.0, 2.0, 3.0])
    assert list(method.state_dict()) == before
