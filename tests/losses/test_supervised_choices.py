"""Every supervised loss that can be chosen, against slow references, and what all of them promise."""

from __future__ import annotations

import copy
import math
from typing import Any, get_args

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mutualseg.losses.names import LossName
from mutualseg.losses.pixelwise import log_probabilities, negative_log_likelihood
from mutualseg.losses.reduction import masked_mean
from mutualseg.losses.supervised import SupervisedLoss, cross_entropy_loss
from tests.losses import reference

NAMES = get_args(LossName)
WEIGHTS = (0.5, 3.0, 1.0, 0.25)
OPTIONS: dict[str, list[tuple[dict[str, float], dict[str, float]]]] = {
    "ohem": [
        ({"ohem_threshold": 0.2, "ohem_keep": 0.5}, {"threshold": 0.2, "keep": 0.5}),
        ({"ohem_threshold": 0.4, "ohem_keep": 7.0}, {"threshold": 0.4, "keep": 7}),
        ({"ohem_threshold": 0.6, "ohem_keep": 0.0}, {"threshold": 0.6, "keep": 0}),
    ],
    "focal": [({"focal_gamma": 0.5}, {"gamma": 0.5}), ({}, {})],
    "cross_entropy_dice": [({"dice_weight": 0.3}, {"dice_weight": 0.3})],
}
CASES = [(name, *options) for name in NAMES for options in OPTIONS.get(name, [({}, {})])]


def make(*size: int, classes: int = 4, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Return logits and masks; class 2 is not in the masks, and a fifth of the pixels has no label."""
    logits = 2 * torch.randn(size[0], classes, *size[1:], dtype=dtype)
    masks = torch.randint(0, classes, size)
    masks[masks == 2] = 0
    masks[torch.rand(size) < 0.2] = 255
    return logits, masks


every = pytest.mark.parametrize("name", NAMES)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize(("name", "ours", "theirs"), CASES)
def test_equals_the_slow_reference(
    name: LossName, ours: Any, theirs: Any, weights: tuple[float, ...] | None
) -> None:
    logits, masks = make(2, 5, 4)
    logits.requires_grad_()
    loss = SupervisedLoss(name, class_weights=weights, **ours)(logits, masks)
    expected = reference.supervised(name, logits, masks, weights, **theirs)
    torch.testing.assert_close(loss, expected)
    gradients = [torch.autograd.grad(each, logits)[0] for each in (loss, expected)]
    torch.testing.assert_close(*gradients)


def test_as_it_comes_it_is_bit_for_bit_the_plain_cross_entropy() -> None:
    """Committed results rest on it."""
    logits, masks = make(2, 8, 8, dtype=torch.float32)
    small = F.avg_pool2d(logits, 4).requires_grad_()
    up = F.interpolate(small, size=(8, 8), mode="bilinear", align_corners=False)
    values = negative_log_likelihood(log_probabilities(up), masks)
    expected = masked_mean(values, masks != 255)
    for loss in (SupervisedLoss()(small, masks), cross_entropy_loss(log_probabilities(up), masks)):
        assert torch.equal(loss, expected)
        gradients = [torch.autograd.grad(each, small, retain_graph=True)[0] for each in (loss, expected)]
        assert torch.equal(*gradients)


@every
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_without_a_label_it_is_zero_with_gradient_zero(
    name: LossName, weights: tuple[float, ...] | None
) -> None:
    logits = torch.randn(2, 4, 3, 3, requires_grad=True)
    loss = SupervisedLoss(name, class_weights=weights)(logits, torch.full((2, 6, 6), 255))
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@every
def test_classes_without_weight_alone_are_zero(name: LossName) -> None:
    logits = torch.randn(1, 2, 3, 3, requires_grad=True)
    loss = SupervisedLoss(name, class_weights=[0.0, 1.0])(logits, torch.zeros(1, 3, 3, dtype=torch.int64))
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@every
def test_ignored_pixels_change_nothing(name: LossName) -> None:
    logits, masks = make(2, 6, 6)
    changed = torch.where((masks == 255)[:, None], 50 * torch.randn_like(logits), logits)
    loss = SupervisedLoss(name, class_weights=WEIGHTS)
    torch.testing.assert_close(loss(logits, masks), loss(changed, masks))


@every
def test_a_scribble_is_what_its_pixels_are(name: LossName) -> None:
    """Of a mask that is nearly all unknown, the loss is that of the known pixels alone."""
    logits, _ = make(1, 6, 6)
    masks = torch.full((1, 6, 6), 255)
    masks[0, 2, 1:5] = torch.tensor([0, 1, 1, 3])
    loss = SupervisedLoss(name)
    torch.testing.assert_close(
        loss(logits, masks), loss(logits[:, :, 2:3, 1:5].contiguous(), masks[:, 2:3, 1:5])
    )


@every
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_order_of_pixels_classes_and_images_does_not_matter(
    name: LossName, weights: tuple[float, ...] | None
) -> None:
    logits, masks = make(3, 4, 4)
    order = torch.tensor([2, 0, 3, 1])
    inverse = torch.argsort(order)
    renamed = torch.where(masks == 255, 255, inverse[masks.clamp(max=3)])
    moved = None if weights is None else [weights[i] for i in order.tolist()]
    one = SupervisedLoss(name, class_weights=weights)(logits, masks)
    two = SupervisedLoss(name, class_weights=moved)(logits[:, order], renamed)
    torch.testing.assert_close(one, two)
    loss = SupervisedLoss(name, class_weights=weights)
    torch.testing.assert_close(one, loss(logits.flip(0, 3), masks.flip(0, 2)))
    torch.testing.assert_close(one, loss(logits + torch.randn(3, 1, 4, 4, dtype=logits.dtype), masks))


@every
def test_a_factor_on_all_weights_changes_nothing(name: LossName) -> None:
    logits, masks = make(2, 4, 4)
    one, two = (
        SupervisedLoss(name, class_weights=[factor * weight for weight in WEIGHTS])(logits, masks)
        for factor in (1.0, 8.0)
    )
    torch.testing.assert_close(one, two)


@every
def test_equal_weights_are_no_weights(name: LossName) -> None:
    logits, masks = make(2, 4, 4)
    plain, weighted = SupervisedLoss(name), SupervisedLoss(name, class_weights=[2.0] * 4)
    torch.testing.assert_close(plain(logits, masks), weighted(logits, masks))


@every
def test_the_right_answer_is_near_zero_and_the_wrong_one_is_not(name: LossName) -> None:
    masks = torch.randint(0, 2, (1, 8, 8))
    right = 30.0 * F.one_hot(masks, 2).permute(0, 3, 1, 2)
    loss = SupervisedLoss(name)
    assert loss(right, masks) < 1e-6 < 0.5 < loss(-right, masks)


@every
def test_extreme_logits_stay_finite(name: LossName) -> None:
    masks = torch.randint(0, 3, (1, 6, 6))
    for sign in (1.0, -1.0):
        logits = (sign * 1e4 * F.one_hot(masks, 3).permute(0, 3, 1, 2)).requires_grad_()
        loss = SupervisedLoss(name, focal_gamma=0.5)(logits, masks)
        torch.autograd.backward(loss)
        assert loss.isfinite()
        assert logits.grad is not None
        assert logits.grad.isfinite().all()


@pytest.mark.parametrize(("name", "ours", "theirs"), CASES)
def test_gradcheck(name: LossName, ours: Any, theirs: Any) -> None:
    logits, masks = make(1, 3, 3)
    logits = logits[..., :2, :2].clone().requires_grad_()
    loss = SupervisedLoss(name, class_weights=WEIGHTS, **ours)
    assert torch.autograd.gradcheck(lambda z: loss(z, masks), logits)


@every
def test_float32_under_autocast(name: LossName) -> None:
    logits, masks = make(1, 4, 4, dtype=torch.bfloat16)
    loss = SupervisedLoss(name, class_weights=WEIGHTS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss(logits, masks)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, loss(logits.float(), masks))


def test_weights_follow_the_device_and_stay_out_of_checkpoints() -> None:
    loss = SupervisedLoss(class_weights=[1.0, 2.0])
    assert loss.state_dict() == {}
    assert [name for name, _ in loss.named_buffers()] == ["class_weights"]
    assert list(loss.parameters()) == []
    twin = copy.deepcopy(loss)
    assert twin.class_weights is not None
    assert loss.class_weights is not None
    assert torch.equal(twin.class_weights, loss.class_weights)


def test_hand_values() -> None:
    logits = torch.tensor([math.log(3.0), 0.0]).view(1, 2, 1, 1).expand(1, 2, 1, 4)
    masks = torch.tensor([[[0, 0, 1, 255]]])  # the true classes have 3/4, 3/4 and 1/4
    right, wrong = math.log(4 / 3), math.log(4)

    def of(name: LossName, **options: Any) -> float:
        return float(SupervisedLoss(name, **options)(logits, masks))

    assert of("cross_entropy") == pytest.approx((2 * right + wrong) / 3)
    assert of("cross_entropy", class_weights=[1, 6]) == pytest.approx((2 * right + 6 * wrong) / 8)
    assert of("focal") == pytest.approx((2 * right / 16 + 9 / 16 * wrong) / 3)
    assert of("ohem") == pytest.approx(wrong)
    assert of("ohem", ohem_keep=2) == pytest.approx((2 * right + wrong) / 3)  # two are alike
    dice_0, dice_1 = 2 * 1.5 / (2.25 + 2), 2 * 0.25 / (0.75 + 1)
    assert of("dice") == pytest.approx(1 - (dice_0 + dice_1) / 2)
    assert of("dice", class_weights=[1, 3]) == pytest.approx((1 - dice_0 + 3 * (1 - dice_1)) / 4)
    both = (2 * right + wrong) / 3 + 0.5 * (1 - (dice_0 + dice_1) / 2)
    assert of("cross_entropy_dice", dice_weight=0.5) == pytest.approx(both)


def test_dice_leaves_out_a_class_that_the_masks_do_not_hold() -> None:
    """A third class that nobody labeled costs what it takes from the others, and nothing of its own."""
    masks = torch.tensor([[[0, 0], [1, 1]]])
    two = torch.randn(1, 2, 2, 2)
    three = torch.cat([two, torch.full((1, 1, 2, 2), -40.0)], dim=1)
    loss = SupervisedLoss("dice")
    torch.testing.assert_close(loss(three, masks), loss(two, masks))


def test_dice_is_of_the_batch_and_not_of_its_images() -> None:
    logits, masks = make(2, 4, 4)
    loss = SupervisedLoss("dice")
    tall = torch.cat(list(logits), dim=1)[None], torch.cat(list(masks))[None]
    torch.testing.assert_close(loss(logits, masks), loss(*tall))


def test_ohem_with_everything_kept_is_the_cross_entropy() -> None:
    logits, masks = make(2, 4, 4, dtype=torch.float32)
    plain = SupervisedLoss()(logits, masks)
    everything: tuple[dict[str, Any], ...] = (
        {"ohem_threshold": 1.0, "ohem_keep": 0.0},
        {"ohem_keep": 1.0},
        {"ohem_keep": 1e9},
    )
    for options in everything:
        assert torch.equal(SupervisedLoss("ohem", **options)(logits, masks), plain)


def test_focal_with_power_zero_is_the_cross_entropy() -> None:
    logits, masks = make(2, 4, 4)
    torch.testing.assert_close(
        SupervisedLoss("focal", focal_gamma=0.0)(logits, masks), SupervisedLoss()(logits, masks)
    )


def test_a_rare_class_teaches_louder() -> None:
    """What each option is for: the gradient on one rare pixel among many grows beside the others'."""
    masks = torch.zeros(1, 10, 10, dtype=torch.int64)
    masks[0, 5, 5] = 1
    logits = torch.tensor([2.0, 0.0]).view(1, 2, 1, 1).repeat(1, 1, 10, 10)  # all say class 0

    def share(loss: SupervisedLoss) -> float:
        own = logits.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(own, masks), own)
        sizes = gradient.abs().sum(1)
        return float(sizes[0, 5, 5] / sizes.sum())

    plain = share(SupervisedLoss())
    for loss in (
        SupervisedLoss(class_weights=[1.0, 10.0]),
        SupervisedLoss("ohem", ohem_keep=0.01),
        SupervisedLoss("focal"),
        SupervisedLoss("dice"),
        SupervisedLoss("cross_entropy_dice"),
    ):
        assert share(loss) > 1.3 * plain, loss.loss


def test_misfits_are_refused() -> None:
    masks = torch.zeros(1, 2, 2, dtype=torch.int64)
    with pytest.raises(ValueError, match="2 class weights, but logits of 3 classes"):
        SupervisedLoss(class_weights=[1.0, 2.0])(torch.zeros(1, 3, 2, 2), masks)
    with pytest.raises(ValueError, match="one per image"):
        SupervisedLoss("dice")(torch.zeros(2, 3, 2, 2), masks)
    with pytest.raises(ValueError, match="no supervised loss 'hinge'"):
        SupervisedLoss("hinge")  # type: ignore[arg-type]  # what a user could write
