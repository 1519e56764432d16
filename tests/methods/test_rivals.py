"""The steps of the earlier methods against their equations, written down pixel by pixel in float64."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from mutualseg.methods import METHODS, method_class
from mutualseg.methods.base import Method, Progress
from mutualseg.types import Batch, LabeledBatch, UnlabeledBatch
from tests.methods.test_mutual import GRID, SIDE, enlarge, mean_cross_entropy, mix

if TYPE_CHECKING:
    from tests.conftest import BuildTiny

NOW = {"burn_in": 0.0, "ramp": 0.0, "cooldown": 0.0}
MIDWAY = Progress(60, 100)
Losses = dict[str, Tensor]


def make_batch(seed: int = 0) -> Batch:
    """Draw a batch whose validity and boxes follow the networks' grid."""
    generator = torch.Generator().manual_seed(seed)

    def area(share: float) -> Tensor:
        small = torch.rand(2, GRID, GRID, generator=generator) < share
        return small.repeat_interleave(SIDE // GRID, 1).repeat_interleave(SIDE // GRID, 2)

    images = torch.rand(4, 2, 3, SIDE, SIDE, generator=generator)
    masks = torch.randint(0, 3, (2, SIDE, SIDE), generator=generator)
    masks[area(0.1)] = 255
    valid = area(0.8)
    keep, second_keep = area(0.6)[:, None], area(0.6)[:, None]
    unlabeled = UnlabeledBatch(images[1], images[2], area(0.8), keep, images[3], second_keep)
    return Batch(LabeledBatch(images[0], masks, valid), unlabeled)


def build(name: str, tiny_segmenter: BuildTiny, **options: Any) -> Method:
    method = method_class(name)(lambda role: tiny_segmenter(role, patchwise=True), **NOW, **options)
    with torch.no_grad():  # averages that differ from their students
        for role, network in method.networks().items():
            if role.startswith("teacher"):
                for parameter in network.parameters():
                    parameter.mul_(1.3)
    return method.train()


def cross_entropy(z: Tensor, guide: Tensor, threshold: float, valid: Tensor) -> Tensor:
    """Return the sum of -log p[arg max guide] over sure valid pixels over the number of valid ones."""
    total, count = torch.zeros((), dtype=torch.float64), 0
    for b in range(len(z)):
        for y in range(z.shape[2]):
            for x in range(z.shape[3]):
                if valid[b, y, x]:
                    count += 1
                    sure = guide[b, :, y, x].softmax(0)
                    if sure.max() >= threshold:
                        total = total - z[b, :, y, x].log_softmax(0)[int(sure.argmax())]
    return total / count


def squared_distance(z: Tensor, guide: Tensor, threshold: float, valid: Tensor) -> Tensor:
    total, count, sure = torch.zeros((), dtype=torch.float64), 0, 0
    for b in range(len(z)):
        for y in range(z.shape[2]):
            for x in range(z.shape[3]):
                if valid[b, y, x]:
                    count += 1
                    t = guide[b, :, y, x].softmax(0)
                    sure += int(t.max() >= threshold)
                    total = total + ((z[b, :, y, x].softmax(0) - t) ** 2).sum()
    return total / count * (sure / count)


class Slow:
    """What the references read: one network's logits on unmixed or mixed images, all in float64."""

    def __init__(self, method: Method, batch: Batch) -> None:
        self.networks = copy.deepcopy(method).double().networks()
        assert batch.unlabeled is not None
        assert batch.unlabeled.second_strong is not None
        assert batch.unlabeled.second_keep is not None
        unlabeled = batch.unlabeled
        self.batch = batch
        self.weak = unlabeled.weak
        self.keeps = unlabeled.keep[:, 0], batch.unlabeled.second_keep[:, 0]
        self.strong = (
            mix(unlabeled.strong, self.keeps[0]),
            mix(batch.unlabeled.second_strong, self.keeps[1]),
        )
        self.valid = unlabeled.valid[:, ::4, ::4]
        self.mixed_valid = tuple(mix(unlabeled.valid, keep)[:, ::4, ::4] for keep in self.keeps)

    def logits(self, role: str, images: Tensor) -> Tensor:
        output: Tensor = self.networks[role](images.double()).logits
        return output

    def guide(self, role: str, view: int = 0) -> Tensor:
        """Return what a network makes of the weak view, mixed as a strong view is."""
        return mix(self.logits(role, self.weak).detach(), self.keeps[view][:, ::4, ::4])

    def supervised(self, role: str = "student_a") -> Tensor:
        logits = enlarge(self.logits(role, self.batch.labeled.images), SIDE // GRID)
        return mean_cross_entropy(logits, self.batch.labeled.masks)

    def learn(self, pupil: str, guide: str, threshold: float, view: int = 0) -> Tensor:
        z = self.logits(pupil, self.strong[view])
        return cross_entropy(z, self.guide(guide, view), threshold, self.mixed_valid[view])


def mean_teacher(slow: Slow, weight: float = 1.0, threshold: float = 0.97) -> Losses:
    z = slow.logits("student_a", slow.strong[0])
    distance = squared_distance(z, slow.guide("teacher_a"), threshold, slow.mixed_valid[0])
    return {"supervised": slow.supervised(), "consistency": weight * distance}


def cps(slow: Slow, weight: float = 1.5, threshold: float = 0.0) -> Losses:
    cross = slow.learn("student_a", "student_b", threshold) + slow.learn("student_b", "student_a", threshold)
    return {
        "supervised_a": slow.supervised("student_a"),
        "supervised_b": slow.supervised("student_b"),
        "peer": weight * cross,
    }


def fixmatch(slow: Slow, weight: float = 1.0, threshold: float = 0.95) -> Losses:
    strong = weight * slow.learn("student_a", "student_a", threshold)
    return {"supervised": slow.supervised(), "strong": strong}


def unimatch(
    slow: Slow, strong_weight: float = 0.5, feature_weight: float = 0.5, threshold: float = 0.95, **_: float
) -> Losses:
    """With no channel dropped: the perturbed features are the weak view's own."""
    both = [slow.learn("student_a", "student_a", threshold, view) for view in (0, 1)]
    weak = slow.logits("student_a", slow.weak)
    features = cross_entropy(weak, weak.detach(), threshold, slow.valid)
    return {
        "supervised": slow.supervised(),
        "strong": strong_weight * torch.stack(both).mean(),
        "features": feature_weight * features,
    }


def unimatch_v2(slow: Slow, weight: float = 1.0, threshold: float = 0.95, **_: float) -> Losses:
    both = [slow.learn("student_a", "teacher_a", threshold, view) for view in (0, 1)]
    return {"supervised": slow.supervised(), "strong": weight * torch.stack(both).mean()}


REFERENCES: dict[str, Callable[..., Losses]] = {
    "mean_teacher": mean_teacher,
    "cps": cps,
    "fixmatch": fixmatch,
    "unimatch": unimatch,
    "unimatch_v2": unimatch_v2,
}
STILL = {"unimatch": {"dropout": 0.0}, "unimatch_v2": {"dropout": 0.0}}
"""Without what is drawn at random."""


PUBLISHED = {
    "mean_teacher": {"weight": 1.0, "threshold": 0.97},  # French et al. 2020
    "cps": {"weight": 1.5, "threshold": 0.0},  # Chen et al. 2021, of VOC
    "fixmatch": {"weight": 1.0, "threshold": 0.95},  # Sohn et al. 2020, Yang et al. 2023
    "unimatch": {"strong_weight": 0.5, "feature_weight": 0.5, "dropout": 0.5, "threshold": 0.95},
    "unimatch_v2": {"weight": 1.0, "dropout": 0.5, "threshold": 0.95, "ema": 0.996},
}
"""What each paper gives; the step below is held to its equations with these and with other numbers."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_defaults_are_those_of_the_paper(name: str) -> None:
    parameters = inspect.signature(method_class(name)).parameters
    assert {key: parameters[key].default for key in PUBLISHED[name]} == PUBLISHED[name]


def test_every_rival_has_a_reference() -> None:
    assert PUBLISHED.keys() == REFERENCES.keys()
    assert REFERENCES.keys() == METHODS.keys() - {"labels_only", "mutual"}


@pytest.mark.parametrize("threshold", [None, 0.0, 0.6])
@pytest.mark.parametrize("name", REFERENCES)
def test_step_equals_the_slow_reference(
    name: str, threshold: float | None, tiny_segmenter: BuildTiny
) -> None:
    options: dict[str, Any] = STILL.get(name, {}) | ({} if threshold is None else {"threshold": threshold})
    method, batch = build(name, tiny_segmenter, **options), make_batch()
    slow = Slow(method, batch)
    losses, expected = method.step(batch, MIDWAY).losses, REFERENCES[name](slow, **options)
    assert list(losses) == list(expected)
    for term, value in losses.items():
        torch.testing.assert_close(value.double(), expected[term], rtol=1e-5, atol=1e-7, msg=term)
    torch.stack(list(losses.values())).sum().backward()
    torch.stack(list(expected.values())).sum().backward()
    for role, student in method.students().items():
        pairs = zip(student.named_parameters(), slow.networks[role].parameters(), strict=True)
        for (key, own), reference in pairs:
            assert own.grad is not None
            assert reference.grad is not None
            torch.testing.assert_close(own.grad.double(), reference.grad, rtol=1e-4, atol=1e-6, msg=key)


@pytest.mark.parametrize("name", REFERENCES)
def test_unlabeled_terms_are_there(name: str, tiny_segmenter: BuildTiny) -> None:
    """Else the comparison above could be of zeros."""
    losses = build(name, tiny_segmenter, threshold=0.6).step(make_batch(), MIDWAY).losses
    unlabeled = [term for term in losses if not term.startswith("supervised")]
    assert unlabeled
    assert all(losses[term] > 0 for term in unlabeled)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_ramp_scales_the_unlabeled_terms_alone(name: str, tiny_segmenter: BuildTiny) -> None:
    """Half way into a half cosine: one half."""
    options = {**STILL.get(name, {}), "threshold": 0.6}
    whole = build(name, tiny_segmenter, **options)
    half = build(name, tiny_segmenter, **options)
    half.burn_in, half.ramp = 0.4, 0.4
    one, two = whole.step(make_batch(), MIDWAY).losses, half.step(make_batch(), MIDWAY).losses
    for term, value in one.items():
        torch.testing.assert_close(two[term], value * (1 if term.startswith("supervised") else 0.5))


@pytest.mark.parametrize("part", ["burn_in", "cooldown"])
@pytest.mark.parametrize("name", REFERENCES)
def test_a_burn_in_and_a_cooldown_are_labels_only(name: str, part: str, tiny_segmenter: BuildTiny) -> None:
    method = build(name, tiny_segmenter)
    setattr(method, part, 0.7)
    assert not method.needs_unlabeled(MIDWAY)
    losses = method.step(make_batch()._replace(unlabeled=None), MIDWAY).losses
    assert all(term.startswith("supervised") for term in losses)


@pytest.mark.parametrize("name", ["unimatch", "unimatch_v2"])
def test_channels_are_dropped_from_views_alone(name: str, tiny_segmenter: BuildTiny) -> None:
    still = build(name, tiny_segmenter, threshold=0.0, dropout=0.0).step(make_batch(), MIDWAY).losses
    moved = build(name, tiny_segmenter, threshold=0.0, dropout=0.9).step(make_batch(), MIDWAY).losses
    assert torch.equal(still["supervised"], moved["supervised"])
    changed = "features" if name == "unimatch" else "strong"
    assert not torch.equal(still[changed], moved[changed])
    if name == "unimatch":
        torch.testing.assert_close(still["strong"], moved["strong"])


@pytest.mark.parametrize("name", REFERENCES)
def test_labels_come_from_networks_as_they_are_at_test_time(name: str, tiny_segmenter: BuildTiny) -> None:
    """Every look at the plain weak view is without dropout, batch statistics and gradient."""
    method = method_class(name)(tiny_segmenter, **NOW).train()
    batch = make_batch()
    assert batch.unlabeled is not None
    weak = batch.unlabeled.weak
    looks: list[tuple[bool, bool]] = []

    def watch(network: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if inputs[0].shape == weak.shape and torch.equal(inputs[0], weak):
            norms = [m.training for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
            looks.append((any(norms), torch.is_grad_enabled()))

    for network in method.networks().values():
        network.register_forward_pre_hook(watch)
    method.step(batch, MIDWAY)
    assert looks == [(False, False)] * (2 if name == "cps" else 1)
    assert all(student.training for student in method.students().values())
