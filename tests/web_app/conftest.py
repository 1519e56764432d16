"""A viewer of finished runs whose networks have a few layers, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

import mutualseg
from mutualseg.web_app.networks import Networks
from mutualseg.web_app.page_images import folder_images
from mutualseg.web_app.sessions import Sessions
from mutualseg.web_app.viewer import Viewer
from tests.command.made import SMALL, write_data
from tests.conftest import BuildTiny
from tests.exporting.conftest import use_tiny


@pytest.fixture(scope="session")
def runs(tiny_segmenter: BuildTiny, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Return two finished runs of one data set, to read."""
    root = tmp_path_factory.mktemp("app")
    data = write_data(root / "data")
    with pytest.MonkeyPatch.context() as patch:
        use_tiny(patch, tiny_segmenter)
        for seed, name in enumerate(("first", "second")):
            mutualseg.train(str(data), out=str(root / name), quiet=True, **{**SMALL, "seed": seed})
    return str(root / "first"), str(root / "second")


@pytest.fixture(autouse=True)
def _tiny(tiny_segmenter: BuildTiny) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        use_tiny(patch, tiny_segmenter)
        yield


class MakeViewer(Protocol):
    """Makes viewers."""

    def __call__(self, *runs: str, images: Path | None = None, max_megapixels: float = 50.0) -> Viewer: ...


@pytest.fixture
def make_viewer(tmp_path: Path) -> MakeViewer:
    """Return a function that makes viewers whose files lie in `tmp_path/sessions`."""

    def make(*runs: str, images: Path | None = None, max_megapixels: float = 50.0) -> Viewer:
        folder = () if images is None else folder_images(images)
        sessions = Sessions(tmp_path / "sessions")
        return Viewer(Networks(runs, device="cpu"), folder, sessions, max_megapixels=max_megapixels)

    return make
