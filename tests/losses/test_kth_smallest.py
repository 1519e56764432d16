from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mutualseg.losses.kth_smallest import kth_smallest
from mutualseg.losses.ohem import hard_pixels
from tests.losses import reference

SHARES = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=40)


@given(SHARES, st.data())
def test_equals_sorting(values: list[float], data: st.DataObject) -> None:
    valid = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    kept = sorted(value for value, is_valid in zip(values, valid, strict=True) if is_valid)
    if not kept:
        return
    k = data.draw(st.integers(1, len(kept)))
    found = kth_smallest(torch.tensor(values), torch.tensor(valid), torch.tensor(k))
    assert found.dtype == torch.float32
    assert found.item() == kept[k - 1]


def test_none_and_too_many() -> None:
    values, valid = torch.tensor([0.25, 0.5]), torch.tensor([True, True])
    assert kth_smallest(values, valid, torch.tensor(0)).item() == 0
    assert 1.99 < kth_smallest(values, valid, torch.tensor(3)).item() < 2
    assert 1.99 < kth_smallest(values, ~valid, torch.tensor(1)).item() < 2


@given(
    SHARES, st.sampled_from([0.0, 0.05, 0.3, 0.5, 1.0, 2.0, 5.0, 100.0]), st.sampled_from([0.05, 0.5, 1.0])
)
def test_hard_pixels_equal_sorting(values: list[float], keep: float, threshold: float) -> None:
    probability = torch.tensor(values, dtype=torch.float32)
    valid = torch.arange(len(values)) % 3 != 1
    found = hard_pixels(probability, valid, threshold=threshold, keep=keep)
    expected = reference.hard_pixels(probability, valid, float(torch.tensor(threshold)), keep)
    assert found.tolist() == expected.tolist()
    assert not found[~valid].any()


@pytest.mark.parametrize(("keep", "kept"), [(0.0, 2), (0.2, 2), (0.5, 5), (7.0, 7), (50.0, 10), (1.0, 10)])
def test_at_least_the_share_or_the_number_is_kept(keep: float, kept: int) -> None:
    probability = torch.tensor([0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95])
    found = hard_pixels(probability, torch.ones(10, dtype=torch.bool), threshold=0.2, keep=keep)
    assert found.tolist() == [True] * kept + [False] * (10 - kept)
