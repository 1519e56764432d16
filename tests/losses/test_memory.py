"""No pixels x K x D tensor: nothing is larger than the larger of features and logits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mutualseg.losses.mutual import mutual_distillation_loss
from mutualseg.losses.resize import resize_branch
from mutualseg.losses.semantic_augmentation import ClassStatistics, augment_logits, perturb
from mutualseg.types import BranchOutput


class LargestTensor(TorchDispatchMode):
    """Records the most elements of any tensor that an operation returns, and the operation."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.elements, self.operation = 0, ""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            # A stride of 0 is a view that repeats memory: it holds less than it shows.
            if isinstance(leaf, Tensor) and 0 not in leaf.stride() and leaf.numel() > self.elements:
                self.elements, self.operation = leaf.numel(), str(func)
        return result


def branch(classes: int, width: int, layout: torch.memory_format) -> BranchOutput:
    logits = torch.randn(4, classes, 16, 16).contiguous(memory_format=layout).requires_grad_()
    features = torch.randn(4, width, 16, 16).contiguous(memory_format=layout)
    return BranchOutput(logits, features, torch.randn(classes, width), ClassStatistics(classes, width))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("classes", "width"), [(21, 32), (21, 8)])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_step_forward_and_backward(
    classes: int, width: int, layout: torch.memory_format, scale: float
) -> None:
    torch.manual_seed(0)
    networks = [branch(classes, width, layout) for _ in range(4)]
    side = int(16 * scale)
    labels = torch.randint(0, classes, (2, side, side))
    valid = torch.rand(4, side, side) > 0.1
    limit = 4 * 16 * 16 * max(classes, width)
    with LargestTensor() as largest:
        augmented = [perturb(resize_branch(net, scale), labels, 1.0, valid=valid) for net in networks]
        students, teachers = (augmented[0], augmented[1]), (augmented[2], augmented[3])
        torch.autograd.backward(mutual_distillation_loss(students, teachers, valid=valid).total)
    assert networks[0].logits.grad is not None
    assert 0 < largest.elements <= limit, largest.operation


def test_augment_alone() -> None:
    net = branch(21, 32, torch.contiguous_format)
    with LargestTensor() as largest:
        labels = net.logits.argmax(1)
        torch.autograd.backward(
            augment_logits(net.logits, labels, net.classifier_weight, torch.rand(21, 32), 1.0).sum()
        )
    assert 0 < largest.elements <= net.logits.numel(), largest.operation
