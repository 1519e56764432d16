from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mutualseg.losses.semantic_augmentation import ClassStatistics, augment_logits, perturb
from mutualseg.types import BranchOutput
from tests.losses import reference


def random_branch(
    seed: int = 0, *, batch: int = 4, classes: int = 5, features: int = 6, size: tuple[int, int] = (4, 3)
) -> BranchOutput:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(batch, features, *size, generator=generator)
    weight = torch.randn(classes, features, generator=generator)
    logits = torch.einsum("kd,bdhw->bkhw", weight, maps)
    return BranchOutput(logits, maps, weight, ClassStatistics(classes, features))


def rows(maps: Tensor) -> Tensor:
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def test_hand_value() -> None:
    weight = torch.tensor([[0.0, 0.0], [1.0, 2.0]])
    variance = torch.tensor([[3.0, 1.0], [1.0, 1.0]])
    logits = torch.zeros(1, 2, 1, 3)
    augmented = augment_logits(logits, torch.tensor([[[0, 1, 255]]]), weight, variance, 0.5)
    # class 0: 0.25 * (3 * 1 + 1 * 4) onto logit 1; class 1: 0.25 * (1 + 4) onto logit 0
    torch.testing.assert_close(augmented[0, :, 0], torch.tensor([[0, 1.25, 0], [1.75, 0, 0]]))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), strength=st.floats(0, 3), shift=st.sampled_from([0.0, 20.0]))
def test_equals_the_slow_reference(seed: int, strength: float, shift: float) -> None:
    torch.manual_seed(seed)
    logits, weight = torch.randn(2, 7, 3, 4), torch.randn(7, 5) + shift
    variance, labels = torch.rand(7, 5), torch.randint(0, 7, (2, 3, 4))
    labels[0, 0] = 255
    augmented = augment_logits(logits, labels, weight, variance, strength)
    expected = reference.augment(logits, labels, weight, variance, strength)
    torch.testing.assert_close(augmented.double(), expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(augmented.argmax(1)[0, 0], logits.argmax(1)[0, 0])


def test_strength_zero_changes_no_logit_and_no_cross_entropy() -> None:
    branch = random_branch()
    labels = torch.zeros(2, 4, 3, dtype=torch.int64)
    assert torch.equal(perturb(branch, labels, 0.0), branch.logits)
    assert branch.statistics.count.sum() == 48, "the statistics move all the same"


def test_what_all_weights_share_does_not_matter() -> None:
    branch = random_branch()
    labels, variance = torch.randint(0, 5, (4, 4, 3)), torch.rand(5, 6)
    first = augment_logits(branch.logits, labels, branch.classifier_weight, variance, 1.0)
    moved = augment_logits(branch.logits, labels, branch.classifier_weight + 8, variance, 1.0)
    torch.testing.assert_close(first, moved, rtol=1e-5, atol=1e-5)


def test_tables_without_float64_are_close_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """MPS has float32 alone, where squares of what all weights share would drown the differences."""
    monkeypatch.setattr("mutualseg.losses.semantic_augmentation.widen", Tensor.float)
    branch = random_branch()
    labels, variance = branch.logits.argmax(1), torch.rand(5, 6)
    weight = branch.classifier_weight + 200
    augmented = augment_logits(branch.logits, labels, weight, variance, 1.0)
    expected = reference.augment(branch.logits, labels, weight, variance, 1.0)
    torch.testing.assert_close(augmented.double(), expected, rtol=1e-4, atol=1e-4)


def test_classes_can_be_renamed() -> None:
    branch = random_branch()
    labels, variance, order = torch.randint(0, 5, (4, 4, 3)), torch.rand(5, 6), torch.randperm(5)
    first = augment_logits(branch.logits, labels, branch.classifier_weight, variance, 1.0)
    renamed = augment_logits(
        branch.logits[:, order],
        order.argsort()[labels],
        branch.classifier_weight[order],
        variance[order],
        1.0,
    )
    torch.testing.assert_close(first[:, order], renamed)


def test_gradient_reaches_the_logits_alone() -> None:
    branch = random_branch()
    logits = branch.logits.requires_grad_()
    weight, features = branch.classifier_weight.requires_grad_(), branch.features.requires_grad_()
    factors = torch.randn(4, 5, 4, 3)
    torch.autograd.backward((perturb(branch, torch.zeros(2, 4, 3, dtype=torch.int64), 1.5) * factors).sum())
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, factors)
    assert weight.grad is None
    assert features.grad is None


def test_gradcheck() -> None:
    torch.manual_seed(0)
    logits = torch.randn(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    labels, weight, variance = torch.tensor([[[0, 1], [2, 255]]]), torch.randn(3, 2), torch.rand(3, 2)
    assert torch.autograd.gradcheck(
        lambda z: augment_logits(z, labels, weight, variance, 1.5).log_softmax(1), logits
    )


def test_perturb_takes_the_labeled_half_first() -> None:
    branch = random_branch()
    labels = torch.randint(0, 5, (2, 4, 3))
    labels[0, 0, 0] = 255
    own = branch.logits[2:].argmax(1)
    augmented = perturb(branch, labels, 1.5)
    variance = reference.moments(rows(branch.features[:2]), labels.flatten(), 5)[2]
    first = reference.augment(branch.logits[:2], labels, branch.classifier_weight, variance, 1.5)
    classes = torch.cat([labels, own])
    count, mean, variance = reference.moments(rows(branch.features), classes.flatten(), 5)
    second = reference.augment(branch.logits[2:], own, branch.classifier_weight, variance, 1.5)
    torch.testing.assert_close(augmented.double(), torch.cat([first, second]), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(branch.statistics.count.double(), count)
    torch.testing.assert_close(branch.statistics.mean.double(), mean, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(branch.statistics.variance.double(), variance, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("labeled", [0, 2, 4])
def test_invalid_pixels_neither_update_nor_change(labeled: int) -> None:
    branch = random_branch()
    labels = torch.randint(0, 5, (labeled, 4, 3), dtype=torch.uint8)
    valid = torch.ones(4, 4, 3, dtype=torch.bool)
    valid[:, 2:] = False
    augmented = perturb(branch, labels, 1.5, valid=valid)
    cut = BranchOutput(
        branch.logits[:, :, :2], branch.features[:, :, :2], branch.classifier_weight, ClassStatistics(5, 6)
    )
    torch.testing.assert_close(augmented[:, :, :2], perturb(cut, labels[:, :2], 1.5))
    assert torch.equal(augmented[:, :, 2:], branch.logits[:, :, 2:])
    torch.testing.assert_close(branch.statistics.variance, cut.statistics.variance)
    torch.testing.assert_close(branch.statistics.count, cut.statistics.count)


def test_layout_and_autocast_do_not_matter() -> None:
    branch, other = random_branch(), random_branch()
    labels = torch.randint(0, 5, (2, 4, 3))
    expected = perturb(branch, labels, 1.5)
    channels_last = other._replace(
        logits=other.logits.contiguous(memory_format=torch.channels_last),
        features=other.features.contiguous(memory_format=torch.channels_last),
    )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(perturb(channels_last, labels, 1.5), expected)
    assert (
        augment_logits(branch.logits.bfloat16(), branch.logits.argmax(1), *_tables()).dtype == torch.float32
    )


def _tables() -> tuple[Tensor, Tensor, float]:
    return torch.ones(5, 6), torch.ones(5, 6), 0.0


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    classes=st.integers(2, 6),
    width=st.integers(1, 5),
    strength=st.floats(0.01, 2),
    scale=st.floats(0.1, 1.5),
)
def test_bounds_the_expected_cross_entropy(
    seed: int, classes: int, width: int, strength: float, scale: float
) -> None:
    """CE of the closed form against c >= E[CE against c] over h ~ N(h, strength * S_c)."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    feature, weight, bias = draw(width), scale * draw(classes, width), draw(classes)
    variance, c = draw(classes, width).square(), seed % classes
    label = torch.full((1, 1, 1), c)
    logits = (weight @ feature + bias).view(1, classes, 1, 1)
    bound = reference.cross_entropy(augment_logits(logits, label, weight, variance, strength), label)
    samples = feature + (strength * variance[c]).sqrt() * draw(20_000, width)
    losses = reference.cross_entropy((samples @ weight.T + bias)[..., None, None], label.expand(20_000, 1, 1))
    error = losses.std() / len(losses) ** 0.5
    assert bound.item() >= (losses.mean() - 4 * error).item() - 1e-12


def test_misfits_are_refused() -> None:
    branch = random_branch()
    weight, variance = branch.classifier_weight, branch.statistics.variance
    with pytest.raises(ValueError, match="do not fit labels"):
        augment_logits(branch.logits, torch.zeros(4, 3, 4, dtype=torch.int64), weight, variance, 1.0)
    with pytest.raises(ValueError, match="strength"):
        perturb(branch, torch.zeros(2, 4, 3, dtype=torch.int64), -1.0)
