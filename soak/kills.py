"""Kill a training at random moments, again and again, and see whether it ends like one that nobody disturbed.

    python soak/kills.py --kills 50 --minutes 30 --json kills.json

Each process is ended by `kill -9`, one in five by SIGTERM, and the same command goes on with the run. After
each the checkpoint has to be sound, and that of the last step that the process said it had finished: after
SIGTERM just that, after `kill -9` up to the interval between checkpoints before it. A run that ends before
the kills are used up is compared with the undisturbed one, and another begins.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from equal_runs import differences
from kill_moments import MOMENTS, Training, wait_for
from mutualseg.engine.checkpoints import is_sound
from mutualseg.runs import RunFolder

EVERY = 4
"""Steps between checkpoints."""
_PATIENCE = 300.0
"""Seconds that a process may take to come to a moment, or to stop on SIGTERM."""
_SMALL = (
    *("--network", "fpn", "--encoder", "mobilenetv3_small_050", "--weights", "none", "--crop", "32"),
    *("--batch", "2", "--accumulate", "2", "--workers", "1", "--device", "cpu", "--precision", "32"),
    *("--select", "best", "--method.burn_in", "0.2", "--method.threshold", "0"),
    *("--method.peer_threshold", "0", "--checkpoint-every", str(EVERY)),
)


@dataclass
class Kills:
    """What became of the kills.

    Args:
        tried: processes that were ended.
        survived: those after which all was as it must be.
        by_moment: how many were tried at each moment.
        sigterm: how many of them were SIGTERM.
        most_steps_lost: between what a process had said and its checkpoint.
        runs: that came to their end and were compared.
        wrong: what was not as it must be, in words.
    """

    tried: int = 0
    survived: int = 0
    by_moment: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MOMENTS, 0))
    sigterm: int = 0
    most_steps_lost: int = 0
    runs: int = 0
    wrong: list[str] = field(default_factory=list)


def try_kills(work: Path, *, kills: int, minutes: float, seed: int = 0, steps: int = 200) -> Kills:
    """Kill trainings of one setting, and return what became of them.

    Args:
        work: an empty folder.
        kills: how many.
        minutes: after which no further one is tried.
        seed: of the moments.
        steps: of a run.
    """
    data, straight, found = work / "data", work / "straight", Kills()
    write_pictures(data)
    words = [sys.executable, "-m", "mutualseg", "train", "--data", str(data), *_SMALL, "--steps", str(steps)]
    words += ["--evaluate-every", str(max(1, steps // 10))]
    subprocess.run([*words, "--out", str(straight)], check=True, capture_output=True)
    chance, until = random.Random(seed), time.monotonic() + 60 * minutes
    # Each moment equally often, in an order of its own.
    moments = [MOMENTS[index % len(MOMENTS)] for index in range(kills)]
    chance.shuffle(moments)
    while True:
        run = work / f"killed-{found.runs}"
        if not _kill_to_the_end([*words, "--out", str(run), "--resume"], run, moments, chance, until, found):
            return found
        found.runs += 1
        found.wrong += [f"{run.name}: {each}" for each in differences(run, straight)]
        if not moments or time.monotonic() > until:
            return found


def _kill_to_the_end(
    words: list[str], run: Path, moments: list[str], chance: random.Random, until: float, found: Kills
) -> bool:
    """Start a run again until it ends, with kills as long as there are some; return whether it ended."""
    said = 0
    while True:
        training = Training(words, run)
        number = signal.SIGKILL
        if moments and time.monotonic() < until:
            number = signal.SIGTERM if chance.random() < 0.2 else signal.SIGKILL
            wait_for(moments[-1], training, chance, time.monotonic() + _PATIENCE)
            if training.process.poll() is None:
                training.process.send_signal(number)
        code = training.ended(_PATIENCE if number == signal.SIGTERM or moments else 10 * _PATIENCE)
        if code is None:
            training.process.kill()
            training.ended(10.0)
            found.wrong.append(f"{run.name}: a process did not end")
            return False
        said = max(said, training.said_step)
        if code == 0:
            return True
        text = "\n".join(training.lines)
        # SIGTERM to a process that leaves, with everything written: 143 in a shell.
        has_left = code == -signal.SIGTERM and RunFolder(run).is_finished()
        if code not in (-signal.SIGKILL, 128 + signal.SIGTERM) and not has_left:
            found.wrong.append(f"{run.name}: exit code {code}: {text[-500:]}")
            return False
        moment = moments.pop()
        found.tried += 1
        found.by_moment[moment] += 1
        found.sigterm += code > 0
        lost, wrong = _lost(run, said, bearable=0 if code > 0 else EVERY)  # SIGTERM saves its step
        if code > 0 and ("Traceback" in text or "stopped by SIGTERM" not in training.lines[-1]):
            wrong.append(f"SIGTERM said: {text[-300:]}")
        found.most_steps_lost = max(found.most_steps_lost, lost)
        found.wrong += [f"{run.name}, {moment}: {each}" for each in wrong]
        found.survived += not wrong


def _lost(run: Path, said: int, *, bearable: int) -> tuple[int, list[str]]:
    """Return how many steps a kill has cost at least, and what is wrong about that or the checkpoints."""
    folder, step, wrong = RunFolder(run), 0, []
    for path in (folder.checkpoint, folder.previous_checkpoint):
        if path.is_file() and not is_sound(path):
            wrong.append(f"{path.name} is damaged")
    if folder.newest_checkpoint.is_file() and not wrong:
        step = int(torch.load(folder.newest_checkpoint, weights_only=True)["global_step"])
    if said - step > bearable:
        wrong.append(f"said step {said}, but its checkpoint is of step {step}")
    return max(0, said - step), wrong


def write_pictures(root: Path) -> None:
    """Write a data folder of 14 noisy pictures in two colors, 64 pixels wide, of which 4 have no mask."""
    rng = np.random.default_rng(0)
    for index in range(14):
        mask = np.zeros((48, 64), np.uint8)
        mask[:, int(rng.integers(16, 48)) :] = 1
        image = np.where(mask[..., None] == 1, (170, 120, 50), (60, 70, 150)) + rng.normal(0, 25, (48, 64, 3))
        for kind, pixels in (("images", image.clip(0, 255).astype(np.uint8)), ("masks", mask)):
            if kind == "images" or index < 10:
                path = root / kind / f"{index:02d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
    (root / "classes.txt").write_text("left\nright\n", encoding="utf-8")


def table(found: Kills) -> str:
    """Return what became of the kills as a table."""
    rows = [
        ("kills survived / tried", f"{found.survived} / {found.tried}"),
        ("of them SIGTERM", str(found.sigterm)),
        *((f"  during {moment}", str(found.by_moment[moment])) for moment in MOMENTS),
        ("steps lost at most", f"{found.most_steps_lost} (checkpoint every {EVERY})"),
        ("runs ended and compared", str(found.runs)),
        ("wrong", str(len(found.wrong))),
    ]
    return "\n".join(f"{name:<26} {value}" for name, value in rows)


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=30.0, help="after which no further kill is tried")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--steps", type=int, default=200, help="of a run")
    parser.add_argument("--json", type=Path, help="write the result here too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        found = try_kills(
            Path(work),
            kills=options.kills,
            minutes=options.minutes,
            seed=options.seed,
            steps=options.steps,
        )
    print(table(found))
    for each in found.wrong:
        print(f"wrong: {each}")
    if options.json is not None:
        options.json.write_text(json.dumps(asdict(found), indent=2) + "\n", encoding="utf-8")
    return 0 if not found.wrong and found.runs and found.survived == found.tried else 1


if __name__ == "__main__":
    sys.exit(main())
