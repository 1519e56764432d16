"""A finished run whose network has a few layers, so that it is exported in seconds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import mutualseg
from mutualseg.networks import build
from mutualseg.networks.build import NetworkConfig
from mutualseg.networks.segmenter import Segmenter
from tests.command.conftest import Command, Outcome, command
from tests.command.made import SMALL, write_data
from tests.conftest import BuildTiny

__all__ = ["Command", "Outcome", "command"]


@pytest.fixture(scope="session")
def _trained(tiny_segmenter: BuildTiny, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder with `data` and `run`; meanwhile `fpn` is a network of a few layers."""

    def assemble(config: NetworkConfig) -> Segmenter:
        return tiny_segmenter(num_classes=config.num_classes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(build._ASSEMBLERS, "fpn", assemble)
        root = tmp_path_factory.mktemp("exporting")
        write_data(root / "data")
        mutualseg.train(str(root / "data"), out=str(root / "run"), quiet=True, **SMALL)
        yield root


@pytest.fixture
def tiny_run(_trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the run to export; its data are read from where they were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    run = tmp_path / "run"
    shutil.copytree(_trained / "run", run)
    return run
