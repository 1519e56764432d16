"""Whether two finished runs are equal: what was learned bit for bit, records byte for byte."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

LEARNED = ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "callbacks")
TIMES = ("started", "training_seconds", "evaluation_seconds")
"""What callbacks hold that no two runs share."""
RECORDS = ("metrics.csv", "monitor.csv", "config.yaml", "split.json")


def differences(run: Path, straight: Path) -> list[str]:
    """Return what differs between two runs, in words; nothing if they are equal.

    Args:
        run: folder of the one.
        straight: of the other.
    """
    found = [name for name in RECORDS if (run / name).read_bytes() != (straight / name).read_bytes()]
    own, other = (torch.load(path / "checkpoints/last.ckpt", weights_only=True) for path in (run, straight))
    for held in (own, other):
        held["callbacks"] = {name: without_times(state) for name, state in held["callbacks"].items()}
    found += [part for part in LEARNED if not _same(own[part], other[part])]
    for name in ("deployed", "best"):
        paths = [path / f"weights/{name}.safetensors" for path in (run, straight)]
        if paths[0].is_file() != paths[1].is_file():
            found.append(f"one has no {name} weights")
        elif paths[0].is_file() and not _same(*(load_file(path) for path in paths)):
            found.append(f"{name} weights")
    if _events(run) != _events(straight):
        found.append("TensorBoard events")
    found += [f"event twice: {tag} at step {step}" for (tag, step), n in _events(run).items() if n > 1]
    return found


def without_times(state: Any) -> Any:
    """Return a callback's state without what the clock put into it."""
    if not isinstance(state, dict):
        return state
    return {name: value for name, value in state.items() if name not in TIMES}


def _same(one: Any, two: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(two, torch.Tensor) and one.dtype == two.dtype and torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(_same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(_same, one, two))
    return bool(one == two)


def _events(run: Path) -> Counter[tuple[str, int]]:
    """Return how often each tag stands at each step in the event files, read record by record."""
    found: Counter[tuple[str, int]] = Counter()
    for path in sorted(run.glob("events.out.tfevents.*")):
        for event in EventFileLoader(str(path)).Load():
            found.update((value.tag, event.step) for value in event.summary.value)
    return found
