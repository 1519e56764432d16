"""Weights that the disk does not take: an error that names the file and says what the system said."""

from __future__ import annotations

import errno
import resource
from pathlib import Path

import pytest

from mutualseg.networks.build import NetworkConfig
from mutualseg.weights_files import save_network
from tests.conftest import BuildTiny

CONFIG = NetworkConfig("fpn", "resnet18", 3)


def test_a_file_that_may_not_grow(tmp_path: Path, tiny_segmenter: BuildTiny) -> None:
    path, network = tmp_path / "deployed.safetensors", tiny_segmenter()
    save_network(path, network, CONFIG, {})
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large") as raised:
            save_network(path, network, CONFIG, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (raised.value.errno, raised.value.filename) == (errno.EFBIG, str(path))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_gone_is_not_made_again(tmp_path: Path, tiny_segmenter: BuildTiny) -> None:
    path = tmp_path / "gone/deployed.safetensors"
    with pytest.raises(FileNotFoundError) as raised:
        save_network(path, tiny_segmenter(), CONFIG, {})
    assert raised.value.filename == str(path)
    assert not path.parent.exists()
