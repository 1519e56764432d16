"""Sentences broken between words, with commands and quoted names in one piece."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualseg.wrapping import for_stream, wrapped


def test_lines_end_between_words() -> None:
    text = "note: 2 of 8 labeled images are held out as val and never trained on."
    assert wrapped(text, 40) == "note: 2 of 8 labeled images are held out\nas val and never trained on."
    assert wrapped(text, 80) == text


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        (
            "stopped by SIGINT and saved; continue with: mutualseg train --resume 'runs/my own'",
            "mutualseg train --resume 'runs/my own'",
        ),
        ("it is unfinished (go on with mutualseg train --resume r); then wait", "mutualseg train --resume r"),
        ("mutualseg: There is no folder 'photos of a long holiday'; check it.", "'photos of a long holiday'"),
        ("the window --inference.window=auto-or-a-number is too small for it", "--inference.window=auto-or"),
    ],
)
def test_what_is_to_be_copied_is_in_one_piece(text: str, whole: str) -> None:
    for columns in range(1, 80):
        lines = wrapped(text, columns).split("\n")
        assert any(whole in line for line in lines)
        assert " ".join(lines) == text
        assert all(len(line) <= max(columns, len(whole) + 20) for line in lines)


@given(st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" ")), st.integers(20, 120))
def test_no_word_is_lost(text: str, columns: int) -> None:
    assert wrapped(text, columns).split() == text.split()


def test_files_and_pipes_get_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    stream = io.StringIO()
    text = "a sentence that is longer than thirty columns"
    assert for_stream(text, stream) == text
    monkeypatch.setattr(stream, "isatty", lambda: True)
    assert for_stream(text, stream) == "a sentence that is longer than\nthirty columns"
