"""What a user sees on a terminal of 80 columns while a training runs and is stopped."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

from tests.command.made import PROGRAM, SMALL, flags

_PATIENCE = 120
_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


def _on_terminal(*words: object, until: str) -> tuple[bytes, int]:
    """Run a command on 80 columns, stop it by Ctrl-C once a pattern is there; return all it sent."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "OMP_NUM_THREADS": "1"}
    environment.pop("COLUMNS", None)
    running = subprocess.Popen(
        [*PROGRAM, *map(str, words)], stdin=follower, stdout=follower, stderr=follower, env=environment
    )
    os.close(follower)
    sent, is_asked, end = b"", False, time.monotonic() + _PATIENCE
    try:
        while time.monotonic() < end:
            try:
                more = os.read(leader, 65536)
            except OSError:  # nobody holds the other end any more
                break
            sent += more
            if not is_asked and re.search(until.encode(), sent):
                is_asked = True
                running.send_signal(signal.SIGINT)
        return sent, running.wait(timeout=_PATIENCE)
    finally:
        running.kill()
        running.wait()
        os.close(leader)


@pytest.mark.slow
def test_how_to_go_on_is_the_last_that_is_seen(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    settings = {**SMALL, "method": "fixmatch", "steps": 5000, "evaluate_every": 5000}
    sent, code = _on_terminal(
        "train", "--data", data, "--out", folder, *flags(settings), until=" [1-9][0-9]*/5000"
    )
    assert code == 130, sent
    after = sent[sent.rindex(b"stopped by SIGINT") :]
    assert b"/5000" not in after  # a bar that is drawn again
    last = _CONTROL.sub(b"", sent).replace(b"\r", b"").split(b"\n")[-2:]
    assert last == [f"mutualseg train --resume {folder}".encode(), b""]


@pytest.mark.slow
def test_sentences_of_a_training_break_between_words(data: Path, tmp_path: Path) -> None:
    settings = {**SMALL, "steps": 2, "evaluate_every": 2}
    sent, code = _on_terminal("train", "--data", data, "--out", tmp_path, *flags(settings), until="never")
    assert code == 0, sent
    lines = _CONTROL.sub(b"", sent).decode().replace("\r", "\n").split("\n")
    # A path that is longer than the terminal has a line of its own; all others fit.
    assert [line for line in lines if len(line) > 80 and " " in line.strip()] == []
