from __future__ import annotations

import copy
import gc

import pytest
import torch
from torch import Tensor

from mutualseg.engine.batch_size import largest_batch
from mutualseg.engine.memory_forecast import Forecast, forecast, free_bytes, in_words
from mutualseg.engine.training import Training
from mutualseg.errors import ConfigError
from mutualseg.methods import METHODS, method_class
from mutualseg.methods.base import Progress
from mutualseg.networks.build import NetworkConfig, build_segmenter
from mutualseg.optimization import Optimization
from mutualseg.types import LabeledBatch, UnlabeledBatch

GIGA = 2**30


def make_training(name: str, *, activation_checkpointing: bool = False) -> Training:
    config = NetworkConfig("deeplabv3plus", "mobilenetv3_large_100", 5)
    method = method_class(name)(lambda role: build_segmenter(config, seed=len(role)))
    return Training(
        method,
        Optimization(),
        total_steps=10,
        seed=0,
        activation_checkpointing=activation_checkpointing,
    )


def kept_for_backward(training: Training, batch: int, crop: int) -> int:
    """Return the bytes that a real step's forward pass leaves behind, weights apart."""
    images = torch.randint(0, 256, (batch, 3, crop, crop), dtype=torch.uint8)
    valid = torch.ones(batch, crop, crop, dtype=torch.bool)
    received: dict[str, object] = {
        "labeled": LabeledBatch(images, torch.randint(0, 5, (batch, crop, crop)), valid),
        "unlabeled": UnlabeledBatch(images, images, valid, valid[:, None], images, valid[:, None]),
    }
    weights = {tensor.untyped_storage().data_ptr() for tensor in training.method.state_dict().values()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    training.method.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = training.loss_at(received, Progress(75, 100))
    assert loss.requires_grad
    return sum(size for address, size in kept.items() if address not in weights)


@pytest.mark.parametrize("name", METHODS)
def test_it_is_near_what_a_larger_step_keeps(name: str) -> None:
    training = make_training(name)
    before = copy.deepcopy(training.state_dict())
    expected = forecast(training, device="cpu", precision="32")
    assert all(torch.equal(value, before[key]) for key, value in training.state_dict().items())
    images = 6 if training.method.uses_unlabeled else 3
    real = kept_for_backward(training, 3, 128)
    assert real <= expected.bytes(images, 128) - expected.weights <= 1.6 * real


def test_weights_gradients_and_optimizer_are_counted() -> None:
    training = make_training("labels_only")
    (student,) = training.method.students().values()
    trained = sum(4 * parameter.numel() for parameter in student.parameters())
    weights = forecast(training, device="cpu", precision="32").weights
    assert 5 * trained <= weights <= 5.2 * trained  # student, teacher, gradient, two moments; buffers


def test_activation_checkpointing_is_seen() -> None:
    plain, saving = (
        forecast(
            make_training("labels_only", activation_checkpointing=saves), device="cpu", precision="32"
        ).per_pixel
        for saves in (False, True)
    )
    assert saving < 0.8 * plain


def test_nothing_of_it_is_kept() -> None:
    """Else every run of a comparison would leave its networks behind."""

    def parameters() -> int:
        gc.collect()
        return sum(type(kept) is torch.nn.Parameter for kept in gc.get_objects())

    before = parameters()
    forecast(make_training("labels_only"), device="cpu", precision="32")
    assert parameters() == before


def test_words() -> None:
    assert in_words(GIGA * 3 // 2, 4 * GIGA) == "memory: about 1.5 GB of 4.0 GB free"
    assert in_words(200 * 2**20, None) == "memory: about 200 MB for training"
    assert "but only 1.0 GB is free" in in_words(2 * GIGA, GIGA)
    free = free_bytes("cpu")
    assert free is None or free > 0


def test_the_largest_batch_that_fits() -> None:
    expected = Forecast(weights=GIGA, per_pixel=GIGA / 1.25 / 100)  # 1 GB for each crop of 10 x 10

    def largest(free: float, *, kinds: int = 1, device: str = "cuda") -> int:
        return largest_batch(expected, crop=10, kinds=kinds, free=int(free * GIGA), device=device)

    assert largest(100) == 32
    assert largest(17.1 / 0.8) == 16
    assert largest(16.9 / 0.8) == 8
    assert largest(17.1 / 0.8, kinds=2) == 8
    assert largest(100, device="cpu") == 4
    assert largest_batch(expected, crop=10, kinds=1, free=None, device="mps") == 8
    with pytest.raises(ConfigError, match="Not even a batch of 2 crops of 10 pixels"):
        largest(3.7)


def test_a_batch_that_fails_is_halved() -> None:
    tried: list[int] = []

    def attempt(batch: int) -> None:
        tried.append(batch)
        if batch > 8:
            raise torch.OutOfMemoryError("too much")

    assert largest_batch(Forecast(0, 0.0), crop=9, kinds=2, free=1, device="cuda", attempt=attempt) == 8
    assert tried == [32, 16, 8]
