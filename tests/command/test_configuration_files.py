"""Values of a configuration file arrive as a user means them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mutualseg.configuration_files import read_configuration, read_mapping
from mutualseg.errors import ConfigError
from tests.command.conftest import Command
from tests.command.made import SMALL, flags


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("off", "off"),
        ("on", "on"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("trueish", "trueish"),
        ("3", 3),
        ("0.5", 0.5),
        ("null", None),
        ("'true'", "true"),
        ("[0.5, 2]", [0.5, 2]),
    ],
)
def test_a_value_is_what_it_looks_like(written: str, meant: Any) -> None:
    assert read_mapping(f"key: {written}\n", "file") == {"key": meant}


def test_a_tag_is_refused() -> None:
    with pytest.raises(ConfigError, match="no plain YAML"):
        read_mapping("key: !!python/object/apply:os.getcwd []\n", "file")


def test_cache_off_in_a_file_is_off(data: Path, tmp_path: Path, command: Command) -> None:
    shrunk = {name: value for name, value in SMALL.items() if name != "quiet"}
    file = tmp_path / "c.yaml"
    file.write_text("cache: off\nquiet: yes\noptimization:\n  decoder_rate: 1e-3\n", encoding="utf-8")
    words = flags(shrunk, steps=2, evaluate_every=2)
    outcome = command("train", "--config", file, "--data", data, "--out", "run", *words)
    assert outcome.code == 0, outcome
    written = read_configuration(str(tmp_path / "run/config.yaml"))
    assert written["cache"] == "off"
    assert written["optimization"]["decoder_rate"] == 1e-3


def test_the_configuration_of_a_distilled_run_says_what_to_do(
    tmp_path: Path, data: Path, command: Command
) -> None:
    run = tmp_path / "run/distilled"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text("steps: 4\nteachers:\n  run: /run\n", encoding="utf-8")
    done = command("train", "--config", run / "config.yaml", "--data", data, "--out", "new")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "distilled run" in done.err
    assert f"mutualseg train --resume {run}" in done.err
    assert "mutualseg distill" in done.err
