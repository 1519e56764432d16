from __future__ import annotations

import pytest

from mutualseg.durations import parse_duration, parse_interval
from mutualseg.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("45 sec", 45), ("20min", 1200), ("20 m", 1200), (" 1.5h ", 5400), ("0.5min", 30)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text, "budget") == seconds
    assert parse_interval(text, "checkpoint-every") == (None, seconds)


@pytest.mark.parametrize(
    "text", ["", "20", "min", "20 minutes", "-5min", "0min", "0.0h", "1,5h", "1e3s", "20Min"]
)
def test_what_is_no_duration_names_the_option(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^--budget .*is no duration; write for example 90s, 20min"):
        parse_duration(text, "budget")


@pytest.mark.parametrize(("given", "steps"), [(5, 5), ("5", 5), (" 1000 ", 1000)])
def test_whole_numbers_are_steps(given: str | int, steps: int) -> None:
    assert parse_interval(given, "checkpoint-every") == (steps, None)


@pytest.mark.parametrize("given", [0, "0", -3])
def test_less_than_a_step_is_refused(given: str | int) -> None:
    with pytest.raises(ConfigError, match=r"--checkpoint-every -?\d must be at least 1 step"):
        parse_interval(given, "checkpoint-every")


@pytest.mark.parametrize("text", ["often", "1.5", "5 steps", "²", "-5min", "0s"])
def test_neither_steps_nor_time_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--checkpoint-every .* is no duration"):
        parse_interval(text, "checkpoint-every")
