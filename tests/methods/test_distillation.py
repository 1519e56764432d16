"""Distillation: its step against the equation, and teachers that nothing changes."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from mutualseg.engine.training import Training
from mutualseg.errors import ConfigError
from mutualseg.methods import METHODS, method_class
from mutualseg.methods.base import Progress
from mutualseg.methods.distillation import Distillation
from mutualseg.networks.frozen import grid_logits
from mutualseg.optimization import Optimization
from mutualseg.types import Batch
from tests.methods.test_mutual import mix
from tests.methods.test_rivals import make_batch

if TYPE_CHECKING:
    from tests.conftest import BuildTiny

MIDWAY = Progress(60, 100)


def build(tiny_segmenter: BuildTiny, teachers: int = 2, **options: Any) -> Distillation:
    method = Distillation(lambda role: tiny_segmenter(role, patchwise=True), **options)
    method.teach_by(
        {role: tiny_segmenter(f"taught {role}") for role in ("teacher_a", "teacher_b")[:teachers]}
    )
    return method.train()


def slow_step(method: Distillation, batch: Batch, temperature: float, threshold: float) -> Tensor:
    """Return the distillation term in float64, pixel by pixel."""
    networks = copy.deepcopy(method).double().networks()
    labeled, unlabeled = batch.labeled, batch.unlabeled
    assert unlabeled is not None
    keep = unlabeled.keep[:, 0]
    seen = torch.cat([labeled.images, mix(unlabeled.strong, keep)]).double()
    z = networks["student_a"](seen).logits
    q = torch.stack(
        [
            torch.cat(
                [
                    networks[role](labeled.images.double()).logits.softmax(1),
                    mix(networks[role](unlabeled.weak.double()).logits.softmax(1), keep[:, ::4, ::4]),
                ]
            )
            for role in method.networks()
            if role.startswith("teacher")
        ]
    ).mean(0)
    valid = torch.cat([labeled.valid[:, ::4, ::4], mix(unlabeled.valid, keep)[:, ::4, ::4]])
    total, count = torch.zeros((), dtype=torch.float64), 0
    for b in range(len(z)):
        for y in range(z.shape[2]):
            for x in range(z.shape[3]):
                if valid[b, y, x]:
                    count += 1
                    own = q[b, :, y, x]
                    if own.max() >= threshold:
                        soft = own ** (1 / temperature) / (own ** (1 / temperature)).sum()
                        p = (z[b, :, y, x] / temperature).log_softmax(0)
                        total = total + temperature**2 * (soft * (soft.log() - p)).sum()
    return total / count


@pytest.mark.parametrize("teachers", [1, 2])
@pytest.mark.parametrize(("temperature", "threshold"), [(1.0, 0.0), (4.0, 0.0), (1.0, 0.6)])
def test_step_is_the_equation(
    tiny_segmenter: BuildTiny, teachers: int, temperature: float, threshold: float
) -> None:
    method = build(tiny_segmenter, teachers, weight=2.0, temperature=temperature, threshold=threshold)
    batch = make_batch()
    output = method.step(batch, MIDWAY)
    expected = 2.0 * slow_step(method, batch, temperature, threshold)
    torch.testing.assert_close(output.losses["teachers"].double(), expected, rtol=1e-4, atol=1e-6)
    assert output.losses.keys() == {"supervised", "teachers"}
    kept = float(output.logs["kept"])
    assert kept == 1.0 if threshold == 0 else 0.0 < kept < 1.0
    assert method.labels_from == ("teachers_mean" if teachers == 2 else "teacher_a")


def test_without_unlabeled_images_the_labeled_ones_teach(tiny_segmenter: BuildTiny) -> None:
    method, batch = build(tiny_segmenter, unlabeled=False), make_batch()
    assert not method.needs_unlabeled(MIDWAY)
    assert method.unlabeled_steps(10) == range(0)
    with_both, alone = (method.step(Batch(batch.labeled, half), MIDWAY) for half in (batch.unlabeled, None))
    torch.testing.assert_close(with_both.losses, alone.losses)
    assert float(alone.losses["teachers"].detach()) > 0
    assert build(tiny_segmenter).needs_unlabeled(MIDWAY)


def test_teachers_never_change_and_are_neither_trained_nor_saved(tiny_segmenter: BuildTiny) -> None:
    method = build(tiny_segmenter)
    teachers = {role: net for role, net in method.networks().items() if role.startswith("teacher")}
    before = copy.deepcopy({role: net.state_dict() for role, net in teachers.items()})
    student = copy.deepcopy(method.student_a.state_dict())
    training = Training(method, Optimization(encoder_rate=0.1, decoder_rate=0.1), total_steps=100, seed=0)
    training.train()
    optimizer = training.configure_optimizers()
    trained = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    assert trained == {id(parameter) for parameter in method.student_a.parameters()}
    for _ in range(3):
        optimizer.zero_grad()
        torch.stack(list(method.step(make_batch(), MIDWAY).losses.values())).sum().backward()
        optimizer.step()
        method.after_step(MIDWAY)
    assert any(not torch.equal(value, student[name]) for name, value in method.student_a.state_dict().items())
    storages = {value.data_ptr() for value in method.state_dict().values() if value.numel()}
    for role, teacher in teachers.items():
        assert not teacher.training
        assert all(not p.requires_grad and p.grad is None for p in teacher.parameters())
        for name, value in teacher.state_dict().items():
            assert torch.equal(value, before[role][name]), name  # BatchNorm's counts too
            assert value.data_ptr() not in storages or not value.numel()
    assert {name.partition(".")[0] for name in method.state_dict()} == {"student_a", "average"}


def test_average_follows_the_student(tiny_segmenter: BuildTiny) -> None:
    method = build(tiny_segmenter, ema=0.9, ema_reach=1.0)
    before = method.average.network.classifier.weight.clone()
    with torch.no_grad():
        method.student_a.classifier.weight.add_(1.0)
    method.after_step(Progress(1000, 10_000))
    torch.testing.assert_close(method.average.network.classifier.weight, before + 0.1)
    assert method.deployed == "average"
    assert list(method.networks()) == ["student_a", "average", "teacher_a", "teacher_b"]


def test_teachers_move_with_the_method(tiny_segmenter: BuildTiny) -> None:
    method = build(tiny_segmenter).double()
    assert {p.dtype for net in method.networks().values() for p in net.parameters()} == {torch.float64}
    own = copy.deepcopy(method).networks()["teacher_a"]
    assert own is not method.networks()["teacher_a"]


def test_teachers_of_another_grid_or_multiple_fit(tiny_segmenter: BuildTiny) -> None:
    method = Distillation(tiny_segmenter)
    method.teach_by({"teacher_a": tiny_segmenter("one"), "teacher_b": tiny_segmenter("two", multiple=20)})
    output = method.step(make_batch(), MIDWAY)  # 20 does not divide its side
    assert torch.isfinite(output.losses["teachers"])
    images = torch.rand(1, 3, 36, 40)
    padded = tiny_segmenter("two", multiple=20).eval()
    assert grid_logits(padded, images).shape == (1, 3, 36, 40)  # covers the image, not its padding
    torch.testing.assert_close(grid_logits(padded, images), padded.segment(images))


def test_it_is_found_by_name_and_offered_to_nobody() -> None:
    assert method_class("distillation") is Distillation
    assert "distillation" not in METHODS


@pytest.mark.parametrize("options", [{"weight": -1.0}, {"threshold": 1.5}, {"temperature": 0.0}])
def test_odd_arguments_are_refused(tiny_segmenter: BuildTiny, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"--method.{next(iter(options))} is"):
        Distillation(tiny_segmenter, **options)
