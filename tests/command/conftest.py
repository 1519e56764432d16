"""The real command, run in this process on made data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

import mutualseg
from mutualseg.cli import main
from tests.command.made import SMALL, write_data


@dataclass(frozen=True)
class Outcome:
    """What a command returned and printed."""

    code: int
    out: str
    err: str


class Command(Protocol):
    """Runs the command with words."""

    def __call__(self, *words: object) -> Outcome: ...


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs `mutualseg` in this process."""

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        code = main([str(word) for word in words])
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder to read: 10 training images, 5 with masks; 3 for val, 2 for test."""
    return write_data(tmp_path_factory.mktemp("command") / "data")


@pytest.fixture(scope="session")
def finished(data: Path) -> Path:
    """Return the folder of a finished run of the default method, to read."""
    run = data.parent / "finished"
    mutualseg.train(str(data), out=str(run), quiet=True, **SMALL)
    return run


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder at 80 columns: nothing may be written beside what was asked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
