"""`train` says under which license its pretrained weights are, and passes that on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mutualseg.weights_files import license_in, load_network
from tests.command.conftest import Command
from tests.command.made import SMALL, flags

LITE0 = {"method": "labels_only", "encoder": "tf_efficientnet_lite0", "steps": 1, "evaluate_every": 1}


def _license(run: Path) -> object:
    return json.loads((run / "summary.json").read_text(encoding="utf-8"))["weights_license"]


@pytest.mark.slow
def test_license_is_said_and_passed_on(data: Path, tmp_path: Path, command: Command) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    outcome = command("train", "--data", data, "--out", first, *flags(SMALL | LITE0, weights="imagenet"))
    assert outcome.code == 0
    assert outcome.err.count("pretrained weights: license apache-2.0\n") == 1
    assert _license(first) == "apache-2.0"
    assert load_network(first / "weights/deployed.safetensors")[2]["weights_license"] == "apache-2.0"
    outcome = command("train", "--data", data, "--out", second, "--init", first, *flags(SMALL | LITE0))
    assert "pretrained weights: license apache-2.0\n" in outcome.err
    assert _license(second) == "apache-2.0"
    (second / "summary.json").unlink()
    assert command("train", "--resume", second, "--quiet").code == 0
    assert _license(second) == "apache-2.0"


def test_random_weights_have_none(finished: Path) -> None:
    assert _license(finished) is None
    assert license_in(finished / "weights/deployed.safetensors") is None
