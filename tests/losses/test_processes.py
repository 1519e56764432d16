"""Two processes that share a batch get what one process gets from all of it."""

from __future__ import annotations

from multiprocessing import get_context
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed

from mutualseg.losses.consistency import probability_distance, pseudo_label_loss, pseudo_labels
from mutualseg.losses.mutual import mutual_distillation_loss
from mutualseg.losses.semantic_augmentation import ClassStatistics, perturb
from mutualseg.losses.supervised import SupervisedLoss
from mutualseg.types import BranchOutput

CLASSES, WIDTH = 4, 3
LOSSES = (
    SupervisedLoss(class_weights=[0.5, 2.0, 1.0, 3.0]),
    SupervisedLoss("ohem", ohem_threshold=0.3, ohem_keep=0.6),  # more than are below the threshold
    SupervisedLoss("ohem", ohem_threshold=0.3, ohem_keep=20.0, class_weights=[0.5, 2.0, 1.0, 3.0]),
    SupervisedLoss("focal", class_weights=[0.5, 2.0, 1.0, 3.0]),
    SupervisedLoss("dice"),
    SupervisedLoss("cross_entropy_dice", class_weights=[0.5, 2.0, 1.0, 3.0], dice_weight=0.7),
)


def step(images: slice) -> dict[str, Tensor]:
    """Run two steps on some of four labeled and four unlabeled images; return state and gradients."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    weights, statistics = draw(2, CLASSES, WIDTH), [ClassStatistics(CLASSES, WIDTH) for _ in range(2)]
    scale = torch.ones((), requires_grad=True)  # a parameter that every pixel's loss depends on
    total = torch.zeros(())
    for _ in range(2):
        masks = torch.randint(0, CLASSES, (4, 6, 6), generator=generator)
        masks[0] = 255  # uneven: process 0 has fewer pixels to learn from
        valid = torch.rand(4, 2, 6, 6, generator=generator) > 0.2
        valid[1] = False
        features = 30 + 0.1 * draw(2, 4, 2, WIDTH, 6, 6)
        own_valid = valid[images].transpose(0, 1).flatten(0, 1)
        augmented = []
        for i in range(2):
            maps = features[i, images].transpose(0, 1).flatten(0, 1)
            logits = scale * torch.einsum("kd,bdhw->bkhw", weights[i], maps - 30)
            branch = BranchOutput(logits, maps, weights[i], statistics[i])
            augmented.append(perturb(branch, masks[images], 1.0, valid=own_valid))
            seen = logits[: len(masks[images])]
            total = total + SupervisedLoss()(seen, masks[images])
            total = total + torch.stack([loss(seen, masks[images]) for loss in LOSSES]).sum()
        pair = (augmented[0], augmented[1])
        total = total + probability_distance(pair[0], pair[1], own_valid, 0.4)
        total = total + pseudo_label_loss(pair[1], pseudo_labels(pair[0], 0.4), own_valid)
        total = total + mutual_distillation_loss(pair, (pair[1] * 2, pair[0] * 2), valid=own_valid).total
    torch.autograd.backward(total)
    assert scale.grad is not None
    state = {f"{name}_{i}": value for i, own in enumerate(statistics) for name, value in own.named_buffers()}
    return {"loss": total.detach(), "gradient": scale.grad, **state}


def worker(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    torch.save(step(slice(2 * rank, 2 * rank + 2)), f"{folder}/{rank}.pt")
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.mark.slow
def test_statistics_losses_and_gradients(tmp_path: Path) -> None:
    context = get_context("spawn")
    processes = [context.Process(target=worker, args=(rank, str(tmp_path))) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
    assert [process.exitcode for process in processes] == [0, 0]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    expected = step(slice(4))
    for name in expected:
        if name in {"loss", "gradient"}:  # what DDP and the logger average over processes
            ours = (first[name] + second[name]) / 2
        else:
            assert torch.equal(first[name], second[name]), name
            ours = first[name]
        torch.testing.assert_close(ours, expected[name], rtol=1e-5, atol=1e-6, msg=name)
    assert first["loss"] != second["loss"]
