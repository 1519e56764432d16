"""Attacks by weights files and checkpoints: pickles that run code, and words that mislead who reads them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from attacked import SMALL, Gadget, Outcome, Place, pickled
from mutualseg.engine.sealed_checkpoint import write_sealed

Attack = Callable[[Place], str | None]

_DEPLOYED = "weights/deployed.safetensors"


def attacks() -> Iterator[tuple[str, Attack]]:
    """Yield each attack by its name."""
    for kind in (False, True):
        word = "torch archive" if kind else "pickle"
        yield f"{word} as both checkpoints", partial(_both_checkpoints, as_torch=kind)
        yield f"{word} as last.ckpt, the one before is good", partial(_last_checkpoint, as_torch=kind)
        yield f"{word} as --weights FILE.pth", partial(_weights, suffix=".pth", as_torch=kind)
        yield f"{word} as --weights FILE.safetensors", partial(_weights, suffix=".safetensors", as_torch=kind)
        yield f"{word} in --init RUN", partial(_init, as_torch=kind)
        yield f"{word} in evaluate RUN", partial(_evaluate, as_torch=kind)
        yield f"{word} in predict FILE", partial(_predict, as_torch=kind)
    yield "TorchScript as --weights", _torch_script
    yield "archive that grows as --weights", _growing_archive
    yield "safetensors whose header lies about its length", _lying_header
    for name, change in _FACTS.items():
        yield f"weights that say {name}", partial(_facts, change=change)
    for name, spoil in _CONTENTS.items():
        yield f"checkpoint with {name}", partial(_contents, spoil=spoil)


def _both_checkpoints(place: Place, *, as_torch: bool) -> str | None:
    run = place.copy_of_run()
    for name in ("last", "previous"):
        _plant(place, run / f"checkpoints/{name}.ckpt", as_torch=as_torch)
    return place.harm(place.command("train", "--resume", run), 2, says="damaged")


def _plant(place: Place, path: Path, *, as_torch: bool) -> None:
    """Write a checkpoint that runs code if it is unpickled; torch's archive is sealed like a true one."""
    if not as_torch:
        path.write_bytes(pickled(place))
        return
    with path.open("w+b") as file:
        write_sealed({"state_dict": {}, "more": Gadget(place.canary)}, file)


def _last_checkpoint(place: Place, *, as_torch: bool) -> str | None:
    run = place.copy_of_run()
    (run / "checkpoints/last.ckpt").rename(run / "checkpoints/previous.ckpt")
    _plant(place, run / "checkpoints/last.ckpt", as_torch=as_torch)
    return place.harm(place.command("train", "--resume", run), 0, says="damaged")


def _train(place: Place, *words: object) -> Outcome:
    return place.command("train", "--data", place.data, "--out", place.root / "out", *SMALL, *words)


def _weights(place: Place, *, suffix: str, as_torch: bool) -> str | None:
    file = place.root / f"weights{suffix}"
    file.write_bytes(pickled(place, as_torch=as_torch))
    return place.harm(_train(place, "--weights", file), 2, says="weights file")


def _init(place: Place, *, as_torch: bool) -> str | None:
    run = place.copy_of_run()
    (run / _DEPLOYED).write_bytes(pickled(place, as_torch=as_torch))
    return place.harm(_train(place, "--init", run), 2, says="safetensors")


def _evaluate(place: Place, *, as_torch: bool) -> str | None:
    run = place.copy_of_run()
    (run / _DEPLOYED).write_bytes(pickled(place, as_torch=as_torch))
    return place.harm(place.command("evaluate", run), 2, says="safetensors")


def _predict(place: Place, *, as_torch: bool) -> str | None:
    file = place.root / "weights.pth"
    file.write_bytes(pickled(place, as_torch=as_torch))
    return place.harm(_predicted(place, file), 2, says="safetensors")


def _predicted(place: Place, weights: Path) -> Outcome:
    return place.command("predict", weights, place.data / "images/val", "--out", place.root / "masks")


def _torch_script(place: Place) -> str | None:
    file = place.root / "weights.pt"
    with zipfile.ZipFile(file, "w") as archive:  # what tells torch that it is one
        archive.writestr("archive/constants.pkl", pickled(place))
        archive.writestr("archive/data.pkl", pickled(place))
        archive.writestr("archive/version", "3\n")
    return place.harm(_train(place, "--weights", file), 2, says="weights file")


def _growing_archive(place: Place) -> str | None:
    stream = io.BytesIO()
    torch.save({"weight": torch.zeros(10)}, stream)
    file = place.root / "weights.pth"
    with zipfile.ZipFile(stream) as plain, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in plain.infolist():
            archive.writestr(entry.filename, plain.read(entry) or b"")
        archive.writestr("archive/data/1", bytes(2**22))
    return place.harm(_train(place, "--weights", file), 2, says="weights file")


def _lying_header(place: Place) -> str | None:
    file = place.root / "weights.safetensors"
    file.write_bytes((2**60).to_bytes(8, "little") + b'{"__metadata__":{}}')
    return place.harm(_predicted(place, file), 2, says="safetensors")


def _facts(place: Place, change: Callable[[dict[str, Any]], object]) -> str | None:
    with safe_open(place.run / _DEPLOYED, framework="pt") as file:
        facts = json.loads(file.metadata()["mutualseg"])
    changed = change(facts)
    text = changed if isinstance(changed, str) else json.dumps(facts)
    path = place.root / "weights.safetensors"
    save_file(load_file(place.run / _DEPLOYED), path, metadata={"mutualseg": text})
    return place.harm(_predicted(place, path), 2)


def _network(**changes: object) -> Callable[[dict[str, Any]], object]:
    return lambda facts: facts["network"].update(changes)


def _fact(**changes: object) -> Callable[[dict[str, Any]], object]:
    return lambda facts: facts.update(changes)


_FACTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a thousand million classes": _network(num_classes=10**9),
    "ten million classes": _network(num_classes=10**7),
    "minus one class": _network(num_classes=-1),
    "infinitely many classes": _network(num_classes=float("inf")),
    "a thousand million channels": _network(channels=10**9, mean=[], std=[]),
    "an encoder on a hub": _network(encoder="hf-hub:evil/model"),
    "an encoder on a hub, spelled otherwise": _network(encoder="hf_hub:evil/model"),
    "an encoder's tag on a hub": _network(encoder="resnet50.hf-hub:evil/model"),
    "an encoder in a folder": _network(encoder="local-dir:/etc"),
    "an encoder that is a path": _network(encoder="../../outside/secret.txt"),
    "an encoder that is code": _network(encoder="planted.Thing"),
    "an encoder of a thousand million weights": _network(encoder="resnetv2_152x4_bit"),
    "a network that is code": _network(network="planted.Thing"),
    "a network that is a list": _network(network=["fpn"]),
    "no network": lambda facts: facts.pop("network"),
    "numbers that are none": _network(mean=[float("nan")] * 3, std=[0.0] * 3),
    "a class that commands the terminal": _fact(classes=["a", "\x1b[2J", "c"]),
    "classes of another number": _fact(classes=["a"]),
    "classes that are numbers": _fact(classes=7),
    "colors that are texts": _fact(colors=["<script>"] * 3),
    "a window of minus one": _fact(window=-1),
    "images of a made-up kind": _fact(image_code={"kind": "planted.Thing"}),
    "images with more than is known": _fact(image_code={"__class__": "planted.Thing"}),
    "nothing, nested 100,000 deep": lambda facts: "[" * 100_000 + "]" * 100_000,
    "a list": lambda facts: "[1, 2]",
}


def _contents(place: Place, spoil: Callable[[dict[str, Any]], object]) -> str | None:
    run = place.copy_of_run()
    path = run / "checkpoints/last.ckpt"
    held = torch.load(path, map_location="cpu", weights_only=True)
    spoil(held)
    with path.open("w+b") as file:
        write_sealed(held, file)
    (run / "checkpoints/previous.ckpt").unlink(missing_ok=True)
    return place.harm(place.command("train", "--resume", run), 0, 2)


def _set(**changes: object) -> Callable[[dict[str, Any]], object]:
    return lambda held: held.update(changes)


_CONTENTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a version to come": _set(**{"pytorch-lightning_version": "99.0.0"}),
    "the version of long ago": _set(**{"pytorch-lightning_version": "0.0.1"}),
    "a version that is none": _set(**{"pytorch-lightning_version": "planted.Thing"}),
    "a class to import": _set(
        hyper_parameters={"_class_path": "planted.Thing", "_instantiator": "planted.Thing"},
        hparams_name="planted.Thing",
        hparams_type="planted.Thing",
    ),
    "callbacks to import": _set(callbacks={"planted.Thing": {"_target_": "planted.Thing"}}),
    "loops that are a text": _set(loops="planted.Thing"),
    "optimizers that are numbers": _set(optimizer_states=[1, 2]),
    "no weights": lambda held: held["state_dict"].clear(),
    "a step that is a text": _set(global_step="a", epoch=[]),
    "a step of minus one": _set(global_step=-1),
    "a step that never comes": _set(global_step=10**12),
    "a run that is none": lambda held: [
        held["callbacks"].update({key: {"settings": "[" * 10_000, "split": [], "started": {}}})
        for key in list(held["callbacks"])
    ],
}
