"""How much memory is free, from files of made systems."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutualseg.machine import cores, free_memory

MEGA = 2**20


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


MACHINE = {"proc/meminfo": "MemTotal: 9000 kB\nMemAvailable: 8192 kB\n", "proc/self/cgroup": "0::/job/step\n"}


@pytest.mark.parametrize(
    ("limits", "free"),
    [
        ({}, 8),
        ({"job/step/memory.max": "max", "job/step/memory.current": "5"}, 8),
        ({"job/step/memory.max": str(5 * MEGA), "job/step/memory.current": str(2 * MEGA)}, 3),
        ({"job/memory.max": str(4 * MEGA), "job/memory.current": str(2 * MEGA)}, 2),
        ({"memory.max": str(4 * MEGA), "memory.current": str(5 * MEGA)}, 0),
        ({"memory.max": str(40 * MEGA), "memory.current": "0"}, 8),
    ],
)
def test_the_least_of_machine_and_limits(limits: dict[str, str], free: int, tmp_path: Path) -> None:
    limits = {f"sys/fs/cgroup/{name}": value for name, value in limits.items()}
    assert free_memory(write(tmp_path, MACHINE | limits)) == free * MEGA


def test_nothing_is_known_without_the_systems_files(tmp_path: Path) -> None:
    assert free_memory(tmp_path) is None


def test_there_is_a_core() -> None:
    assert cores() >= 1
