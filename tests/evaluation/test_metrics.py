from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchmetrics import JaccardIndex

from mutualseg.evaluation.metrics import ConfusionMatrix


def draw(seed: int, classes: int, pixels: int) -> tuple[Tensor, Tensor]:
    """Draw predictions and masks; some classes may be absent, some pixels are unknown."""
    generator = torch.Generator().manual_seed(seed)
    present = torch.randint(0, classes, (max(classes - 1, 1),), generator=generator)
    masks = present[torch.randint(0, len(present), (pixels,), generator=generator)]
    predicted = torch.where(
        torch.rand(pixels, generator=generator) < 0.5,
        masks,
        torch.randint(0, classes, (pixels,), generator=generator),
    )
    masks[torch.rand(pixels, generator=generator) < 0.1] = 255
    return predicted, masks


def slow_iou(predicted: list[int], masks: list[int], c: int) -> float | None:
    known = [(p, m) for p, m in zip(predicted, masks, strict=True) if m != 255]
    if all(m != c for _, m in known):
        return None
    both = sum(p == c and m == c for p, m in known)
    either = sum(p == c or m == c for p, m in known)
    return 100 * both / either


def test_by_hand() -> None:
    matrix = ConfusionMatrix(3)
    matrix.update(torch.tensor([[0, 0, 1], [1, 2, 0]]), torch.tensor([[0, 1, 1], [1, 0, 255]]))
    assert matrix.counts.tolist() == [[1, 0, 1], [1, 2, 0], [0, 0, 0]]
    scores = matrix.scores()
    assert scores.per_class[:2] == pytest.approx((100 / 3, 200 / 3))
    assert scores.per_class[2] is None
    assert scores.miou == pytest.approx(50)  # of the two classes that are there
    assert scores.pixel_accuracy == pytest.approx(60)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), classes=st.integers(2, 7), pixels=st.integers(1, 60))
def test_agrees_with_a_loop(seed: int, classes: int, pixels: int) -> None:
    predicted, masks = draw(seed, classes, pixels)
    matrix = ConfusionMatrix(classes)
    matrix.update(predicted, masks)
    scores = matrix.scores()
    expected = [slow_iou(predicted.tolist(), masks.tolist(), c) for c in range(classes)]
    present = [value for value in expected if value is not None]
    assert scores.per_class == tuple(v if v is None else pytest.approx(v) for v in expected)
    assert scores.miou == pytest.approx(sum(present) / len(present) if present else 0)
    known = masks != 255
    right = (predicted == masks)[known].double().mean() if known.any() else torch.zeros(())
    assert scores.pixel_accuracy == pytest.approx(100 * float(right))


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_torchmetrics(seed: int) -> None:
    predicted, masks = draw(seed, 5, 400)
    predicted[:5], masks[:5] = (
        torch.arange(5),
        torch.arange(5),
    )  # all present: torchmetrics counts absent ones
    matrix = ConfusionMatrix(5)
    matrix.update(predicted, masks)
    for average in ("none", "macro"):
        metric = JaccardIndex(task="multiclass", num_classes=5, ignore_index=255, average=average)
        expected = 100 * metric(predicted, masks)
        found = torch.tensor(matrix.scores().per_class if average == "none" else matrix.scores().miou)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_batches_add_up_in_any_shape_and_type() -> None:
    predicted, masks = draw(3, 4, 120)
    at_once, in_parts = ConfusionMatrix(4), ConfusionMatrix(4)
    at_once.update(predicted, masks)
    in_parts.update(predicted[:48].view(2, 4, 6), masks[:48].view(2, 4, 6).byte())
    in_parts.update(predicted[48:].view(72, 1).int(), masks[48:].view(72, 1))
    assert torch.equal(at_once.counts, in_parts.counts)
    assert at_once.scores() == in_parts.scores()


def test_a_class_predicted_but_never_true_lowers_others_and_is_none() -> None:
    matrix = ConfusionMatrix(3)
    matrix.update(torch.tensor([0, 2]), torch.tensor([0, 0]))
    assert matrix.scores().per_class == (50, None, None)
    assert matrix.scores().miou == 50


def test_nothing_known_scores_zero() -> None:
    matrix = ConfusionMatrix(2)
    matrix.update(torch.tensor([0, 1]), torch.tensor([255, 255]))
    scores = matrix.scores()
    assert (scores.miou, scores.per_class, scores.pixel_accuracy) == (0, (None, None), 0)


def test_counts_beyond_what_float32_holds() -> None:
    matrix = ConfusionMatrix(2)
    matrix.counts += torch.tensor([[2**26, 1], [0, 2**26]])
    matrix.update(torch.tensor([1]), torch.tensor([0]))
    assert matrix.counts[0].tolist() == [2**26, 2]
    assert matrix.scores().per_class[0] == pytest.approx(100 * 2**26 / (2**26 + 2), rel=1e-12)


def test_borders_of_255_count_neither_as_hit_nor_as_miss() -> None:
    """VOC draws a rim of 255 around every object; what is predicted there changes no score."""
    masks = torch.zeros(12, 12, dtype=torch.int64)
    masks[2:9, 3:10] = 255
    masks[3:8, 4:9] = 1
    right = torch.where(masks == 1, 1, 0)
    for on_the_rim in range(3):
        matrix = ConfusionMatrix(3)
        predicted = right.where(masks != 255, on_the_rim)
        matrix.update(predicted, masks)
        scores = matrix.scores()
        assert scores.per_class == (100.0, 100.0, None)
        assert scores.miou == scores.pixel_accuracy == 100.0
        assert int(matrix.counts.sum()) == int((masks != 255).sum())
    nothing = ConfusionMatrix(3)
    nothing.update(torch.full((4, 4), 2), torch.full((4, 4), 255))
    assert int(nothing.counts.sum()) == 0
