from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mutualseg.losses.class_moments import sums_by_adding, sums_by_product
from mutualseg.losses.class_statistics import ClassStatistics
from tests.losses import reference


def assert_matches(statistics: ClassStatistics, features: Tensor, labels: Tensor, rtol: float = 1e-5) -> None:
    count, mean, variance = reference.moments(features, labels, len(statistics.count))
    torch.testing.assert_close(statistics.count.double(), count, rtol=0, atol=0)
    torch.testing.assert_close(statistics.mean.double(), mean, rtol=rtol, atol=1e-6)
    torch.testing.assert_close(statistics.variance.double(), variance, rtol=rtol, atol=1e-10)


def test_hand_values() -> None:
    statistics = ClassStatistics(3, 1)
    statistics.update(torch.tensor([[1.0], [3.0], [7.0], [50.0]]), torch.tensor([0, 0, 1, 255]))
    assert statistics.count.tolist() == [2, 1, 0]
    assert statistics.mean.tolist() == [[2], [7], [0]]
    assert statistics.variance.tolist() == [[1], [0], [0]]
    statistics.update(torch.tensor([[5.0]]), torch.tensor([0]))
    assert statistics.count.tolist() == [3, 1, 0]
    assert statistics.mean[0].item() == pytest.approx(3)
    assert statistics.variance[0].item() == pytest.approx(8 / 3)


def test_buffers_by_name() -> None:
    statistics = ClassStatistics(4, 2)
    assert {name: tuple(buffer.shape) for name, buffer in statistics.named_buffers()} == {
        "mean": (4, 2),
        "variance": (4, 2),
        "count": (4,),
    }
    assert not list(statistics.parameters())


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    cuts=st.lists(st.integers(0, 600), max_size=6),
    offset_and_spread=st.sampled_from([(0.0, 1.0), (30.0, 0.1), (-1000.0, 5.0)]),
)
def test_batching_does_not_matter(seed: int, cuts: list[int], offset_and_spread: tuple[float, float]) -> None:
    offset, spread = offset_and_spread
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(600, 3, generator=generator) * spread + offset
    labels = torch.randint(0, 6, (600,), generator=generator)
    labels[labels == 5] = 255
    labels[labels == 4] = 3  # uneven, and class 4 is never seen
    statistics = ClassStatistics(5, 3)
    bounds = [0, *sorted(cuts), 600]
    for start, stop in pairwise(bounds):
        statistics.update(features[start:stop], labels[start:stop])
    # Each rounding of a mean to float32 costs up to offset * 2^-24.
    assert_matches(statistics, features, labels, rtol=2e-5)


def test_many_small_batches_far_from_zero() -> None:
    torch.manual_seed(0)
    features = 30 + 0.1 * torch.randn(4000, 4)
    labels = torch.randint(0, 3, (4000,))
    statistics = ClassStatistics(3, 4)
    for part, own in zip(torch.split(features, 10), torch.split(labels, 10), strict=True):
        statistics.update(part, own)
    assert_matches(statistics, features, labels, rtol=2e-4)


def test_a_mean_far_out_costs_no_variance() -> None:
    torch.manual_seed(0)
    features, labels = 1e5 + 0.1 * torch.randn(4000, 8), torch.zeros(4000, dtype=torch.int64)
    statistics = ClassStatistics(2, 8)
    statistics.update(features, labels)
    variance = reference.moments(features, labels, 2)[2]
    torch.testing.assert_close(statistics.variance.double(), variance, rtol=1e-5, atol=0)


def test_a_first_pixel_far_out_costs_no_variance() -> None:
    """Such as that of an image's corner. The sums of the others must not be lost beside it."""
    torch.manual_seed(0)
    features, labels = torch.randn(30_000, 4), torch.randint(0, 2, (30_000,))
    for k in range(2):
        features[labels.tolist().index(k)] = 150.0
    statistics = ClassStatistics(3, 4)
    statistics.update(features, labels)
    variance = reference.moments(features, labels, 3)[2]
    torch.testing.assert_close(statistics.variance.double(), variance, rtol=2e-5, atol=0)


@pytest.mark.parametrize("members", [1, 2, 3, 20])
def test_a_rare_class_far_from_zero(members: int) -> None:
    torch.manual_seed(0)
    features, labels = torch.randn(3000, 4), torch.zeros(3000, dtype=torch.int64)
    labels[torch.randperm(3000)[:members]] = 1
    features[labels == 1] = 30 + 0.1 * torch.randn(members, 4)
    statistics = ClassStatistics(2, 4)
    statistics.update(features, labels)
    assert_matches(statistics, features, labels)


def test_more_pixels_than_are_worked_on_at_once() -> None:
    torch.manual_seed(0)
    features = 30 + 0.1 * torch.randn(5000, 256)  # five pieces on a CPU, the last one short
    labels = torch.randint(0, 3, (5000,))
    labels[1024:2048] = 255  # a piece without a pixel
    statistics = ClassStatistics(3, 256)
    statistics.update(features, labels)
    assert_matches(statistics, features, labels)


def test_half_precision_and_autocast_are_computed_in_float32() -> None:
    torch.manual_seed(0)
    features = (30 + torch.randn(500, 4)).bfloat16()
    labels = torch.randint(0, 3, (500,))
    statistics = ClassStatistics(3, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        statistics.update(features, labels)
    assert statistics.variance.dtype == torch.float32
    assert_matches(statistics, features, labels)


def test_skipped_pixels_may_hold_anything() -> None:
    torch.manual_seed(0)
    features, labels = torch.randn(40, 2), torch.randint(0, 3, (40,))
    labels[::3] = 255
    clean, dirty = ClassStatistics(3, 2), ClassStatistics(3, 2)
    clean.update(features, labels)
    features[labels == 255] = torch.inf
    features[0] = torch.nan
    dirty.update(features, labels)
    for name, buffer in clean.named_buffers():
        assert torch.equal(dirty.get_buffer(name), buffer), name


def test_no_pixels_change_nothing_and_inputs_are_left_alone() -> None:
    statistics = ClassStatistics(3, 2)
    features = torch.randn(9, 2, requires_grad=True)
    before = features.detach().clone()
    statistics.update(features, torch.arange(9) % 3)
    assert torch.equal(features, before)
    state = {name: buffer.clone() for name, buffer in statistics.named_buffers()}
    statistics.update(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64))
    statistics.update(torch.ones(4, 2), torch.full((4,), 255))
    for name, buffer in statistics.named_buffers():
        torch.testing.assert_close(buffer, state[name])
        assert not buffer.requires_grad


def test_misfits_are_refused() -> None:
    statistics = ClassStatistics(3, 2)
    for features, labels in ((torch.ones(4, 3), 4), (torch.ones(4, 2), 3), (torch.ones(1, 2, 2, 2), 4)):
        with pytest.raises(ValueError, match="expected features"):
            statistics.update(features, torch.zeros(labels, dtype=torch.int64))


@pytest.mark.parametrize("sums", [sums_by_adding, sums_by_product])
def test_sums_per_class_leave_out_what_is_skipped(sums: Callable[[Tensor, Tensor, int], Tensor]) -> None:
    pixels = torch.tensor([[1.0, 2.0], [float("inf"), float("nan")], [3.0, 4.0], [5.0, 6.0]])
    rows = torch.tensor([2, 3, 2, 0])
    assert sums(pixels, rows, 3).tolist() == [[5.0, 6.0], [0.0, 0.0], [4.0, 6.0]]
