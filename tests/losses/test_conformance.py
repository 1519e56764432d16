"""The unlabeled loss against recorded values of the authors' implementation, over two steps."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mutualseg.losses.mutual import mutual_distillation_loss
from mutualseg.losses.resize import resize_branch, resize_labels
from mutualseg.losses.semantic_augmentation import ClassStatistics, perturb
from mutualseg.types import BranchOutput

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "conformance"


def relative_error(ours: Tensor, theirs: Tensor) -> float:
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


@pytest.mark.parametrize("name", ["mkd_loss_small", "mkd_loss_scaled"])
def test_two_steps(name: str) -> None:
    path = FOLDER / f"{name}.npz"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the repository")
    with np.load(path) as file:
        recorded = {key: torch.from_numpy(file[key]) for key in file.files}
    weights = [recorded[f"weight_{i}"] for i in range(4)]
    statistics = [ClassStatistics(*weight.shape) for weight in weights]
    scale = recorded["scale_factor"].item()
    for step in range(2):
        progress = (recorded["iteration0"].item() + step) / recorded["total_iterations"].item()
        strength = recorded["isda_end_ratio"].item() * (1 - math.cos(math.pi * progress)) / 2
        assert strength == pytest.approx(recorded[f"step{step}_ratio"].item(), rel=1e-6)
        logits, augmented = [], []
        for i, weight in enumerate(weights):
            features = recorded[f"step{step}_features_{i}"]
            given = torch.einsum("kd,bdhw->bkhw", weight, features) + recorded[f"bias_{i}"][:, None, None]
            logits.append(given.requires_grad_(i < 2))
            branch = resize_branch(BranchOutput(given, features, weight, statistics[i]), scale)
            height, width = branch.logits.shape[2:]
            labels = resize_labels(recorded[f"step{step}_gt"].long(), (height, width))
            augmented.append(perturb(branch, labels, strength))
        loss = mutual_distillation_loss(
            (augmented[0], augmented[1]),
            (augmented[2], augmented[3]),
            teacher_weight=recorded["weight_teacher"].item(),
            peer_weight=recorded["weight_peer"].item(),
        ).total
        assert relative_error(loss.detach(), recorded[f"step{step}_loss"]) < 1e-5
        gradients = torch.autograd.grad(loss, logits[:2])
        for j, gradient in enumerate(gradients):
            assert relative_error(gradient, recorded[f"step{step}_grad_logits_{j}"]) < 1e-5
        for i, own in enumerate(statistics):
            assert torch.equal(own.count, recorded[f"step{step}_count_{i}"])
            assert relative_error(own.mean, recorded[f"step{step}_mean_{i}"]) < 1e-5
            assert relative_error(own.variance, recorded[f"step{step}_var_{i}"]) < 1e-5
