"""The confusion matrix as it is shown."""

from __future__ import annotations

import torch

from mutualseg.run_report.confusion import MOST_IN_TABLE, draw_confusion


def test_rows_are_percent_of_the_true_class() -> None:
    counts = torch.tensor([[90, 10, 0], [300, 100, 0], [0, 0, 0]])
    drawn = draw_confusion(counts, ("sky", "road", "gone"))
    sky, road, gone = drawn.rows
    assert [cell.text for cell in sky.cells] == ["90", "10", ""]
    assert [cell.text for cell in road.cells] == ["75", "25", ""]
    assert gone.cells == ()
    assert [cell.is_hit for cell in road.cells] == [False, True, False]
    assert sky.cells[2].background == "#ffffff"
    assert sky.cells[0].ink != sky.cells[1].ink  # light on dark, dark on light


def test_most_frequent_errors_are_by_pixels() -> None:
    counts = torch.tensor([[90, 10, 0], [300, 100, 0], [0, 0, 5]])
    first, second = draw_confusion(counts, ("sky", "road", "tree")).pairs
    assert (first.true, first.named, first.share) == ("road", "sky", 75.0)
    assert round(first.of_errors, 1) == 96.8  # 300 of 310
    assert (second.true, second.named, second.share) == ("sky", "road", 10.0)


def test_many_classes_are_a_picture_with_words() -> None:
    count = MOST_IN_TABLE + 1
    counts = torch.eye(count, dtype=torch.int64) * 3
    counts[4, 7] = 6
    drawn = draw_confusion(counts, [f"class {index}" for index in range(count)])
    assert drawn.rows == ()
    assert drawn.picture is not None
    assert "class 4 as class 7, 67 %" in drawn.picture.text


def test_without_an_error_there_is_no_pair() -> None:
    assert draw_confusion(torch.eye(3, dtype=torch.int64), ("a", "b", "c")).pairs == []


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4


def _luminance(color: str) -> float:
    """Return the relative luminance of a color such as #0072b2, as WCAG 2 defines it."""
    digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_numbers_can_be_read_on_every_shade() -> None:
    for tenths in range(1001):
        cell = draw_confusion(torch.tensor([[tenths, 1000 - tenths], [0, 1]]), ("a", "b")).rows[0].cells[0]
        dark, light = sorted([_luminance(cell.background), _luminance(cell.ink)])
        assert (light + 0.05) / (dark + 0.05) >= 4.5, tenths / 10
