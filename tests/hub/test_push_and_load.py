"""Publish a run and load it from the Hub, both through the real library, with a hub on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from huggingface_hub import constants
from huggingface_hub.repocard_data import model_index_to_eval_results
from safetensors.torch import load_file

import mutualseg
from mutualseg.errors import HubError
from tests.command.conftest import Command
from tests.command.made import CLASSES, SMALL, draw, write_data, write_photos
from tests.hub.fake_hub import OWNER, TOKEN, Hub

NAME = f"{OWNER}/discs"


@pytest.fixture
def pushed(hub: Hub, finished: Path) -> dict[str, bytes]:
    """Push the run, and return the files that the hub has then."""
    mutualseg.push(str(finished), NAME, license="apache-2.0", quiet=True)
    found = hub.models[NAME].at("main")
    assert found is not None
    return found[1]


def test_one_commit_of_three_files(hub: Hub, finished: Path, pushed: dict[str, bytes]) -> None:
    assert set(pushed) == {"model.safetensors", "config.json", "README.md"}
    assert pushed["model.safetensors"] == (finished / "weights" / "deployed.safetensors").read_bytes()
    assert len(hub.models[NAME].commits) == 1
    assert hub.models[NAME].private


def test_no_word_of_this_machine(hub: Hub, finished: Path, data: Path, pushed: dict[str, bytes]) -> None:
    summary = json.loads((finished / "summary.json").read_text(encoding="utf-8"))
    for name, content in pushed.items():
        for word in (finished, data, data.parent.name, Path.home().name + "/", "train/00", TOKEN):
            assert str(word).encode() not in content, (name, word)
    config = json.loads(pushed["config.json"])
    assert config["classes"] == list(CLASSES)
    assert config["network"]["encoder"] == "mobilenetv3_small_050"
    assert config["training"]["seed"] == summary["seed"]
    assert not {"data", "unlabeled", "labeled", "init", "group"} & {*config, *config["training"]}


def test_card_says_what_it_is(finished: Path, pushed: dict[str, bytes]) -> None:
    summary = json.loads((finished / "summary.json").read_text(encoding="utf-8"))
    card = pushed["README.md"].decode()
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["library_name"] == "mutualseg"
    assert front["pipeline_tag"] == "image-segmentation"
    assert front["license"] == "apache-2.0"
    _, results = model_index_to_eval_results(front["model-index"])
    (result,) = results
    assert (result.task_type, result.metric_type) == ("image-segmentation", "mean_iou")
    assert result.metric_value == pytest.approx(summary["miou"] / 100, abs=1e-6)
    assert f"| mIoU | {summary['miou']:.2f} |" in card
    for name, value in summary["per_class_iou"].items():
        assert f"| {name} | {value:.2f} |" in card
    assert "5 images with masks" in card
    assert "5 images without masks" in card
    assert "3 val images: with so few" in card
    assert f'mutualseg.load("hf://{NAME}")' in card


def test_loads_what_was_pushed(finished: Path, tmp_path: Path, hub: Hub, pushed: dict[str, bytes]) -> None:
    model = mutualseg.load(f"hf://{NAME}")
    assert model.classes == CLASSES
    image = draw("photo/hub")[0]
    assert np.array_equal(model.predict(image), mutualseg.load(finished).predict(image))
    held = {name for method, path in hub.asked if method == "GET" for name in [path.rpartition("/")[2]]}
    assert "README.md" not in held  # only what is needed is fetched


def test_a_revision_stays(finished: Path, hub: Hub, pushed: dict[str, bytes]) -> None:
    first = next(iter(hub.models[NAME].commits))
    hub.put(NAME, {"model.safetensors": b"broken"})
    assert mutualseg.load(f"hf://{NAME}@{first}").classes == CLASSES
    with pytest.raises(mutualseg.MutualSegError, match="no complete safetensors file"):
        mutualseg.load(f"hf://{NAME}")
    with pytest.raises(HubError, match="no such revision"):
        mutualseg.load(f"hf://{NAME}@v2")


def test_offline_what_was_loaded_before(
    hub: Hub, pushed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"hf://{NAME}"
    mutualseg.load(address)
    asked = len(hub.asked)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert mutualseg.load(address).classes == CLASSES
    assert len(hub.asked) == asked
    with pytest.raises(HubError, match="not on this machine, and the Hub cannot be reached"):
        mutualseg.load(f"hf://{OWNER}/never_seen")


@pytest.mark.parametrize("status", [None, 503])
def test_a_hub_that_does_not_answer(
    hub: Hub, pushed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, status: int | None
) -> None:
    address = f"hf://{NAME}"
    mutualseg.load(address)
    if status is None:
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # where nobody listens
    hub.broken = status
    assert mutualseg.load(address).classes == CLASSES
    with pytest.raises(HubError, match="the Hub cannot be reached"):
        mutualseg.load(f"hf://{OWNER}/never_seen")


def test_everything_that_takes_weights_takes_an_address(
    tmp_path: Path, pushed: dict[str, bytes], command: Command, data: Path
) -> None:
    photos = write_photos(tmp_path / "photos", ("a.png",))
    outcome = command("predict", f"hf://{NAME}", photos, "--out", tmp_path / "masks")
    assert (outcome.code, outcome.err) == (0, "")
    assert (tmp_path / "masks" / "a.png").is_file()
    outcome = command("evaluate", f"hf://{NAME}", "--data", data, "--json")
    assert outcome.code == 0, outcome.err
    scores = json.loads(outcome.out)
    assert (scores["split"], scores["images"]) == ("val", 3)


@pytest.mark.slow
def test_a_model_of_the_hub_is_exported_and_suggests(
    tmp_path: Path, pushed: dict[str, bytes], command: Command, data: Path
) -> None:
    address = f"hf://{NAME}"
    outcome = command("export", address, "--out", tmp_path / "network.onnx", "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["parity"]["agreement"] > 99.9
    words = ("--data", data, "--count", 1, "--prefill", "none", "--out", tmp_path / "next")
    outcome = command("suggest", address, *words)
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "next" / "labeled.txt").is_file()


@pytest.mark.parametrize("verb", ["report", "distill", "push", "export", "suggest"])
def test_what_needs_a_run_or_a_place_says_so_before_it_asks_the_hub(verb: str, command: Command) -> None:
    more = {"distill": ("--encoder", "resnet18"), "push": (NAME,)}.get(verb, ())
    outcome = command(verb, f"hf://{NAME}", *more)
    assert outcome.code == 2
    assert f"hf://{NAME} is a model on the Hub" in outcome.err


def test_scores_of_a_model_from_the_hub_are_the_run_s(
    tmp_path: Path, finished: Path, pushed: dict[str, bytes], data: Path
) -> None:
    summary = json.loads((finished / "summary.json").read_text(encoding="utf-8"))
    scores = mutualseg.evaluate(f"hf://{NAME}", data=str(data), quiet=True)
    assert scores["miou"] == pytest.approx(summary["miou"], abs=1e-3)
    with pytest.raises(mutualseg.MutualSegError, match="--data"):
        mutualseg.evaluate(f"hf://{NAME}", quiet=True)


@pytest.mark.slow
def test_training_starts_from_a_model_of_the_hub(
    tmp_path: Path, hub: Hub, finished: Path, pushed: dict[str, bytes], data: Path
) -> None:
    run = tmp_path / "on"
    mutualseg.train(str(data), out=str(run), init=f"hf://{NAME}", quiet=True, **SMALL)
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    commit = next(iter(hub.models[NAME].commits))
    assert config["init"] == f"hf://{NAME}@{commit}"  # what it was then
    other = tmp_path / "local"
    mutualseg.train(str(data), out=str(other), init=str(finished), quiet=True, **SMALL)
    assert (run / "metrics.csv").read_bytes() == (other / "metrics.csv").read_bytes()


def test_prints_where_it_is(finished: Path, hub: Hub, command: Command) -> None:
    outcome = command("push", finished, "discs", "--private", "false", "--message", "first")
    assert outcome.code == 0, outcome.err
    first, use = outcome.out.splitlines()
    assert first.startswith(f"{hub.endpoint}/{NAME} (commit ")
    assert use == f"use it with: mutualseg predict hf://{NAME} IMAGES --out masks/"
    assert "no license is named" in outcome.err
    assert "Traceback" not in outcome.err
    assert not hub.models[NAME].private
    again = command("push", finished, NAME, "--json")
    assert again.code == 0
    assert again.err == ""
    found = json.loads(again.out)
    assert (found["address"], found["private"]) == (f"hf://{NAME}", False)  # a public one stays so
    assert found["commit"] in hub.models[NAME].commits


def test_dry_run_asks_nobody(tmp_path: Path, finished: Path, hub: Hub, command: Command) -> None:
    out = tmp_path / "card"
    assert command("push", finished, NAME, "--dry-run", out).code == 0
    assert hub.asked == []
    assert {path.name for path in out.iterdir()} == {"model.safetensors", "config.json", "README.md"}
    assert load_file(out / "model.safetensors")
    assert mutualseg.load(out / "model.safetensors").classes == CLASSES
    assert command("push", finished, NAME, "--dry-run", out).code == 0  # over what it wrote before
    data = write_data(tmp_path / "mine")
    refused = command("push", finished, NAME, "--dry-run", data)
    assert (refused.code, refused.out) == (2, "")
    assert "name a new or empty folder" in refused.err
