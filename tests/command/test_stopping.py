"""SIGINT and SIGTERM whenever they come: one line, the right exit code, and a run that goes on."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.command.conftest import Command
from tests.command.made import PROGRAM, SMALL, flags

RUN: dict[str, Any] = {**SMALL, "method": "fixmatch", "steps": 2, "evaluate_every": 1}
Patch = pytest.MonkeyPatch


def _raise_in(patch: Patch, place: str, number: int, *, times: int = 1, when: Callable[[], bool]) -> None:
    """Let a signal arrive as a function is called."""
    module, _, name = place.rpartition(".")
    original = getattr(importlib.import_module(module), name)

    def arrive(*arguments: Any, **options: Any) -> Any:
        if when():
            for _ in range(times):
                signal.raise_signal(number)
        return original(*arguments, **options)

    patch.setattr(place, arrive)


def _once() -> Callable[[], bool]:
    calls: list[None] = []

    def first() -> bool:
        calls.append(None)
        return len(calls) == 1

    return first


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "number", "step"),
    [
        ("mutualseg.engine.preparation.make_split", signal.SIGTERM, None),
        ("mutualseg.engine.training_run.draw_views", signal.SIGINT, 0),
        ("mutualseg.engine.training_run.build_trainer", signal.SIGTERM, 1),
        ("mutualseg.engine.session.evaluate_networks", signal.SIGINT, 1),
        ("mutualseg.engine.outcome.summarize", signal.SIGTERM, 2),
    ],
    ids=["preparing", "pictures", "loaders", "evaluating", "finishing"],
)
def test_at_any_time(
    place: str,
    number: signal.Signals,
    step: int | None,
    data: Path,
    tmp_path: Path,
    command: Command,
    monkeypatch: Patch,
) -> None:
    with monkeypatch.context() as patch:
        _raise_in(patch, place, number, when=_once())
        stopped = command("train", "--data", data, "--out", "run", *flags(RUN))
    assert stopped.code == 128 + number, stopped
    assert stopped.out == ""
    said = stopped.err.splitlines()[-1]
    onward = "mutualseg train --resume run"
    if step is None:
        assert said == f"mutualseg: stopped by {number.name} before there was anything to save; start again"
        assert not (tmp_path / "run").exists()
        return
    before = "before there was anything to save; start again with:"
    assert said == (
        f"mutualseg: stopped by {number.name} {before if step == 0 else 'and saved; continue with:'} {onward}"
    )
    if step:
        held = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
        assert held["global_step"] == step
    assert command("train", "--resume", "run").code == 0


def test_a_second_ctrl_c_says_from_where_it_goes_on(
    data: Path, tmp_path: Path, command: Command, monkeypatch: Patch
) -> None:
    evaluations: list[None] = []

    def second() -> bool:
        evaluations.append(None)
        return len(evaluations) == 2

    place = "mutualseg.engine.session.evaluate_networks"
    with monkeypatch.context() as patch:
        _raise_in(patch, place, signal.SIGINT, times=2, when=second)
        stopped = command("train", "--data", data, "--out", "run", *flags(RUN, checkpoint_every=1))
    assert stopped.code == 130
    assert stopped.err.splitlines()[-1] == (
        "mutualseg: stopped by SIGINT at once; continue from the last checkpoint with: "
        "mutualseg train --resume run"
    )
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert command("train", "--resume", "run").code == 0


@pytest.mark.slow
def test_signals_to_the_whole_group_stop_training_and_loaders_quietly(data: Path, tmp_path: Path) -> None:
    """As Ctrl-C in a terminal, `timeout` and `scancel` send them."""
    begin = ["--data", str(data), *flags(RUN, steps=40, workers=2, evaluate_every=40), "--out", "run"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([_slow_site(tmp_path), *_python_path()])}
    for number, words in ((signal.SIGINT, begin), (signal.SIGTERM, ["--resume", "run"])):
        process = subprocess.Popen(
            [*PROGRAM, "train", *words],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=environment,
        )
        assert process.stderr is not None
        said, deadline = "", time.monotonic() + 200
        while number == signal.SIGINT and "\nstep 1/" not in said and time.monotonic() < deadline:
            said += process.stderr.readline()  # from here on there is something to save
        while not any(workers_of(process.pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)  # they are in the midst of their images
        os.killpg(process.pid, number)
        said += process.communicate(timeout=200)[1]
        assert process.returncode == 128 + number, said
        assert said.splitlines()[-1] == (
            f"mutualseg: stopped by {number.name} and saved; continue with: mutualseg train --resume run"
        )
        assert "Traceback" not in said
        assert "KeyboardInterrupt" not in said
    held = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    assert 2 <= held["global_step"] < 40


def workers_of(process: int) -> list[str]:
    """Return the processes that a process has started."""
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


def _python_path() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def _slow_site(root: Path) -> str:
    """Return a folder whose sitecustomize lets loaders take a while for each image, wherever they are."""
    folder = root / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import sys, threading, time\n"
        "def slow():\n"
        "    while 'mutualseg.data.streams' not in sys.modules or not hasattr(\n"
        "        sys.modules['mutualseg.data.streams'], 'load_image'\n"
        "    ):\n"
        "        time.sleep(0.01)\n"
        "    streams = sys.modules['mutualseg.data.streams']\n"
        "    load = streams.load_image\n"
        "    def load_slowly(*arguments):\n"
        "        time.sleep(0.3)\n"
        "        return load(*arguments)\n"
        "    streams.load_image = load_slowly\n"
        "threading.Thread(target=slow, daemon=True).start()\n"
    )
    return str(folder)
