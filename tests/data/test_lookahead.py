from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from mutualseg.data.lookahead import look_ahead


def test_results_come_in_order_whatever_takes_long() -> None:
    def work(item: int) -> int:
        time.sleep(0.02 if item % 3 == 0 else 0.0)
        return item * item

    assert list(look_ahead(work, range(20), threads=4)) == [item * item for item in range(20)]
    assert list(look_ahead(work, [])) == []


def test_no_more_than_asked_for_is_read_ahead() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(100):
            taken += 1
            yield item

    results = look_ahead(lambda item: item, items(), ahead=3)
    assert taken == 0
    assert next(results) == 0
    assert taken == 4
    results.close()  # type: ignore[attr-defined]
    assert taken == 4


def test_work_is_done_beside_the_reader() -> None:
    main, seen = threading.get_ident(), []
    for ident in look_ahead(lambda _: threading.get_ident(), range(3)):
        seen.append(ident)
    assert main not in seen


def test_an_error_comes_in_its_place() -> None:
    def work(item: int) -> int:
        if item == 2:
            raise OSError("disk full")
        return item

    results = look_ahead(work, range(9))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(OSError, match="disk full"):
        next(results)
