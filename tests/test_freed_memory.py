"""Freed memory stays for as long as the context is open."""

from __future__ import annotations

import platform
import resource

import pytest
import torch

from mutualseg import freed_memory
from mutualseg.freed_memory import freed_memory_kept

GLIBC = platform.libc_ver()[0] == "glibc"
MEGABYTES = 100


def pages_mapped_by_a_second_use() -> int:
    """Use and free large blocks twice, and count the pages that the second time had to map."""

    def use() -> None:
        blocks = [torch.empty(MEGABYTES // 2, 2**20, dtype=torch.uint8).fill_(1) for _ in range(2)]
        del blocks

    use()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    use()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(not GLIBC, reason="only glibc can be told")
def test_a_second_use_maps_nothing_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in freed_memory._USERS_OWN:
        monkeypatch.delenv(name, raising=False)
    every_page = MEGABYTES * 2**20 // resource.getpagesize()
    with freed_memory_kept("cpu"):
        inside = pages_mapped_by_a_second_use()
    outside = pages_mapped_by_a_second_use()
    assert inside < every_page / 10
    assert outside > inside


def test_other_devices_and_the_users_own_settings_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: None) -> None:
        raise AssertionError("the allocator was touched")

    monkeypatch.setattr("mutualseg.freed_memory.ctypes.CDLL", refuse)
    with freed_memory_kept("cuda"):
        pass
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    with freed_memory_kept("cpu"):
        pass


def test_a_failure_inside_passes_through() -> None:
    with pytest.raises(ValueError, match="inside"), freed_memory_kept("cpu"):
        raise ValueError("inside")
