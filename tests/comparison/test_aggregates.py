"""The table's rows and their text, against values made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mutualseg.comparison.aggregates import table_of
from mutualseg.comparison.plot import draw_plot
from mutualseg.comparison.record import write_record
from mutualseg.comparison.tables import table_markdown, table_text
from tests.comparison.made import row

ROWS = [
    row("labels_only", 0, 37.0),
    row("mutual", 0, 40.0),
    row("no_peer", 0, 39.5, test_miou=35.0),
    row("labels_only", 1, 38.0),
    row("mutual", 1, 42.0),
    row("no_peer", 1, None),
    row("mutual", 0, None, images=12, status="pending", reason=None),
]
SETTINGS: dict[str, Any] = {
    "steps": 300,
    "budget": None,
    "variants": dict.fromkeys(("labels_only", "mutual", "no_peer", "same")),
    "aliases": {"same": "mutual"},
}


def test_rows_of_the_table() -> None:
    table = table_of(ROWS, list(SETTINGS["variants"]), SETTINGS["aliases"], "mutual")
    assert [(line["labeled_images"], line["label"]) for line in table] == [
        *((6, label) for label in SETTINGS["variants"]),
        *((12, label) for label in ("mutual", "same")),
    ]
    labels_only, mutual, no_peer, ema, pending, _ = table
    assert mutual == {
        "label": "mutual",
        "labeled_images": 6,
        "seeds": [0, 1],
        "runs": 2,
        "miou": 41.0,
        "miou_spread": 2.0,
        "miou_best": 42.0,
        "test_seeds": [],
        "test_miou": None,
        "test_miou_spread": None,
        "minutes": 2.5,
        "peak_memory_mb": 101.0,
        "gain": 3.5,
        "verdict": None,
    }
    assert (labels_only["gain"], labels_only["verdict"]) == (None, "ahead")
    assert (no_peer["seeds"], no_peer["runs"], no_peer["gain"]) == ([0], 2, 2.5)
    assert (no_peer["miou"], no_peer["miou_spread"]) == (39.5, None)  # one seed has no spread
    assert (no_peer["verdict"], no_peer["test_miou"]) == ("one seed", 35.0)
    assert ema == {**mutual, "label": "same", "same_as": "mutual"}
    assert (pending["seeds"], pending["miou"], pending["verdict"]) == ([], None, None)


def test_gain_when_another_label_stands_for_labels_only() -> None:
    rows = [row("plain", 0, 37.0), row("mutual", 0, 40.0)]
    plain, labels_only, mutual = table_of(
        rows, ["plain", "labels_only", "mutual"], {"labels_only": "plain"}, "mutual"
    )
    assert (plain["gain"], labels_only["gain"], mutual["gain"]) == (None, None, 3.0)


def test_claims_on_the_test_part() -> None:
    rows = [
        row("labels_only", 0, 37.0, test_miou=30.0),
        row("labels_only", 1, 38.0, test_miou=31.0),
        row("mutual", 0, 40.0, test_miou=29.0),
        row("mutual", 1, 42.0, test_miou=28.5),
        row("no_peer", 0, 50.0),  # of an earlier call, not tested
    ]
    labels_only, mutual, no_peer = table_of(rows, ["labels_only", "mutual", "no_peer"], {}, "mutual", "test")
    assert (mutual["test_miou"], mutual["test_miou_spread"], mutual["test_seeds"]) == (28.75, 0.5, [0, 1])
    assert (mutual["miou"], mutual["gain"], labels_only["verdict"]) == (41.0, -1.75, "behind")
    assert (no_peer["gain"], no_peer["verdict"], no_peer["test_seeds"]) == (None, None, [])


@pytest.fixture
def record(tmp_path: Path) -> dict[str, Any]:
    return write_record(tmp_path / "new", SETTINGS, ROWS, asked=[line["run"] for line in ROWS])


def test_text_fits_80_columns_and_tells_all(record: dict[str, Any]) -> None:
    text = table_text(record)
    assert max(map(len, text.splitlines())) <= 80
    for part in (
        "6 labeled images",
        "41.00 ± 2.00",
        "+3.50",
        "ahead",
        "one seed",
        "35.00",
        "1/2",
        "300 steps",
    ):
        assert part in text
    assert "(= mutual)" in text
    assert "It was lost; try again." in text
    assert "1 runs are not done" in text


def test_markdown_has_the_same_cells(record: dict[str, Any]) -> None:
    text = table_markdown(record)
    assert "| mutual | 2 | 41.00 ± 2.00 | 42.00 | - | +3.50 | 2.5 | 101 | - |\n" in text
    assert "## 12 labeled images\n" in text


def test_plot_without_a_score_says_so(record: dict[str, Any], tmp_path: Path) -> None:
    draw_plot(record | {"part": "test"}, tmp_path / "plot.png")  # warnings are errors here
    assert (tmp_path / "plot.png").is_file()


@pytest.mark.parametrize("amounts", [1, 2])
def test_plot_is_drawn_for_one_amount_and_several(
    amounts: int, record: dict[str, Any], tmp_path: Path
) -> None:
    if amounts == 2:
        record["runs"].append(row("mutual", 1, 50.0, images=12))
    draw_plot(record, tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as drawn:
        assert len(drawn.convert("RGB").getcolors(2**20) or []) > 10
    assert {path.name for path in tmp_path.iterdir()} == {"new", "plot.png"}
