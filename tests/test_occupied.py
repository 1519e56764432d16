"""One training at a time in a run folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mutualseg.errors import RunError
from mutualseg.occupied import occupied

HOLD = "import sys; from pathlib import Path; from mutualseg.occupied import occupied\n"
WAIT = HOLD + "with occupied(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"


def test_another_process_is_refused_until_the_first_one_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WAIT, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with (
            pytest.raises(RunError, match=r"Another training is at work in .*; let it end first"),
            occupied(tmp_path),
        ):
            raise AssertionError("two hold it")
        process.kill()
    with occupied(tmp_path):
        pass


def test_a_folder_that_is_made_meanwhile_is_held_once_it_is_there(tmp_path: Path) -> None:
    root = tmp_path / "run"
    with occupied(root) as hold:
        assert not root.exists()
        root.mkdir()
        hold()
        hold()  # again changes nothing
        with pytest.raises(RunError, match="Another training"), occupied(root):
            raise AssertionError("two hold it")
    assert not list(root.iterdir())
    with occupied(root):
        pass
