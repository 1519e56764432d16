"""Every preset that the package carries is run, shrunk."""

from __future__ import annotations

import inspect
import json
from dataclasses import fields
from pathlib import Path

import pytest
import timm
import torch
import yaml

from mutualseg.configuration_files import preset_names, read_configuration
from mutualseg.methods import METHODS, method_class
from mutualseg.networks.build import NetworkConfig, build_segmenter
from mutualseg.optimization import Optimization
from mutualseg.supervision import Supervision
from mutualseg.views.pipelines import UnlabeledViews
from tests.command.conftest import Command
from tests.command.made import SMALL, flags
from tests.data.layouts.made import write_cityscapes, write_voc

SHRINKING = {name: value for name, value in SMALL.items() if name not in ("device", "precision")}
WINDOW = 40
"""Smaller than the made images, so that those of Cityscapes are cut."""


def _arguments(target: type, *skipped: str) -> set[str]:
    return {name for name in inspect.signature(target).parameters if name not in skipped}


def test_there_are_presets() -> None:
    assert "mkd_reference" in preset_names()


@pytest.mark.slow
@pytest.mark.parametrize("preset", preset_names())
def test_preset_runs_shrunk(preset: str, data: Path, tmp_path: Path, command: Command) -> None:
    layout = read_configuration(preset).get("layout", "folder")
    window = None if read_configuration(preset).get("window") is None else WINDOW
    words = flags(SHRINKING, device="cpu", steps=2, evaluate_every=2, labeled=2, window=window)
    outcome = command("train", "--config", preset, "--data", _made(layout, data), "--out", "run", *words)
    assert outcome.code == 0, outcome
    assert json.loads((tmp_path / "run/summary.json").read_text())["miou"] >= 0
    written = yaml.safe_load((tmp_path / "run/config.yaml").read_text(encoding="utf-8"))
    shrunk = {*SHRINKING, "steps", "evaluate_every", "window"}
    assert written["window"] == window
    assert written["layout"] == layout
    for key, value in read_configuration(preset).items():
        if key in shrunk:
            continue
        if isinstance(value, dict):
            assert written[key] | value == written[key], key
        else:
            assert written[key] == value, key


def _made(layout: str, data: Path) -> Path:
    """Return tiny data as a preset expects them, written once."""
    root = data.parent / layout
    if layout == "folder":
        return data
    if not root.exists():
        if layout == "cityscapes":
            write_cityscapes(root)
        else:
            write_voc(root, augmented=True)
    return root


@pytest.mark.parametrize("preset", [name for name in preset_names() if name != "mkd_reference"])
def test_preset_says_what_it_expects_on_disk(preset: str, data: Path, command: Command) -> None:
    outcome = command("train", "--config", preset, "--data", data, "--out", "run")
    assert outcome.code == 2
    expected = "leftImg8bit" if preset.startswith("cityscapes") else "JPEGImages"
    assert f"{expected}" in outcome.err
    assert "is missing; --layout" in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("preset", preset_names())
def test_preset_names_known_arguments(preset: str) -> None:
    values = read_configuration(preset)
    method = values.get("method", {"name": "mutual"})
    assert method["name"] in METHODS
    known = _arguments(method_class(method["name"]), "build_network")
    assert set(method) - {"name"} <= known
    assert set(values.get("views", {})) <= _arguments(UnlabeledViews, "crop")
    assert set(values.get("optimization", {})) <= _arguments(Optimization)
    assert set(values.get("supervision", {})) <= {field.name for field in fields(Supervision)}


PUBLISHED = {
    f"{data}_{encoder}": (data, encoder)
    for data in ("voc", "voc_blended", "cityscapes")
    for encoder in ("resnet50", "resnet101", "dinov2_small", "dinov2_base")
}
IMAGES = {"voc": 10_582 - 92, "voc_blended": 10_582 - 662, "cityscapes": 2_975 - 186}
"""Unlabeled images of the partition with the fewest labels."""
EPOCHS = {("resnet", "voc"): 80, ("dinov2", "voc"): 60, ("resnet", "cityscapes"): 240}
EPOCHS |= {("dinov2", "cityscapes"): 180}


def test_there_is_a_preset_for_each_published_setting() -> None:
    assert set(preset_names()) == {"mkd_reference", *PUBLISHED}


@pytest.mark.parametrize("preset", PUBLISHED)
def test_steps_are_the_published_epochs(preset: str) -> None:
    """On four GPUs, as they were trained: each gets a quarter of the images and drops what fills no batch."""
    values, (data, encoder) = read_configuration(preset), PUBLISHED[preset]
    on_each = -(-IMAGES[data] // 4)
    epochs = EPOCHS[encoder[:6], data.split("_")[0]]
    assert values["batch"] == values["unlabeled_batch"]
    assert values["steps"] == epochs * (on_each // (values["batch"] // 4))


@pytest.mark.parametrize("preset", PUBLISHED)
def test_val_is_scored_as_the_field_does(preset: str) -> None:
    values, (data, encoder) = read_configuration(preset), PUBLISHED[preset]
    assert values["window"] == (values["crop"] if data == "cityscapes" else None)
    if encoder.startswith("dinov2"):
        assert values["crop"] % 14 == 0


@pytest.mark.parametrize("encoder", ["resnet50", "resnet101", "dinov2_small", "dinov2_base"])
def test_networks_of_presets_can_be_built(encoder: str) -> None:
    presets = [read_configuration(name) for name, (_, own) in PUBLISHED.items() if own == encoder]
    ((network, name),) = {(values["network"], values["encoder"]) for values in presets}
    assert name in timm.list_pretrained()  # weights to start from, under exactly this tag
    built = build_segmenter(NetworkConfig(network, name, 19)).eval()
    side = 3 * built.multiple - 1
    with torch.no_grad():
        assert built.segment(torch.rand(1, 3, side, side)).shape == (1, 19, side, side)


def test_reference_recipe_leaves_nothing_to_a_default() -> None:
    """A default that changes must not change the authors' recipe."""
    values = read_configuration("mkd_reference")
    assert set(values["method"]) - {"name"} == _arguments(method_class("mutual"), "build_network")
    assert set(values["optimization"]) == _arguments(Optimization)
    assert set(values["views"]) == _arguments(UnlabeledViews, "crop", "strong_views")


def test_reference_recipe_has_nothing_beyond_the_paper() -> None:
    values = read_configuration("mkd_reference")
    method, optimization = values["method"], values["optimization"]
    off = {"taught_by": "other", "soft_labels": False, "adaptive_threshold": False, "class_balance": 0.0}
    off |= {"threshold": 0.0, "peer_threshold": 0.0, "burn_in": 0.0, "ramp": 0.0, "cooldown": 0.0}
    off |= {"ema_reach": 1.0, "teacher_batch_norm": "own", "decoder_b": "none"}
    assert {name: method[name] for name in off} == off
    theirs = {"teacher_weight": 1.5, "peer_weight": 1.0, "semantic_strength": 1.5, "ema": 0.6}
    assert {name: method[name] for name in theirs} == theirs
    assert optimization["encoder_rate"] == optimization["decoder_rate"] == 0.0025


def test_preset_by_path_and_by_name_are_one(tmp_path: Path) -> None:
    path = tmp_path / "copy.yaml"
    path.write_text(yaml.safe_dump(read_configuration("mkd_reference")), encoding="utf-8")
    assert read_configuration(str(path)) == read_configuration("mkd_reference")
