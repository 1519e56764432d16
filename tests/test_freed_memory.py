"""Freed memory stays for as long as the context is open."""

from __future__ import annotations

import platform
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mutualseg import freed_memory
from mutualseg.freed_memory import freed_memory_kept, give_freed_memory_back

GLIBC = platform.libc_ver()[0] == "glibc"
HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
HUGE_PAGES = HUGE.is_file() and "[always]" in HUGE.read_text()


def uses_until_nothing_is_mapped(most: int) -> int | None:
    """Use and free large blocks until a use finds all its pages mapped; None if that never comes.

    It takes a few uses: an aligned block needs a little more room than the freed one of its size.
    """
    for number in range(most):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        blocks = [torch.empty(50, 2**20, dtype=torch.uint8).fill_(1) for _ in range(2)]
        del blocks
        if (
            resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
            < 50 * 2**20 / resource.getpagesize() / 10
        ):
            return number
    return None


@pytest.mark.skipif(not GLIBC, reason="only glibc can be told")
@pytest.mark.skipif(HUGE_PAGES, reason="huge pages are too few to count")
def test_a_later_use_maps_nothing_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in freed_memory._USERS_OWN:
        monkeypatch.delenv(name, raising=False)
    with freed_memory_kept("cpu"):
        assert uses_until_nothing_is_mapped(60) is not None
    assert uses_until_nothing_is_mapped(60) is None


def test_other_devices_and_the_users_own_settings_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: None) -> None:
        raise AssertionError("the allocator was touched")

    monkeypatch.setattr("mutualseg.freed_memory.ctypes.CDLL", refuse)
    with freed_memory_kept("cuda"):
        pass
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    with freed_memory_kept("cpu"):
        pass


def test_what_is_usual_returns_after_a_failure_too(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, tuple[int, ...]]] = []

    class Recorder:
        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *values: calls.append((name, values))

    for name in freed_memory._USERS_OWN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("mutualseg.freed_memory.platform.libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr("mutualseg.freed_memory.ctypes.CDLL", lambda _: Recorder())
    with pytest.raises(ValueError, match="inside"), freed_memory_kept("cpu"):
        raise ValueError("inside")
    assert [name for name, _ in calls[:2]] == ["mallopt", "mallopt"]
    assert [name for name, _ in calls[2:]] == ["mallopt", "mallopt", "mallopt", "malloc_trim"]
    calls.clear()
    give_freed_memory_back()
    assert len(calls) == 4
