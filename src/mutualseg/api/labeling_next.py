"""`suggest`: which images to label next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mutualseg.api.arguments import paths, run_or_weights
from mutualseg.errors import ConfigError

if TYPE_CHECKING:
    from mutualseg.suggesting.run_suggestion import Suggestions


def suggest(
    run: str,
    *,
    count: int = 20,
    out: str | None = None,
    data: str | None = None,
    unlabeled: str | Sequence[str] = (),
    look_at: int = 2000,
    prefill: str | Sequence[str] = (),
    overwrite: bool = False,
    quiet: bool = False,
) -> Suggestions:
    """Rank unlabeled images by what their labels would teach, and write masks to begin with.

    An image ranks high where the two branches of the run disagree on pixels that may be of rare classes, if
    it stands for many images like it, and if it likely holds classes of which little is labeled. Each is
    chosen for what it adds to the labeled images and to those before it, so that near-duplicates come last.
    A method with one network, and a weights file, ranks by its own uncertainty.

    Args:
        run: Run folder that `train` wrote, a weights file, or hf://NAME.
        count: How many images to suggest.
        out: Folder to write: lists, a picture sheet, the images, and masks to correct. RUN/suggested if not
            given.
        data: Where the run's data folder is now, if it was moved; for a weights file, the data folder whose
            labels count.
        unlabeled: Folder of images, or .txt list of images, to choose from instead of the run's own; may be
            given several times.
        look_at: How many unlabeled images to look at, at most, evenly spaced over their names.
        prefill: Predicted masks to write for annotators to correct: png (indexed, as masks/ wants them),
            labelme or cvat; may be given several times. All of them if not given; none writes no masks.
        overwrite: Replace what an earlier call wrote to the folder, corrected masks too.
        quiet: Show no progress.

    Returns:
        The suggestions, the best first, with the parts of their scores; what was looked at, and skipped.

    Raises:
        MutualSegError: the run, its data or the images cannot be used.
    """
    from mutualseg import resolving
    from mutualseg.suggesting.prefilled import read_formats

    resolving.require_whole_numbers(count=count, look_at=look_at)
    for name, value in (("count", count), ("look-at", look_at)):
        if value < 1:
            raise ConfigError(f"--{name} {value} is too small; give at least 1.")
    formats = read_formats(prefill)
    start = run_or_weights(run, out)
    from mutualseg.suggesting.run_suggestion import suggest_images

    return suggest_images(
        start,
        count=count,
        out=None if out is None else Path(out),
        data=data,
        unlabeled=paths(unlabeled),
        look_at=look_at,
        formats=formats,
        overwrite=overwrite,
        quiet=quiet,
    )
