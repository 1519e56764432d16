"""How many pictures of a run are kept: one per evaluation fills a disk where there are thousands of them."""

from __future__ import annotations

from pathlib import Path

MOST = 50
_NAME = "step_{:06d}.png"


def picture_at(folder: Path, step: int) -> Path:
    """Return where the picture of a step is."""
    return folder / _NAME.format(step)


def thin_out(folder: Path, step: int, every: int) -> None:
    """Delete pictures that lie between the ones that are kept, once there is a new one.

    Kept are the newest one and those of every evaluation, or of every 2nd, 4th, 8th, ...: the first of these
    that makes no more than `MOST`. What is kept follows from the step alone, in a resumed run too.

    Args:
        folder: with the pictures of one run; other files stay.
        step: of the newest picture.
        every: steps between evaluations.
    """
    rounds, apart = step // every, 1
    while rounds // apart >= MOST:
        apart *= 2
    kept = {number * every for number in range(0, rounds + 1, apart)} | {step}
    for path in folder.glob("step_*.png"):
        number = path.stem.removeprefix("step_")
        # Later ones are of a run that was killed and goes on from before them: they are drawn again.
        if number.isdecimal() and int(number) < step and int(number) not in kept:
            path.unlink(missing_ok=True)
