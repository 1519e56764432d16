"""How many damaged checkpoints are recognised, so that the run goes on from the one before.

A small run is made, and its newest checkpoint damaged in one way after another: bits flipped, bytes lost,
added or exchanged. Each is given to what `train --resume` asks, and some to the command itself.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from mutualseg.cli import main as command
from mutualseg.engine.checkpoints import drop_damaged_checkpoints
from mutualseg.errors import MutualSegError
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder

Damage = Callable[[bytearray, random.Random], None]

_PAGE = 4096
_SAID = "last.ckpt' is damaged; going on from the checkpoint before it"


def _flip(content: bytearray, at: int, chance: random.Random) -> None:
    content[at] ^= 1 << chance.randrange(8)


def _flip_any(content: bytearray, chance: random.Random) -> None:
    _flip(content, chance.randrange(len(content)), chance)


def _flip_in_head(content: bytearray, chance: random.Random) -> None:
    _flip(content, chance.randrange(_PAGE), chance)


def _flip_in_seal(content: bytearray, chance: random.Random) -> None:
    _flip(content, len(content) - 1 - chance.randrange(110), chance)


def _flip_in_directory(content: bytearray, chance: random.Random) -> None:
    _flip(content, len(content) - 1 - chance.randrange(10 * _PAGE), chance)


def _cut(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content)) :]


def _cut_a_little(content: bytearray, chance: random.Random) -> None:
    del content[-chance.randint(1, 200) :]


def _zero(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(content) // _PAGE) * _PAGE
    content[start : start + _PAGE] = bytes(len(content[start : start + _PAGE]))


def _append(content: bytearray, chance: random.Random) -> None:
    content += chance.randbytes(chance.randint(1, _PAGE)) if chance.random() < 0.5 else bytes(_PAGE)


def _exchange(content: bytearray, chance: random.Random) -> None:
    one, other = (number * _PAGE for number in chance.sample(range(len(content) // _PAGE), 2))
    first = content[one : one + _PAGE]
    content[one : one + _PAGE] = content[other : other + _PAGE]
    content[other : other + _PAGE] = first


def _insert(content: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(content))
    content[at:at] = chance.randbytes(chance.randint(1, 64))


def _remove(content: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(content) - 64)
    del content[at : at + chance.randint(1, 64)]


def _empty(content: bytearray, chance: random.Random) -> None:
    content.clear()


def _another(content: bytearray, chance: random.Random) -> None:
    other = BytesIO()
    torch.save({"state_dict": {"weight": torch.full((4,), chance.random())}}, other)
    content[:] = other.getvalue()


def _noise(content: bytearray, chance: random.Random) -> None:
    content[:] = chance.randbytes(chance.randint(1, 10 * _PAGE))


DAMAGES: dict[str, Damage] = {
    "a bit anywhere": _flip_any,
    "a bit of the head": _flip_in_head,
    "a bit of the directory": _flip_in_directory,
    "a bit of the seal": _flip_in_seal,
    "cut anywhere": _cut,
    "cut near the end": _cut_a_little,
    "a page of zeros": _zero,
    "bytes appended": _append,
    "pages exchanged": _exchange,
    "bytes inserted": _insert,
    "bytes removed": _remove,
    "empty": _empty,
    "another file": _another,
    "noise": _noise,
}


def make_run(root: Path) -> RunFolder:
    """Return the folder of a small run that was stopped after its last checkpoint, before it was finished."""
    _draw_data(root / "data")
    options: dict[str, Any] = {
        **{"method": "labels_only", "network": "fpn", "encoder": "mobilenetv3_small_050", "weights": "none"},
        **{"crop": 32, "batch": 2, "steps": 4, "evaluate_every": 2, "checkpoint_every": 1, "workers": 0},
        **{"device": "cpu", "precision": "32", "out": root / "run", "data": root / "data"},
    }
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    code, said = _run(["train", *words])
    if code:
        raise RuntimeError(said)
    folder = RunFolder(root / "run")
    folder.summary.unlink()
    return folder


def _draw_data(root: Path) -> None:
    """Write 8 pictures of noise with masks of two halves."""
    chance = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    mask = np.zeros((48, 48), np.uint8)
    mask[24:] = 1
    for number in range(8):
        image = chance.integers(0, 256, (48, 48, 3), dtype=np.uint8)
        Image.fromarray(image).save(root / f"images/{number}.png")
        Image.fromarray(mask).save(root / f"masks/{number}.png")
    (root / "classes.txt").write_text("above\nbelow\n", encoding="utf-8")


def _run(words: list[str]) -> tuple[int, str]:
    """Return the command's exit code and what it said."""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as said:
        code = command(words)
    return code, said.getvalue()


def _damaged(content: bytes, damage: Damage, chance: random.Random) -> bytes:
    """Return changed content: two pages that are exchanged may be equal, so until it differs."""
    while True:
        changed = bytearray(content)
        damage(changed, chance)
        if changed != content:
            return bytes(changed)


def _is_passed_over(folder: RunFolder, previous: bytes) -> bool:
    """Return whether a resumed run would go on from the checkpoint before, unchanged, and say so."""
    with redirect_stderr(StringIO()) as said:
        try:
            drop_damaged_checkpoints(folder, RunConsole())
        except MutualSegError:
            return False
    is_left = folder.newest_checkpoint == folder.previous_checkpoint
    return is_left and _SAID in said.getvalue() and folder.previous_checkpoint.read_bytes() == previous


def _is_resumed(run: RunFolder, root: Path, changed: bytes) -> bool:
    """Return whether the command goes on from the checkpoint before and ends with the same records."""
    folder = RunFolder(root)
    shutil.copytree(run.root, root)
    folder.checkpoint.write_bytes(changed)
    code, said = _run(["train", "--resume", str(root)])
    is_same = folder.metrics.read_bytes() == run.metrics.read_bytes()
    shutil.rmtree(root)
    return code == 0 and _SAID in said and is_same


def damage_and_ask(tries: int, resumes: int, *, seed: int, seconds: float) -> dict[str, Any]:
    """Return how many damaged checkpoints were tried and recognised, in all and of each kind.

    Args:
        tries: checkpoints that are damaged, all kinds in turn.
        resumes: of these, how many are also given to the command.
        seed: of every damage.
        seconds: after so many no further one is tried.
    """
    chance, tried, recognised, missed = random.Random(seed), Counter[str](), Counter[str](), list[str]()
    resumed, end, kinds = 0, time.monotonic() + seconds, list(DAMAGES)
    with tempfile.TemporaryDirectory() as name:
        run = make_run(Path(name))
        content, previous = run.checkpoint.read_bytes(), run.previous_checkpoint.read_bytes()
        copy = RunFolder(Path(name) / "copy")
        copy.checkpoint.parent.mkdir(parents=True)
        copy.previous_checkpoint.write_bytes(previous)
        for number in range(tries):
            if time.monotonic() > end:
                break
            kind = kinds[number % len(kinds)]
            changed = _damaged(content, DAMAGES[kind], chance)
            copy.checkpoint.write_bytes(changed)
            is_known = _is_passed_over(copy, previous)
            if number < resumes:
                is_known &= _is_resumed(run, Path(name) / "resumed", changed)
                resumed += 1
            tried[kind] += 1
            recognised[kind] += is_known
            if not is_known:
                missed.append(f"{kind}, number {number}")
    return {
        **{"seed": seed, "bytes": len(content), "tried": tried.total(), "recognised": recognised.total()},
        **{"resumed": resumed, "kinds": {kind: [recognised[kind], tried[kind]] for kind in tried}},
        "missed": missed,
    }


def main() -> int:
    """Print the table; exit with 1 if a damaged checkpoint was not recognised, or none was tried."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tries", type=int, default=1000, help="damaged checkpoints")
    parser.add_argument("--resumes", type=int, default=len(DAMAGES), help="of these, by the command too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1800.0, help="begin none after so many")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    given = parser.parse_args()
    found = damage_and_ask(given.tries, given.resumes, seed=given.seed, seconds=given.seconds)
    print(f"a checkpoint of {found['bytes'] / 1e6:.1f} MB, seed {found['seed']}: recognised / tried")
    for kind, (recognised, tried) in found["kinds"].items():
        print(f"  {kind:<24}{recognised:>6} / {tried}")
    print(f"  {'all':<24}{found['recognised']:>6} / {found['tried']}")
    print(f"  of these resumed by the command: {found['resumed']}")
    for what in found["missed"]:
        print(f"  not recognised: {what}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0 if found["recognised"] == found["tried"] > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
