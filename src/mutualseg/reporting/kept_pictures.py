"""How many pictures of a run are kept, and how large: thousands of evaluations would fill a disk."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image

MOST = 50
_LONGEST = 1200
"""Pixels of the longer side of a picture in a record that is never thinned out."""
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


def is_recorded(step: int, every: int, total: int) -> bool:
    """Tell whether the pictures of an evaluation go into a record from which none is ever deleted.

    They are those that `thin_out` leaves at the end of the run: about `MOST` however long it is.

    Args:
        step: of the evaluation.
        every: steps between evaluations.
        total: steps of the run.
    """
    apart = 1
    while total // every // apart >= MOST:
        apart *= 2
    return step == total or step % (every * apart) == 0


def small_jpeg(path: Path) -> tuple[bytes, int, int]:
    """Return a picture as JPEG of at most 1200 pixels a side, its width and its height.

    Raises:
        OSError: it cannot be read.
    """
    with Image.open(path) as image:
        picture = image.convert("RGB")
    picture.thumbnail((_LONGEST, _LONGEST), Image.Resampling.BOX)
    encoded = BytesIO()
    picture.save(encoded, format="JPEG", quality=90)
    return encoded.getvalue(), picture.width, picture.height
