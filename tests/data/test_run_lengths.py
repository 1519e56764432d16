from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualseg.data.run_lengths import area_of_runs, decode_runs, fill_runs, runs_problem
from tests.data.made_annotations import compressed, runs_of

bits = st.lists(st.booleans(), min_size=1, max_size=300)


@given(bits)
def test_a_mask_survives_its_runs(pixels: list[bool]) -> None:
    runs = np.array(runs_of(pixels), np.int64)
    assert runs_problem(runs, len(pixels)) is None
    assert fill_runs(runs).tolist() == pixels
    assert area_of_runs(runs) == sum(pixels)


@settings(max_examples=300)
@given(st.lists(st.integers(0, 2**31), max_size=30))
def test_a_compressed_string_is_decoded(runs: list[int]) -> None:
    decoded = decode_runs(compressed(runs))
    assert decoded is not None
    assert decoded.tolist() == runs


def test_a_string_written_out_by_hand() -> None:
    # 6 -> one character: 6 + 48 = "6". 1 -> "1". 40 = 8 + 1 * 32 -> (8 | 32) + 48 = "X", 1 + 48 = "1".
    # The fourth, 3, is written as 3 - 1 = 2 -> "2". The fifth, 9, as 9 - 40 = -31: the lowest five bits
    # are 1 and more follow: (1 | 32) + 48 = "Q"; then -1: 31 + 48 = "O".
    decoded = decode_runs("61X12QO")
    assert decoded is not None
    assert decoded.tolist() == [6, 1, 40, 3, 9]


@pytest.mark.parametrize("text", ["~~", " 1", "é", "P", "1P", "P" * 40 + "0", "\N{GRINNING FACE}"])
def test_what_is_no_compressed_string_is_refused(text: str) -> None:
    assert decode_runs(text) is None


@given(st.text(max_size=30))
def test_no_text_breaks_the_decoder(text: str) -> None:
    decoded = decode_runs(text)
    assert decoded is None or decoded.dtype == np.int64


@pytest.mark.parametrize(
    ("runs", "problem"),
    [([3, 2], "cover 5 of"), ([3, -1, 4], "negative"), ([7], "more than"), ([2**62, 2**62, 2**62], "more")],
)
def test_runs_that_do_not_fit_are_named(runs: list[int], problem: str) -> None:
    assert problem in str(runs_problem(np.array(runs, np.int64), 6))


def test_runs_begin_outside() -> None:
    assert runs_of([True, True, False]) == [0, 2, 1]
    assert fill_runs(np.array([0, 2, 1])).tolist() == [True, True, False]
