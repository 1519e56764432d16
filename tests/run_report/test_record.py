"""Tables of a run as they are read, and numbers as a page has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutualseg.run_report.curves_of_runs import column
from mutualseg.run_report.one_run import one_run_content
from mutualseg.run_report.page import _number, _signed, parts, render
from mutualseg.run_report.record import read_record


@pytest.mark.parametrize("word", ["nan", "inf", "-inf"])
def test_what_is_not_finite_is_no_number(word: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("method: {name: mutual}\nsteps: 6\n", encoding="utf-8")
    (tmp_path / "classes.txt").write_text("sky\nroad\n", encoding="utf-8")
    header = "step,loss,miou_teacher_a,kept,kept_share sky,true_share sky\n"
    rows = f"2,{word},40,50,3,4\n4,1.5,{word},{word},{word},{word}\n{word},1,1,1,1,1\n"
    for name in ("metrics.csv", "monitor.csv"):
        (tmp_path / name).write_text(header + rows, encoding="utf-8")
    record = read_record(tmp_path)
    assert [row["step"] for row in record.metrics] == [2.0, 4.0]
    assert column(record.metrics, "loss") == [(4, 1.5)]
    assert column(record.metrics, "miou_teacher_a") == [(2, 40.0)]
    page = render("one_run.html", one_run_content(record, None, None))
    assert word not in page.partition("</style>")[2].replace("information", "")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_rows_with_it_and_numbers_on_the_page_leave_it_out(value: float) -> None:
    rows = [{"step": 1.0, "loss": value}, {"step": value, "loss": 1.0}, {"step": 3.0, "loss": 2.0}]
    assert column(rows, "loss") == [(3, 2.0)]
    assert _number(value) == "–"
    assert _signed(value) == ""
    assert 'style="width:0.0%"' in str(parts().bars([value]))
