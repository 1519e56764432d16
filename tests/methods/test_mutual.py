from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from mutualseg.errors import ConfigError, NetworkError
from mutualseg.losses.mutual import mutual_distillation_loss
from mutualseg.losses.pseudo_label_weights import PseudoLabelWeights
from mutualseg.methods.base import Progress
from mutualseg.methods.mutual import Mutual
from mutualseg.networks.build import NetworkConfig, build_segmenter
from mutualseg.networks.ema import MeanTeacher
from mutualseg.networks.segmenter import Segmenter
from mutualseg.optimization import Optimization
from mutualseg.types import Batch, LabeledBatch, UnlabeledBatch

if TYPE_CHECKING:
    from tests.conftest import BuildTiny

ROLES = ("student_a", "student_b", "teacher_a", "teacher_b")
SIDE, GRID = 32, 8
AUTHORS: dict[str, Any] = {
    "augment_teachers": True,
    "adaptive_threshold": False,
    "class_balance": 0.0,
    "teacher_batch_norm": "own",
    "teacher_weight": 1.5,
    "peer_weight": 1.0,
    "threshold": 0.0,
    "peer_threshold": 0.0,
    "burn_in": 0.0,
    "ramp": 0.0,
    "cooldown": 0.0,
    "semantic_strength": 1.5,
    "ema": 0.6,
}
MIDWAY = Progress(60, 100)


def make_batch(seed: int = 0, *, labeled: int = 2, unlabeled: int = 2, blocks: bool = False) -> Batch:
    """Draw a batch; with `blocks`, validity and CutMix follow the networks' grid."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    def area(count: int, share: float) -> Tensor:
        if blocks:
            return (draw(count, GRID, GRID) < share).repeat_interleave(4, 1).repeat_interleave(4, 2)
        return draw(count, SIDE, SIDE) < share

    masks = torch.randint(0, 3, (labeled, SIDE, SIDE), generator=generator)
    masks[area(labeled, 0.1)] = 255  # void, and valid
    valid = area(labeled, 0.8)
    masks[~valid] = 255
    weak = draw(unlabeled, 3, SIDE, SIDE)
    return Batch(
        LabeledBatch(draw(labeled, 3, SIDE, SIDE), masks, valid),
        UnlabeledBatch(
            weak, weak * draw(unlabeled, 3, 1, 1), area(unlabeled, 0.8), area(unlabeled, 0.6)[:, None]
        ),
    )


def unlabeled_of(batch: Batch) -> UnlabeledBatch:
    assert batch.unlabeled is not None
    return batch.unlabeled


def mutual(build: BuildTiny, *, patchwise: bool = False, **options: Any) -> Mutual:
    method = Mutual(lambda role: build(role, patchwise=patchwise), **{**AUTHORS, **options})
    with torch.no_grad():  # teachers that differ from their students
        for teacher in (method.teacher_a, method.teacher_b):
            for parameter in teacher.parameters():
                parameter.mul_(1.2)
    method.train()
    return method


class SlowMutual:
    """The step of MKD written down pixel by pixel in float64, from the equations; only networks are shared.

    Every feature vector ever seen is kept, so that statistics need no updating formula.
    """

    def __init__(self, method: Mutual, **options: Any) -> None:
        own = copy.deepcopy(method)
        self.networks = own.networks()
        if own.teacher_a.batch_norm == "own":  # normalize by the batch at hand; there is no dropout
            own.teacher_a.network.train()
            own.teacher_b.network.train()
        self.options: dict[str, Any] = {"distill_labeled": True, "loss_scale": 1.0, "taught_by": "other"}
        self.options |= {
            "soft_labels": False,
            "augment_students": True,
            "augment_teachers": True,
            **AUTHORS,
            **options,
        }
        self.seen: dict[str, list[list[Tensor]]] = {role: [[], [], []] for role in ROLES}

    def step(self, batch: Batch, progress: Progress, weight: float = 1.0) -> dict[str, Tensor]:
        options, labeled, unlabeled = self.options, batch.labeled, unlabeled_of(batch)
        number = len(labeled.images)
        keep = unlabeled.keep[:, 0]
        mixed = torch.cat([labeled.images, mix(unlabeled.strong, keep)])
        plain = torch.cat([labeled.images, unlabeled.weak])
        logits, features = {}, {}
        losses = {}
        for role, network in self.networks.items():
            blind = role.startswith("teacher") and not options["distill_labeled"]  # to labeled images
            output = network(mixed if role.startswith("student") else plain[number if blind else 0 :])
            z, h = output.logits.double(), output.features.double().detach()
            if blind:  # never read, so that places stay
                z, h = (
                    torch.cat([torch.full_like(maps[:1], torch.nan)] * number + [maps]) for maps in (z, h)
                )
            if role.startswith("student"):
                upsampled = enlarge(z[:number], SIDE // GRID)
                losses[f"supervised_{role[-1]}"] = mean_cross_entropy(upsampled, labeled.masks)
            else:
                z = torch.cat([z[:number], mix(z[number:], keep[:, ::4, ::4])]).detach()
                h = torch.cat([h[:number], mix(h[number:], keep[:, ::4, ::4])])
            if options["loss_scale"] == 0.5:
                z, h = halve(z), halve(h)
            logits[role], features[role] = z, h

        stride = SIDE // logits["student_a"].shape[-1]
        masks = labeled.masks[:, ::stride, ::stride]
        valid = torch.cat([labeled.valid, mix(unlabeled.valid, keep)])[:, ::stride, ::stride]
        strength = options["semantic_strength"] * (1 - math.cos(math.pi * progress.step / progress.total)) / 2
        augmented = {
            role: self.augment(role, logits[role], features[role], masks, valid, strength) for role in ROLES
        }
        first = 0 if options["distill_labeled"] else number
        if options["taught_by"] == "mean":
            for maps in (logits, augmented):
                both = (maps["teacher_a"].softmax(1) + maps["teacher_b"].softmax(1)) / 2
                maps["teacher_a"] = maps["teacher_b"] = both.log()
        guides = {"a": "b", "b": "a"}
        teacher, peer = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
        for pupil in ("a", "b"):
            other = guides[pupil]
            taught_by = f"teacher_{pupil if options['taught_by'] == 'own' else other}"
            z = augmented[f"student_{pupil}"]
            teacher = teacher + self.learn(z, taught_by, logits, augmented, valid, first, "threshold")
            peer = peer + self.learn(z, f"student_{other}", logits, augmented, valid, first, "peer_threshold")
        losses["teacher"] = weight * options["teacher_weight"] * teacher
        losses["peer"] = weight * options["peer_weight"] * peer
        return losses

    def augment(
        self, role: str, logits: Tensor, features: Tensor, masks: Tensor, valid: Tensor, strength: float
    ) -> Tensor:
        if not self.options["augment_students" if role.startswith("student") else "augment_teachers"]:
            return logits
        if self.options["semantic_strength"] == 0:
            return logits
        number = len(masks)
        weight = self.networks[role].classifier.weight.detach().double()[:, :, 0, 0]
        result = logits.clone()
        parts = [range(number), range(number, len(logits))]  # labeled ones first
        if role.startswith("teacher") and not self.options["distill_labeled"]:
            del parts[0]
        for images in parts:
            pixels = []
            for b in images:
                for y in range(logits.shape[2]):
                    for x in range(logits.shape[3]):
                        c = int(masks[b, y, x]) if b < number else int(logits[b, :, y, x].argmax())
                        if valid[b, y, x] and c != 255:
                            pixels.append((b, y, x, c))
                            self.seen[role][c].append(features[b, :, y, x])
            variance = [torch.stack(own).var(0, correction=0) if own else 0 for own in self.seen[role]]
            for b, y, x, c in pixels:
                shift = (variance[c] * (weight - weight[c]) ** 2).sum(1)
                result[b, :, y, x] = logits[b, :, y, x] + strength / 2 * shift
        return result

    def learn(
        self,
        student: Tensor,
        guide: str,
        logits: dict[str, Tensor],
        augmented: dict[str, Tensor],
        valid: Tensor,
        first: int,
        threshold: str,
    ) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        count = 0
        for b in range(first, len(student)):
            for y in range(student.shape[2]):
                for x in range(student.shape[3]):
                    if not valid[b, y, x]:
                        continue
                    count += 1
                    if logits[guide][b, :, y, x].softmax(0).max() >= self.options[threshold]:
                        log_p = student[b, :, y, x].log_softmax(0)
                        target = augmented[guide][b, :, y, x].softmax(0)
                        if self.options["soft_labels"] and guide.startswith("teacher"):
                            total = total - (target * log_p).sum()
                        else:
                            total = total - log_p[int(target.argmax())]
        return total / count


def mix(maps: Tensor, keep: Tensor) -> Tensor:
    """Take each pixel outside `keep` [B,H,W] from the partner: the other of a pair, or the next image."""
    count = len(maps)
    result = maps.clone()
    for b in range(count):
        partner = (b + 1) % count if count % 2 else (b + 1 if b % 2 == 0 else b - 1)
        for y in range(keep.shape[1]):
            for x in range(keep.shape[2]):
                if not keep[b, y, x]:
                    result[b, ..., y, x] = maps[partner, ..., y, x]
    return result


def halve(maps: Tensor) -> Tensor:
    """Resize bilinearly to half: each new pixel lies in the middle of four."""
    return (maps[..., ::2, ::2] + maps[..., 1::2, ::2] + maps[..., ::2, 1::2] + maps[..., 1::2, 1::2]) / 4


def enlarge(maps: Tensor, factor: int) -> Tensor:
    """Resize bilinearly by a whole factor, as one matrix per side."""
    sides = []
    for old in maps.shape[-2:]:
        matrix = torch.zeros(old * factor, old, dtype=torch.float64)
        for new in range(old * factor):
            at = min(max((new + 0.5) / factor - 0.5, 0.0), old - 1.0)
            low = min(int(at), old - 2)
            matrix[new, low], matrix[new, low + 1] = 1 - (at - low), at - low
        sides.append(matrix)
    return sides[0] @ maps @ sides[1].T


def mean_cross_entropy(logits: Tensor, masks: Tensor) -> Tensor:
    log_p = logits.log_softmax(1)
    known = masks != 255
    picked = [log_p[:, c][(masks == c) & known] for c in range(logits.shape[1])]
    return -torch.cat(picked).mean()


CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "authors": {},
    "half the resolution, as released": {"loss_scale": 0.5},
    "own teacher": {"taught_by": "own"},
    "mean of teachers": {"taught_by": "mean"},
    "mean of plain teachers": {"taught_by": "mean", "augment_teachers": False, "threshold": 0.5},
    "soft labels": {"soft_labels": True, "threshold": 0.5},
    "thresholds": {"threshold": 0.6, "peer_threshold": 0.5},
    "unlabeled alone": {"distill_labeled": False, "threshold": 0.5},
    "unlabeled alone, half the resolution": {"distill_labeled": False, "loss_scale": 0.5},
    "unlabeled alone, teachers plain": {"distill_labeled": False, "augment_teachers": False},
    "students plain": {"augment_students": False},
    "teachers plain": {"augment_teachers": False},
    "all plain": {"semantic_strength": 0.0},
    "no teachers": {"teacher_weight": 0.0},
    "no peers": {"peer_weight": 0.0},
    "averaged statistics": {"teacher_batch_norm": "average", "loss_scale": 0.5},
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_step_equals_the_slow_reference(tiny_segmenter: BuildTiny, name: str) -> None:
    options = CONFIGURATIONS[name]
    method = mutual(tiny_segmenter, **options)
    slow = SlowMutual(method, **options)
    for seed, progress in ((1, Progress(40, 100)), (2, Progress(70, 100))):  # statistics go on
        batch = make_batch(seed)
        losses = method.step(batch, progress).losses
        expected = slow.step(batch, progress)
        assert list(losses) == ["supervised_a", "supervised_b", "teacher", "peer"]
        for term, value in losses.items():
            torch.testing.assert_close(value.double(), expected[term], rtol=1e-5, atol=1e-7, msg=f"{term}")
    torch.autograd.backward(torch.stack(list(losses.values())).sum())
    torch.autograd.backward(torch.stack(list(expected.values())).sum())
    for role, student in method.students().items():
        for (key, own), reference in zip(
            student.named_parameters(), slow.networks[role].parameters(), strict=True
        ):
            assert own.grad is not None
            assert reference.grad is not None
            torch.testing.assert_close(own.grad, reference.grad, rtol=1e-4, atol=1e-6, msg=f"{role} {key}")


def test_an_odd_number_of_unlabeled_images_equals_the_slow_reference(tiny_segmenter: BuildTiny) -> None:
    method = mutual(tiny_segmenter)
    slow = SlowMutual(method)
    batch = make_batch(3, labeled=1, unlabeled=3)
    losses, expected = method.step(batch, MIDWAY).losses, slow.step(batch, MIDWAY)
    for term, value in losses.items():
        torch.testing.assert_close(value.double(), expected[term], rtol=1e-5, atol=1e-7)


def test_configurations_differ(tiny_segmenter: BuildTiny) -> None:
    """Else the comparisons above could not fail."""
    found = set()
    for options in CONFIGURATIONS.values():
        losses = mutual(tiny_segmenter, **options).step(make_batch(), MIDWAY).losses
        found.add(tuple(round(float(losses[term].detach()), 6) for term in ("teacher", "peer")))
    assert len(found) == len(CONFIGURATIONS)


def test_ramp_scales_the_distillation_alone(tiny_segmenter: BuildTiny) -> None:
    """A quarter into a half cosine: (1 - cos(pi / 4)) / 2."""
    batch, progress = make_batch(), Progress(25, 100)
    full = mutual(tiny_segmenter).step(batch, progress).losses
    part = mutual(tiny_segmenter, burn_in=0.2, ramp=0.2).step(batch, progress).losses
    factor = (1 - math.cos(math.pi / 4)) / 2
    for term in full:
        expected = full[term] * (factor if term in ("teacher", "peer") else 1)
        torch.testing.assert_close(part[term], expected)


def spy_on_teaching(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    seen: list[Tensor] = []
    teach = MeanTeacher.teach

    def watched(self: MeanTeacher, images: Tensor) -> Any:
        seen.append(images)
        return teach(self, images)

    monkeypatch.setattr(MeanTeacher, "teach", watched)
    return seen


def watch(network: Segmenter) -> list[Tensor]:
    seen: list[Tensor] = []
    network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    return seen


def test_all_terms_are_on_from_the_burn_in_to_the_cooldown(tiny_segmenter: BuildTiny) -> None:
    method = mutual(tiny_segmenter, burn_in=0.2, ramp=0.1, cooldown=0.3)
    assert method.unlabeled_steps(10) == range(3, 7)  # the ramp starts at step 2, from zero
    assert mutual(tiny_segmenter, burn_in=1.0).unlabeled_steps(10) == range(0)
    for made in (method, mutual(tiny_segmenter)):
        assert made.unlabeled_weight(Progress(int(made.busy_share() * 1000), 1000)) == 1.0


def test_burn_in_uses_no_unlabeled_image(tiny_segmenter: BuildTiny, monkeypatch: pytest.MonkeyPatch) -> None:
    method = mutual(tiny_segmenter, burn_in=0.5)
    taught, seen = spy_on_teaching(monkeypatch), watch(method.student_b)
    before, after = Progress(49, 100), Progress(50, 100)
    assert not method.needs_unlabeled(before)
    assert method.needs_unlabeled(after)
    batch = make_batch()
    poisoned = batch._replace(
        unlabeled=unlabeled_of(batch)._replace(weak=torch.full((2, 3, 32, 32), math.nan))
    )
    for given in (poisoned, batch._replace(unlabeled=None)):
        losses = method.step(given, before).losses
        assert list(losses) == ["supervised_a", "supervised_b"]
        for role, student in method.students().items():
            logits = student(batch.labeled.images).logits.double()
            expected = mean_cross_entropy(enlarge(logits, 4), batch.labeled.masks)
            torch.testing.assert_close(losses[f"supervised_{role[-1]}"].double(), expected)
    assert not taught
    assert all(torch.equal(images, batch.labeled.images) for images in seen)
    assert all(not statistics.count.any() for statistics in method.statistics.values())  # type: ignore[operator]
    assert set(method.step(batch, after).losses) == {"supervised_a", "supervised_b", "teacher", "peer"}
    assert len(taught) == 2


def test_students_see_mixed_strong_views_and_teachers_plain_weak_ones(
    tiny_segmenter: BuildTiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = mutual(tiny_segmenter)
    taught = spy_on_teaching(monkeypatch)
    students = watch(method.student_a), watch(method.student_b)
    batch = make_batch()
    unlabeled = unlabeled_of(batch)
    assert not torch.equal(unlabeled.weak, unlabeled.strong)
    method.step(batch, MIDWAY)
    weak = torch.cat([batch.labeled.images, unlabeled.weak])
    strong = torch.cat([batch.labeled.images, mix(unlabeled.strong, unlabeled.keep[:, 0])])
    assert len(taught) == 2
    assert all(torch.equal(images, weak) for images in taught)
    for seen in students:
        assert len(seen) == 1
        assert torch.equal(seen[0], strong)


def received_logits(
    method: Mutual, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return the students' and the teachers' logits that the loss is computed from."""
    calls: list[Any] = []
    name = "mutualseg.methods.mutual.mutual_distillation_loss"
    original = Mutual.step.__globals__["mutual_distillation_loss"]

    def noting(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        return original(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(name, noting)
        method.step(batch, MIDWAY)
    students, teachers = calls[0]
    return students, teachers


def test_teachers_logits_are_mixed_after_the_network(
    tiny_segmenter: BuildTiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = mutual(tiny_segmenter, semantic_strength=0.0)
    batch = make_batch()
    unlabeled = unlabeled_of(batch)
    plain = copy.deepcopy(method.teacher_a).teach(torch.cat([batch.labeled.images, unlabeled.weak])).logits
    _, (teacher_a, _) = received_logits(method, batch, monkeypatch)
    assert torch.equal(teacher_a[:2], plain[:2])
    assert torch.equal(teacher_a[2:], mix(plain[2:], unlabeled.keep[:, 0, ::4, ::4]))
    assert not torch.equal(teacher_a[2:], plain[2:])
    whole = batch._replace(unlabeled=unlabeled._replace(keep=torch.ones_like(unlabeled.keep)))
    _, (teacher_a, _) = received_logits(method, whole, monkeypatch)
    assert torch.equal(teacher_a, plain)


def test_off_values_leave_the_logits_alone(
    tiny_segmenter: BuildTiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = make_batch()
    plain = received_logits(mutual(tiny_segmenter, semantic_strength=0.0), batch, monkeypatch)
    for options, same in (
        ({}, (False, False)),
        ({"augment_students": False}, (True, False)),
        ({"augment_teachers": False}, (False, True)),
        ({"augment_students": False, "augment_teachers": False}, (True, True)),
    ):
        method = mutual(tiny_segmenter, **options)
        found = received_logits(method, batch, monkeypatch)
        assert tuple(torch.equal(found[i][0], plain[i][0]) for i in (0, 1)) == same, options
        for role, statistics in method.statistics.items():
            assert bool(statistics.count.any()) != same[role.startswith("teacher")]  # type: ignore[operator]
    students, teachers = received_logits(mutual(tiny_segmenter, distill_labeled=False), batch, monkeypatch)
    assert [len(logits) for logits in (*students, *teachers)] == [2] * 4


@pytest.mark.parametrize(("weight", "term"), [("teacher_weight", "teacher"), ("peer_weight", "peer")])
def test_a_weight_of_zero_removes_its_term_alone(tiny_segmenter: BuildTiny, weight: str, term: str) -> None:
    full = mutual(tiny_segmenter).step(make_batch(), MIDWAY).losses
    without = mutual(tiny_segmenter, **dict[str, Any]({weight: 0.0})).step(make_batch(), MIDWAY).losses
    assert float(full[term].detach()) > 0
    assert float(without.pop(term)) == 0
    assert all(torch.equal(without[name], full[name]) for name in without)


def test_thresholds_reduce_what_teaches(tiny_segmenter: BuildTiny) -> None:
    found = []
    for threshold in (0.0, 0.5, 0.7, 1.0):
        output = mutual(tiny_segmenter, threshold=threshold, peer_threshold=threshold).step(
            make_batch(), MIDWAY
        )
        found.append(
            (
                float(output.losses["teacher"].detach()),
                float(output.losses["peer"].detach()),
                float(output.logs["kept"]),
            )
        )
    assert found[0][2] == 1
    assert not any(found[-1])
    for less, more in zip(found[1:], found, strict=False):
        assert all(a < b for a, b in zip(less, more, strict=True))


def test_recorded_shares(tiny_segmenter: BuildTiny, monkeypatch: pytest.MonkeyPatch) -> None:
    method = mutual(tiny_segmenter, semantic_strength=0.0, threshold=0.6)
    batch = make_batch()
    unlabeled = unlabeled_of(batch)
    students, teachers = received_logits(method, batch, monkeypatch)
    logs = mutual(tiny_segmenter, semantic_strength=0.0, threshold=0.6).step(batch, MIDWAY).logs
    valid = mix(unlabeled.valid, unlabeled.keep[:, 0])[:, ::4, ::4]
    labels = [logits[2:].argmax(1)[valid] for logits in (*students, *teachers)]
    kept = [(t[2:].softmax(1).amax(1)[valid] >= 0.6).double().mean() for t in teachers]
    assert 0.1 < float(logs["kept"]) < 0.9
    for name, expected in (
        ("kept", (kept[0] + kept[1]) / 2),
        ("students_disagree", (labels[0] != labels[1]).double().mean()),
        ("teacher_a_disagrees", (labels[1] != labels[2]).double().mean()),
        ("teacher_b_disagrees", (labels[0] != labels[3]).double().mean()),
    ):
        assert float(logs[name]) == pytest.approx(float(expected))
        assert not logs[name].requires_grad


def test_what_padding_made_changes_nothing(tiny_segmenter: BuildTiny) -> None:
    batch = make_batch(blocks=True)
    unlabeled = unlabeled_of(batch)

    def repaint(images: Tensor, valid: Tensor) -> Tensor:
        return torch.where(valid[:, None], images, torch.rand_like(images) * 3)

    repainted = Batch(
        batch.labeled._replace(images=repaint(batch.labeled.images, batch.labeled.valid)),
        unlabeled._replace(
            weak=repaint(unlabeled.weak, unlabeled.valid), strong=repaint(unlabeled.strong, unlabeled.valid)
        ),
    )
    methods = [mutual(tiny_segmenter, patchwise=True, threshold=0.5) for _ in range(2)]
    plain, other = (m.step(b, MIDWAY) for m, b in zip(methods, (batch, repainted), strict=True))
    assert not torch.equal(plain.losses["supervised_a"], other.losses["supervised_a"])  # neighbors do see it
    for name in ("teacher", "peer"):
        torch.testing.assert_close(plain.losses[name], other.losses[name], rtol=1e-6, atol=0)
    for name, value in plain.logs.items():
        torch.testing.assert_close(value, other.logs[name], rtol=0, atol=0)
    for (key, one), two in zip(
        methods[0].statistics.named_buffers(), methods[1].statistics.buffers(), strict=True
    ):
        torch.testing.assert_close(one, two, msg=key)
    assert methods[0].step(batch, MIDWAY).losses["teacher"] != plain.losses["teacher"]  # statistics moved


def test_statistics_belong_to_one_network_each(tiny_segmenter: BuildTiny) -> None:
    method = mutual(tiny_segmenter)
    batch = make_batch()
    method.step(batch, MIDWAY)
    assert tuple(method.statistics) == ROLES
    buffers = {role: dict(own.named_buffers()) for role, own in method.statistics.items()}
    assert len({buffer.data_ptr() for own in buffers.values() for buffer in own.values()}) == 12
    assert len({tuple(own["mean"].flatten().tolist()) for own in buffers.values()}) == 4
    unlabeled = unlabeled_of(batch)
    valid = torch.cat([batch.labeled.valid, mix(unlabeled.valid, unlabeled.keep[:, 0])])[:, ::4, ::4]
    void = (batch.labeled.masks[:, ::4, ::4] == 255) & valid[:2]
    for own in buffers.values():
        assert float(own["count"].sum()) == float(valid.sum() - void.sum())


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in module.state_dict().items()}


def test_optimizer_holds_the_students_alone(tiny_segmenter: BuildTiny) -> None:
    method = mutual(tiny_segmenter)
    optimizer = Optimization().build(method.students().values())
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    students = {id(p) for student in (method.student_a, method.student_b) for p in student.parameters()}
    assert held == students
    assert {id(parameter) for parameter in method.parameters() if parameter.requires_grad} == students


@pytest.mark.parametrize("policy", ["own", "average"])
def test_teachers_move_after_the_step_and_only_then(tiny_segmenter: BuildTiny, policy: Any) -> None:
    method = mutual(tiny_segmenter, teacher_batch_norm=policy)
    optimizer = Optimization(optimizer="sgd", encoder_rate=0.1, decoder_rate=0.1).build(
        method.students().values()
    )
    teachers = {"a": method.teacher_a, "b": method.teacher_b}
    for finished, momentum in ((1, 0.0), (2, 0.5), (3, 0.6)):
        before = {branch: snapshot(teacher.network) for branch, teacher in teachers.items()}
        output = method.step(make_batch(finished), Progress(finished - 1, 10))
        optimizer.zero_grad()
        torch.autograd.backward(torch.stack(list(output.losses.values())).sum())
        optimizer.step()
        for branch, teacher in teachers.items():
            assert all(parameter.grad is None for parameter in teacher.parameters())
            for key, parameter in teacher.network.named_parameters():
                assert torch.equal(parameter, before[branch][key])
        method.after_step(Progress(finished, 10))
        for branch, teacher in teachers.items():
            student = dict(method.students()[f"student_{branch}"].named_parameters())
            for key, parameter in teacher.network.named_parameters():
                expected = momentum * before[branch][key] + (1 - momentum) * student[key]
                torch.testing.assert_close(parameter, expected.detach(), rtol=1e-5, atol=1e-7)


def test_teachers_statistics_follow_through_the_burn_in(tiny_segmenter: BuildTiny) -> None:
    """Untaught teachers have seen no batch; their BatchNorm must not stay at its start."""
    method = mutual(tiny_segmenter, burn_in=0.5)
    for finished in range(1, 6):  # the fifth is the last of the burn-in
        method.step(make_batch(finished), Progress(finished - 1, 10))
        method.after_step(Progress(finished, 10))
    own, other = (dict(n.named_buffers()) for n in (method.teacher_a.network, method.student_a))
    assert torch.equal(own["encoder.1.num_batches_tracked"], other["encoder.1.num_batches_tracked"])
    assert float(own["encoder.1.running_mean"].abs().max()) > 0
    method.step(make_batch(6), Progress(5, 10))
    kept = own["encoder.1.running_mean"].clone()
    method.after_step(Progress(6, 10))
    assert torch.equal(own["encoder.1.running_mean"], kept)


def test_ema_of_zero_copies(tiny_segmenter: BuildTiny) -> None:
    method = mutual(tiny_segmenter, ema=0.0)
    method.step(make_batch(), Progress(6, 10))
    method.after_step(Progress(7, 10))
    for own, other in (
        (method.teacher_a.network, method.student_a),
        (method.teacher_b.network, method.student_b),
    ):
        assert all(torch.equal(value, other.state_dict()[key]) for key, value in own.state_dict().items())


@pytest.mark.parametrize("name", ["threshold", "peer_threshold", "burn_in", "ramp", "cooldown", "ema"])
@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_shares_are_checked(tiny_segmenter: BuildTiny, name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"--method.{name} is {value}; .* from 0 to 1"):
        mutual(tiny_segmenter, **dict[str, Any]({name: value}))


@pytest.mark.parametrize(
    "options",
    [
        {"semantic_strength": -1.0},
        {"teacher_weight": -0.5},
        {"peer_weight": -0.5},
        {"loss_scale": 0.0},
        {"threshold": 1.5},
        {"class_balance": -0.1},
        {"taught_by": "both"},
        {"teacher_batch_norm": "copied"},
    ],
)
def test_bad_values_are_refused_when_built(options: dict[str, Any], tiny_segmenter: Any) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        Mutual(tiny_segmenter, **options)


@pytest.mark.parametrize("taught_by", ["other", "own"])
def test_each_pixel_of_a_step_weighs_as_its_label_does(
    taught_by: str, tiny_segmenter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = mutual(tiny_segmenter, class_balance=0.5, taught_by=taught_by, threshold=0.4, peer_threshold=0.4)
    seen: dict[str, Any] = {}

    def record(students: Any, teachers: Any, **options: Any) -> Any:
        seen.update(options, teacher=teachers, peer=students)
        return mutual_distillation_loss(students, teachers, **options)

    monkeypatch.setattr("mutualseg.methods.mutual.mutual_distillation_loss", record)
    method.step(make_batch(), MIDWAY)
    order = ("teacher_a", "teacher_b") if taught_by == "other" else ("teacher_b", "teacher_a")
    for kind, roles in (("teacher", order), ("peer", ("student_a", "student_b"))):
        for role, logits, weights in zip(roles, seen[kind], seen[f"{kind}_keep"], strict=True):
            judge = method.label_weights[role]
            assert isinstance(judge, PseudoLabelWeights)
            expected = judge.shares.weights(0.5)[logits.argmax(dim=1)]
            kept = weights > 0
            assert 0 < kept.sum() < kept.numel()
            assert torch.equal(weights[kept], expected[kept])
            assert len(expected.unique()) > 1


def test_what_the_monitor_is_told_is_what_teaches(tiny_segmenter: BuildTiny) -> None:
    flat = mutual(tiny_segmenter, threshold=0.8)
    assert flat.label_threshold() == 0.8
    adaptive = mutual(tiny_segmenter, threshold=0.8, adaptive_threshold=True)
    adaptive.step(make_batch(), MIDWAY)
    found = adaptive.label_threshold()
    assert isinstance(found, Tensor)
    assert found.shape == (3,)
    assert found.max() == pytest.approx(0.8)
    assert len(set(found.tolist())) > 1


def test_branch_b_can_have_another_decoder(tiny_segmenter: BuildTiny) -> None:
    asked: list[tuple[str, str | None]] = []

    def build(role: str, network: str | None = None) -> Segmenter:
        asked.append((role, network))
        return tiny_segmenter(role)

    Mutual(build, decoder_b="fpn")
    assert asked == [("student_a", None), ("student_b", "fpn")]
    with pytest.raises(NetworkError, match="no network 'foo'"):
        Mutual(build, decoder_b="foo")
    assert len(asked) == 2


def test_a_step_with_another_decoder_in_branch_b() -> None:
    def build(role: str, network: str | None = None) -> Segmenter:
        config = NetworkConfig(network or "deeplabv3plus", "mobilenetv3_small_050", 3)
        return build_segmenter(config, seed=len(role))

    method = Mutual(build, decoder_b="segformer", burn_in=0.0, ramp=0.0, cooldown=0.0, threshold=0.0)
    result = method.step(make_batch(), MIDWAY)
    torch.stack(list(result.losses.values())).sum().backward()
    for name, loss in result.losses.items():
        assert torch.isfinite(loss), name
        assert loss > 0, name
    for student in method.students().values():
        assert all(weight.grad is not None for weight in student.parameters())
    before = method.teacher_b.network.classifier.weight.clone()
    with torch.no_grad():
        method.student_b.classifier.weight.add_(1.0)
    method.after_step(MIDWAY)
    assert not torch.equal(before, method.teacher_b.network.classifier.weight)
