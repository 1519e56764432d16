from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from mutualseg.networks.ema import BatchNormPolicy, MeanTeacher
from mutualseg.schedules import ema_momentum

if TYPE_CHECKING:
    from mutualseg.networks.segmenter import Segmenter
    from tests.conftest import BuildTiny

POLICIES: list[BatchNormPolicy] = ["own", "average"]


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in module.state_dict().items()}


def move(network: Segmenter) -> None:
    """Change every tensor of a network but its normalization, as training does."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter))
        for name, buffer in network.named_buffers():
            if not name.startswith("pixel"):
                buffer.add_(torch.rand_like(buffer) if buffer.is_floating_point() else 3)


def norms(network: Segmenter) -> list[nn.BatchNorm2d]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


@pytest.mark.parametrize("policy", POLICIES)
def test_starts_as_a_frozen_copy_in_other_storage(tiny_segmenter: BuildTiny, policy: BatchNormPolicy) -> None:
    student = tiny_segmenter()
    teacher = MeanTeacher(student, batch_norm=policy)
    own, other = teacher.network.state_dict(), student.state_dict()
    assert own.keys() == other.keys()
    for key, value in own.items():
        assert torch.equal(value, other[key])
    places = {value.untyped_storage().data_ptr() for value in other.values()}
    assert not places & {value.untyped_storage().data_ptr() for value in own.values()}
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert all(parameter.requires_grad for parameter in student.parameters())
    move(student)
    assert not any(torch.equal(own[k], v) for k, v in other.items() if not k.startswith("pixel"))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("momentum", [0.0, 0.6, 0.99])
def test_exact_value_after_one_update(
    tiny_segmenter: BuildTiny, policy: BatchNormPolicy, momentum: float
) -> None:
    student = tiny_segmenter()
    teacher = MeanTeacher(student, batch_norm=policy)
    before = snapshot(teacher.network)
    move(student)
    moved = snapshot(student)
    teacher.update(student, momentum)
    after = teacher.network.state_dict()
    for key, _ in student.named_parameters():
        expected = momentum * before[key].double() + (1 - momentum) * moved[key].double()
        torch.testing.assert_close(after[key].double(), expected, rtol=1e-6, atol=1e-7)
    assert all(torch.equal(value, moved[key]) for key, value in student.state_dict().items())


def test_momentum_by_hand_over_three_updates(tiny_segmenter: BuildTiny) -> None:
    """Step 1 copies; then m = min(1 - 1/step, 0.6): a half, 0.6."""
    student = tiny_segmenter(patchwise=True)
    teacher = MeanTeacher(student)
    values = []
    for step, value in ((1, 8.0), (2, 4.0), (3, 1.0)):
        nn.init.constant_(student.classifier.weight, value)
        teacher.update(student, ema_momentum(step, 0.6))
        values.append(float(teacher.network.classifier.weight.detach().mean()))
    assert values == pytest.approx([8, 6, 0.6 * 6 + 0.4 * 1])


@pytest.mark.parametrize("policy", POLICIES)
def test_first_update_copies_everything(tiny_segmenter: BuildTiny, policy: BatchNormPolicy) -> None:
    student = tiny_segmenter()
    teacher = MeanTeacher(student, batch_norm=policy)
    teacher.teach(torch.rand(2, 3, 8, 8))
    move(student)
    teacher.update(student, ema_momentum(1, 0.99))
    for key, value in teacher.network.state_dict().items():
        assert torch.equal(value, student.state_dict()[key])


@pytest.mark.parametrize("policy", POLICIES)
def test_train_leaves_it_in_evaluation_mode(tiny_segmenter: BuildTiny, policy: BatchNormPolicy) -> None:
    student = tiny_segmenter()
    student.neck = nn.Sequential(nn.Tanh(), nn.Dropout(0.5))
    teacher = MeanTeacher(student, batch_norm=policy)
    images = torch.rand(2, 3, 8, 8)
    before = teacher.network(images).logits
    parent = nn.ModuleList([teacher])
    parent.train()
    assert teacher.train() is teacher
    assert not any(module.training for module in teacher.modules())
    assert torch.equal(teacher.network(images).logits, before)
    taught = [teacher.teach(images) for _ in range(2)]
    assert torch.equal(taught[0].logits, taught[1].logits)  # no dropout while teaching
    assert not any(module.training for module in teacher.modules())


@pytest.mark.parametrize("policy", POLICIES)
def test_teaching_carries_no_gradient_yet_serves_in_a_loss(
    tiny_segmenter: BuildTiny, policy: BatchNormPolicy
) -> None:
    teacher = MeanTeacher(tiny_segmenter(), batch_norm=policy)
    images = torch.rand(2, 3, 8, 8, requires_grad=True)
    output = teacher.teach(images)
    assert not output.logits.requires_grad
    assert not output.features.requires_grad
    weight = torch.ones((), requires_grad=True)
    torch.autograd.backward((weight * output.logits).sum())  # an inference tensor would raise here
    assert weight.grad is not None
    assert images.grad is None


def test_own_statistics_come_from_the_batches_it_teaches(tiny_segmenter: BuildTiny) -> None:
    student = tiny_segmenter()
    teacher = MeanTeacher(student, batch_norm="own")
    first = norms(teacher.network)[0]
    images = torch.rand(3, 3, 12, 12)
    output = teacher.teach(images)
    read = teacher.network.encoder[0]((images - student.pixel_mean) / student.pixel_std)  # type: ignore[index]
    values = read.transpose(0, 1).flatten(1)
    assert first.running_mean is not None
    assert first.running_var is not None
    torch.testing.assert_close(first.running_mean, 0.1 * values.mean(1))
    torch.testing.assert_close(first.running_var, 0.9 + 0.1 * values.var(1))
    assert int(first.num_batches_tracked or 0) == 1
    torch.testing.assert_close(output.logits, tiny_segmenter().train()(images).logits)  # the batch's own
    kept = first.running_mean.clone()
    move(student)
    teacher.update(student, 0.5)
    assert torch.equal(first.running_mean, kept)


def test_own_statistics_follow_the_student_until_it_teaches(tiny_segmenter: BuildTiny) -> None:
    student = tiny_segmenter()
    teacher = MeanTeacher(student, batch_norm="own")
    move(student)
    teacher.update(student, 0.75, taught=False)
    for own, other in zip(norms(teacher.network), norms(student), strict=True):
        assert own.running_mean is not None
        assert other.running_mean is not None
        torch.testing.assert_close(own.running_mean, 0.25 * other.running_mean)  # it started at 0
        assert int(own.num_batches_tracked or 0) == 3  # an integer is copied, not averaged


def test_average_policy_never_uses_the_statistics_of_a_batch(tiny_segmenter: BuildTiny) -> None:
    student = tiny_segmenter()
    teacher = MeanTeacher(student, batch_norm="average")
    move(student)
    teacher.update(student, 0.75)
    for own, other in zip(norms(teacher.network), norms(student), strict=True):
        assert own.running_var is not None
        assert other.running_var is not None
        torch.testing.assert_close(own.running_var, 0.75 + 0.25 * other.running_var)  # it started at 1
        assert int(own.num_batches_tracked or 0) == 3
    before = snapshot(teacher.network)
    images = torch.rand(2, 3, 8, 8)
    alone = torch.cat([teacher.teach(image[None]).logits for image in images])
    torch.testing.assert_close(teacher.teach(images).logits, alone)
    torch.testing.assert_close(teacher.teach(images).logits, teacher.network(images).logits)
    assert all(torch.equal(value, before[key]) for key, value in teacher.network.state_dict().items())


def test_an_error_while_teaching_leaves_it_in_evaluation_mode(tiny_segmenter: BuildTiny) -> None:
    teacher = MeanTeacher(tiny_segmenter(), batch_norm="own")
    with pytest.raises(RuntimeError):
        teacher.teach(torch.rand(2, 4, 8, 8))
    assert not any(module.training for module in teacher.modules())
