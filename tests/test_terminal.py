"""Names of others on a terminal and in JSON."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from mutualseg.one_line import one_line
from mutualseg.terminal import first_unseen, json_line, shown, shown_lines


def test_commands_are_spelled_out() -> None:
    assert shown("a\x1b]0;t\x07\nb\x9b\u202e\udcff") == r"a\x1b]0;t\x07\nb\x9b\u202e\udcff"
    assert shown_lines("a\n\x1bb") == "a\n\\x1bb"
    assert shown("Straße 道路 طريق [red]") == "Straße 道路 طريق [red]"


@given(st.text())
def test_nothing_is_left_to_obey(text: str) -> None:
    safe = shown(text)
    assert shown(safe) == safe
    assert not any(letter < " " and letter != "\t" for letter in safe)
    safe.encode("utf-8")


@given(st.dictionaries(st.text(), st.lists(st.text() | st.integers()) | st.none()))
def test_json_is_the_same_value_and_safe(value: object) -> None:
    line = json_line(value)
    assert json.loads(line) == value
    assert shown(line) == line


def test_one_line_names_what_is_there() -> None:
    assert one_line("a\x1b[2J  b\u202e\tc") == r"a\x1b[2J  b\u202e\tc"
    assert one_line("bad\n   place\n\nhere\n") == "bad place here"
    assert one_line("x" * 9, most=4) == "xxxx..."


def test_unseen_names() -> None:
    assert first_unseen(["road", "道路", "a\u200fb"]) == "a\u200fb"
    assert first_unseen(["road"]) is None
