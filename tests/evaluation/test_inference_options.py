from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from mutualseg.errors import ConfigError
from mutualseg.evaluation.inference_options import (
    InferenceOptions,
    inference_options,
    read_scales,
    read_window,
)


def test_auto_is_the_run_s_own_window() -> None:
    assert inference_options("auto", (), False, own=801) == InferenceOptions(801)
    assert inference_options("auto", (), False) == InferenceOptions() == InferenceOptions(None, (1.0,), False)
    assert inference_options("whole", (), True, own=801) == InferenceOptions(None, (1.0,), True)
    assert inference_options(321, "0.5,1", False, own=801) == InferenceOptions(321, (0.5, 1.0))


@pytest.mark.parametrize(
    ("given", "side"), [(None, None), ("whole", None), (32, 32), ("801", 801), (np.int64(64), 64)]
)
def test_windows_are_numbers_or_whole(given: int | str | None, side: int | None) -> None:
    assert read_window(given) == side


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (31, "--window 31 is too small; give at least 32 pixels"),
        (-8, "--window -8 is too small"),
        ("hole", "neither a number of pixels nor whole; did you mean 'whole'?"),
        ("801px", "give a whole number, such as 512"),
        ("80.5", "give a whole number, such as 512"),
        (True, "--window True is neither"),
        ("", "neither a number"),
        ("auto", "nor whole; did you mean 'whole'?"),  # of a run that trains there is nothing to follow
    ],
)
def test_other_windows_are_refused(given: int | str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_window(given)
    assert said in str(refused.value)


def test_the_nearest_word_is_offered() -> None:
    with pytest.raises(ConfigError, match=r"nor auto nor whole; did you mean 'auto'\?"):
        inference_options("autto", (), False)


@pytest.mark.parametrize(
    ("given", "scales"),
    [
        ((), (1.0,)),
        ([], (1.0,)),
        (1, (1.0,)),
        (0.5, (0.5,)),
        ("0.75,1, 1.25", (0.75, 1.0, 1.25)),
        (["0.75", "1", "1.25"], (0.75, 1.0, 1.25)),
        (["0.25,4", 2], (0.25, 4.0, 2.0)),
        (np.array([0.5, 1.0]), (0.5, 1.0)),
    ],
)
def test_scales_are_numbers_or_texts(given: object, scales: tuple[float, ...]) -> None:
    assert read_scales(given) == scales


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("big", "--scales big is no number; give factors, such as --scales 0.75 1 1.25."),
        ("1,,2", "is no number"),
        (None, "is no number"),
        (True, "is no number"),
        (0.2, "--scales 0.2 is out of range; give factors from 0.25 to 4."),
        ([1, 4.5], "--scales 4.5 is out of range"),
        (-1, "out of range"),
        ("nan", "out of range"),
        ("inf", "out of range"),
    ],
)
def test_other_scales_are_refused(given: object, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_scales(given)
    assert said in str(refused.value)


def test_words_say_what_is_unusual() -> None:
    assert InferenceOptions().in_words() == ""
    assert InferenceOptions(801, (0.75, 1.0), True).in_words() == "windows of 801, scales 0.75 1, flip"


def test_needs_no_torch() -> None:
    code = "import sys, mutualseg.evaluation.inference_options; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
