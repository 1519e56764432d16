"""Attacks by configuration files and options: texts that name code, files and addresses to fetch."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from attacked import SMALL, Outcome, Place
from attacks_on_weights import Attack

_BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)

_MERGE_BOMB = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)
)

_TEXTS = {
    "python code": "steps: !!python/object/apply:os.system ['touch canary']\n",
    "a python module": "steps: !!python/module:planted\n",
    "a python class": "method: !!python/object/new:planted.Thing {}\n",
    "a python name": "method: !!python/name:planted.Thing\n",
    "aliases that spell out billions of values": _BOMB + "method: *a11\n",
    "merged keys that spell out billions of values": _MERGE_BOMB + "method: *a11\n",
    "an alias in itself": "method: &a\n  name: *a\n",
    "lists nested 10,000 deep": "method: " + "[" * 10_000 + "]" * 10_000 + "\n",
    "a number of 10,000 digits": "steps: " + "9" * 10_000 + "\n",
    "a date that is none": "steps: 2024-99-99\n",
    "a class path": "method:\n  class_path: planted.Thing\n  init_args: {a: 1}\n",
    "a class path for the views": "views:\n  class_path: planted.Thing\n",
    "a class path for the optimizer": "optimization: {optimizer: {class_path: planted.Thing}}\n",
    "a class path for the loss": "supervision: {loss: planted.Thing}\n",
    "a method that is code": "method: planted:Thing\n",
    "a method that is a list": "method: {name: [planted, Thing]}\n",
    "another configuration": "config: planted.yaml\n",
    "another configuration with a path": "__path__: planted.yaml\n__default_config__: planted.yaml\n",
    "a key with a command for the terminal": '"\\e[2Jsteps": 1\n',
    "an interpolation": "device: ${oc.env:HOME}\n",
    "a template": "device: '{{ 7*7 }}'\n",
    "a file for a number": "steps: '@secret.txt'\n",
    "an address for a network": "encoder: https://example.org/evil\n",
    "a hub for a network": "encoder: hf-hub:evil/model\n",
    "a hub for weights": "weights: hf-hub:evil/model\n",
    "an address for weights": "weights: https://example.org/evil.safetensors\n",
}
_ADDRESSES = ("https://example.org/evil", "s3://evil/data", "hf://evil/data", "ftp://example.org/evil")


def attacks() -> Iterator[tuple[str, Attack]]:
    """Yield each attack by its name."""
    for name, text in _TEXTS.items():
        yield f"--config with {name}", partial(_configuration, text=text)
        yield f"--variants with {name}", partial(_variants, text=text)
    for name in ("python code", "a python class", "aliases that spell out billions of values"):
        yield f"config.yaml of a run with {name}", partial(_of_run, text=_TEXTS[name])
        yield f"dataset.yaml with {name}", partial(_of_data, text=_TEXTS[name])
    for name, value in {
        "a method that is code": "{name: planted.Thing}",
        "a method's code": "planted",
    }.items():
        yield f"config.yaml of a run with {name}", partial(_changed_run, key="method", value=value)
    for address in _ADDRESSES:
        scheme = address.partition(":")[0]
        for option in ("--data", "--labeled", "--weights", "--init", "--config", "--unlabeled"):
            yield f"{option} with an address ({scheme})", partial(_address, option=option, address=address)
        yield f"evaluate with an address ({scheme})", partial(_verb, verb="evaluate", address=address)
        yield f"predict with an address ({scheme})", partial(_verb, verb="predict", address=address)


def _train(place: Place, *words: object) -> Outcome:
    return place.command("train", "--data", place.data, "--out", place.root / "out", *words)


def _configuration(place: Place, *, text: str) -> str | None:
    file = place.root / "given.yaml"
    file.write_text(text, encoding="utf-8")
    return place.harm(_train(place, "--config", file), 2)


def _variants(place: Place, *, text: str) -> str | None:
    file = place.root / "given.yaml"
    file.write_text("own:\n" + "".join(f"  {line}\n" for line in text.splitlines()), encoding="utf-8")
    words = ("--data", place.data, "--out", place.root / "out", "--variants", file)
    return place.harm(place.command("compare", *words), 2)


def _of_run(place: Place, *, text: str) -> str | None:
    run = place.copy_of_run()
    (run / "config.yaml").write_text(text, encoding="utf-8")
    return place.harm(place.command("train", "--resume", run), 2) or place.harm(
        place.command("evaluate", run), 2
    )


def _changed_run(place: Place, *, key: str, value: str) -> str | None:
    run = place.copy_of_run()
    lines = (run / "config.yaml").read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{key}:"))
    end = next(number for number in range(start + 1, len(lines)) if not lines[number].startswith(" "))
    changed = [*lines[:start], f"{key}: {value}", *lines[end:]]
    (run / "config.yaml").write_text("\n".join(changed) + "\n", encoding="utf-8")
    return place.harm(place.command("train", "--resume", run), 2)


def _of_data(place: Place, *, text: str) -> str | None:
    (place.data / "dataset.yaml").write_text(text + "classes: [a, b, c]\n", encoding="utf-8")
    return place.harm(place.command("check", place.data), 2, says="dataset.yaml")


def _address(place: Place, *, option: str, address: str) -> str | None:
    return place.harm(_train(place, *SMALL, option, address), 2)


def _verb(place: Place, *, verb: str, address: str) -> str | None:
    more = (place.data / "images/val", "--out", place.root / "masks") if verb == "predict" else ()
    return place.harm(place.command(verb, address, *more), 2)
