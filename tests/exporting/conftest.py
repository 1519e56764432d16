"""A finished run whose network has a few layers, so that it is exported in seconds, and its ONNX file."""

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
def trained(tiny_segmenter: BuildTiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `data` and `run`, to read; the run's network is that of `tiny_segmenter`."""
    root = tmp_path_factory.mktemp("exporting")
    write_data(root / "data")
    with pytest.MonkeyPatch.context() as patch:
        use_tiny(patch, tiny_segmenter)
        mutualseg.train(str(root / "data"), out=str(root / "run"), quiet=True, **SMALL)
    return root


@pytest.fixture(autouse=True)
def _tiny(tiny_segmenter: BuildTiny) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        use_tiny(patch, tiny_segmenter)
        yield


def use_tiny(patch: pytest.MonkeyPatch, tiny_segmenter: BuildTiny) -> None:
    """Let `fpn` be a network of a few layers."""

    def assemble(config: NetworkConfig) -> Segmenter:
        return tiny_segmenter(num_classes=config.num_classes)

    patch.setitem(build._ASSEMBLERS, "fpn", assemble)


@pytest.fixture
def tiny_run(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the run to export; its data are read from where they were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    run = tmp_path / "run"
    shutil.copytree(trained / "run", run)
    return run


@pytest.fixture(scope="session")
def exported(trained: Path, tiny_segmenter: BuildTiny) -> Path:
    """Return the run with its ONNX file and the static int8 copy, to read."""
    run = trained / "exported"
    shutil.copytree(trained / "run", run)
    with pytest.MonkeyPatch.context() as patch:
        use_tiny(patch, tiny_segmenter)
        mutualseg.export(str(run), quantize="static", quiet=True)
    return run
