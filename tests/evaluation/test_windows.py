from __future__ import annotations

from itertools import pairwise

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualseg.evaluation.windows import cut_windows, join_windows, window_corners


def test_hand_values() -> None:
    assert window_corners((10, 10), 10) == [(0, 0)]
    assert window_corners((4, 6), 10) == [(0, 0)]
    assert window_corners((10, 16), 10, overlap=0.4) == [(0, 0), (0, 6)]
    assert window_corners((11, 30), 10, overlap=0.0) == [
        *[(0, 0), (0, 10), (0, 20)],
        *[(1, 0), (1, 10), (1, 20)],
    ]


@settings(deadline=None)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    window=st.integers(1, 40),
    overlap=st.floats(0, 0.9),
)
def test_windows_cover_the_image_and_overlap(height: int, width: int, window: int, overlap: float) -> None:
    corners = window_corners((height, width), window, overlap)
    image = torch.arange(height * width).view(1, height, width)
    for (top, left), piece in zip(corners, cut_windows(image, window, corners), strict=True):
        assert 0 <= top <= max(0, height - window)
        assert 0 <= left <= max(0, width - window)
        assert piece.shape == (1, min(window, height), min(window, width))
    tops = sorted({top for top, _ in corners})
    for above, below in pairwise(tops):
        assert below - above <= max(1, int(window * (1 - overlap)))


@settings(deadline=None)
@given(height=st.integers(1, 50), width=st.integers(1, 50), window=st.integers(1, 30))
def test_joining_what_was_cut_is_the_image(height: int, width: int, window: int) -> None:
    image = torch.rand(2, height, width, dtype=torch.float64)
    corners = window_corners((height, width), window)
    joined = join_windows(cut_windows(image, window, corners), corners, (height, width))
    torch.testing.assert_close(joined, image)


def test_overlapping_logits_are_averaged() -> None:
    left, right = torch.full((1, 2, 4), 1.0), torch.full((1, 2, 4), 3.0)
    joined = join_windows([left, right], [(0, 0), (0, 2)], (2, 6))
    assert joined[0].tolist() == [[1, 1, 2, 2, 3, 3]] * 2
