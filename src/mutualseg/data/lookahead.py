"""Work done ahead in threads and handed over in order: decoding while a network computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def look_ahead(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int = 2, ahead: int = 8
) -> Iterator[Result]:
    """Yield work(item) for each item, in order; at most `ahead` results wait at a time.

    An error of `work` is raised where its result would have come.

    Args:
        work: called in threads, so it gains from code that releases the interpreter, as decoders do.
        items: read no faster than they are worked on.
        threads: that work.
        ahead: bound on what is held in memory.
    """
    rest = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Result]] = deque(pool.submit(work, item) for item in islice(rest, ahead))
        try:
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(pool.submit(work, item) for item in islice(rest, 1))
                yield result
        finally:  # an error, or a reader that stops early: what has not begun is not begun
            for future in waiting:
                future.cancel()
