"""What every test shares: no network, own cache, few threads, a tiny data folder and a tiny network."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from mutualseg.networks.segmenter import Segmenter
from mutualseg.seeding import address

# Also for the processes that tests start. Several pytest workers share the cores, and inherit from the first.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"
else:
    os.environ.setdefault("OMP_NUM_THREADS", str(min(2, os.cpu_count() or 1)))
os.environ["HF_HUB_OFFLINE"] = "1"  # read when timm is first imported: a hub then fails at once

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_NAMES = (*_LOOPBACK, socket.gethostname())  # Lightning and gloo look up their own machine


class NetworkUsedError(RuntimeError):
    """A test reached for a machine other than this one."""


def _refuse(host: object) -> None:
    raise NetworkUsedError(f"tests must not use the network, and this one asked for {host!r}")


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Refuse connections and name look-ups that leave the machine; Unix sockets stay for loaders."""
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(own: socket.socket, where: Any) -> None:
        if own.family != socket.AF_UNIX and where[0] not in _LOOPBACK:
            _refuse(where[0])

    def checked_connect(self: socket.socket, where: Any) -> None:
        check(self, where)
        connect(self, where)

    def checked_connect_ex(self: socket.socket, where: Any) -> int:
        check(self, where)
        return connect_ex(self, where)

    def checked_look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and name not in _NAMES:
            _refuse(name)
        return look_up(host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", checked_connect)
        patch.setattr(socket.socket, "connect_ex", checked_connect_ex)
        patch.setattr(socket, "getaddrinfo", checked_look_up)
        yield


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the library caches out of the user's home, shared by the tests of one session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUTUALSEG_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _few_threads() -> None:
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


@pytest.fixture(autouse=True)
def _seed() -> None:
    """Give each test the same start, in whatever order tests run."""
    torch.manual_seed(0)


CLASSES = ("ground", "disc", "box")
HEIGHT, WIDTH = 48, 64


def draw_scene(name: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return a picture [H,W,3] of a disc and a box on noise, and its mask [H,W] with an unknown rim."""
    rng = np.random.default_rng(address(0, "scene", name))
    down, right = np.mgrid[:HEIGHT, :WIDTH]
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    top, left = rng.integers(4, HEIGHT - 20), rng.integers(4, WIDTH - 24)
    mask[top : top + 16, left : left + 20] = 2
    center = rng.integers(10, HEIGHT - 10), rng.integers(10, WIDTH - 10)
    mask[(down - center[0]) ** 2 + (right - center[1]) ** 2 < 81] = 1
    colors = np.array([[90, 100, 80], [200, 60, 60], [60, 80, 210]], np.float64)
    image = colors[mask] + rng.normal(0, 12, (HEIGHT, WIDTH, 3))
    mask[:2] = 255
    return image.clip(0, 255).astype(np.uint8), mask


@pytest.fixture
def tiny_data(tmp_path: Path) -> Path:
    """Write a data folder: 12 training images of 48 x 64, 6 of them with masks, 3 for val, 3 classes."""
    root = tmp_path / "tiny_data"
    labeled = [f"train/{index:02d}" for index in range(6)] + [f"val/{index:02d}" for index in range(3)]
    for name in labeled + [f"train/{index:02d}" for index in range(6, 12)]:
        image, mask = draw_scene(name)
        for kind, pixels in (("images", image), ("masks", mask)):
            if kind == "images" or name in labeled:
                path = root / kind / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
    (root / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    return root


def parts(batch: Iterable[Tensor | None]) -> list[Tensor]:
    """Return what a batch holds; a second strong view is there only for methods that ask for it."""
    return [part for part in batch if part is not None]


class BuildTiny(Protocol):
    """Makes tiny networks; a method takes it as `build_network`."""

    def __call__(
        self, role: str = "student_a", *, num_classes: int = 3, patchwise: bool = False, multiple: int = 4
    ) -> Segmenter:
        """Return a network whose weights depend on the role alone.

        Args:
            role: addresses the weights.
            num_classes: K; D is 5.
            patchwise: no BatchNorm, and each output pixel sees its own 4 x 4 pixels alone.
            multiple: of 4, the stride.
        """


def _layers(patchwise: bool) -> Sequence[nn.Module]:
    if patchwise:
        return nn.Conv2d(3, 8, 4, stride=4), nn.Tanh()
    return (
        nn.Conv2d(3, 6, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.Tanh(),
        nn.Conv2d(6, 8, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.Tanh(),
    )


@pytest.fixture(scope="session")
def tiny_segmenter() -> BuildTiny:
    """Return a factory of real segmenters with a few layers, at stride 4."""

    def build(
        role: str = "student_a", *, num_classes: int = 3, patchwise: bool = False, multiple: int = 4
    ) -> Segmenter:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(address(0, "tiny", role))
            network = Segmenter(
                nn.Sequential(*_layers(patchwise)),
                nn.Conv2d(8, 5, 1),
                nn.Tanh(),
                nn.Conv2d(5, num_classes, 1),
                multiple=multiple,
                pixel_mean=(0.4, 0.5, 0.6),
                pixel_std=(0.2, 0.25, 0.3),
            )
            nn.init.normal_(network.classifier.weight)  # logits that differ enough to argue about
        return network

    return build
