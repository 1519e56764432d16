"""`evaluate`, `predict`, `load`: what a finished run is for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mutualseg.api.arguments import paths

if TYPE_CHECKING:
    from mutualseg.predictor import Predictions, Predictor


def evaluate(
    run: str,
    *,
    data: str | None = None,
    split: Literal["val", "test"] = "val",
    window: int | str = "auto",
    scales: str | float | Sequence[str | float] = (),
    flip: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Score a run's deployed network.

    Args:
        run: Run folder that `train` wrote; with data also a weights file, or hf://NAME.
        data: Another data folder; the run's own if not given.
        split: Which part: val or test.
        window: Side in pixels of the windows that images are cut into, overlapping by a third, or whole;
            auto is what the run was trained with.
        scales: Factors from 0.25 to 4 by which images are resized before the network sees them, such as
            0.75 1 1.25; probabilities are averaged. 1 if not given.
        flip: Look at mirrored images too, and average.
        quiet: Print no table.

    Returns:
        miou, per_class_iou and pixel_accuracy in percent at the masks' own size, the number of images, which
        part, and window (None: whole images), scales and flip.

    Raises:
        MutualSegError: the run or the data cannot be used.
    """
    from mutualseg.evaluation.inference_options import inference_options

    inference_options(window, scales, flip)  # refused before imports that take seconds
    from mutualseg.hub.downloads import local_path
    from mutualseg.scoring import score_run

    return score_run(
        local_path(run), data=data, part=split, window=window, scales=scales, flip=flip, quiet=quiet
    )


def predict(
    run: str,
    images: Sequence[str] | str,
    *,
    out: str,
    window: int | str = "auto",
    scales: str | float | Sequence[str | float] = (),
    flip: bool = False,
    compile: bool = False,
    quiet: bool = False,
) -> Predictions:
    """Segment images and write one indexed PNG each, with the classes as its palette.

    Args:
        run: Run folder, a weights file that `train` wrote, or hf://NAME.
        images: Image files, or folders of them.
        out: Folder for the masks; names and subfolders are kept.
        window: Side in pixels of the windows that images are cut into, overlapping by a third, or whole;
            auto is what the network's run was trained with.
        scales: Factors from 0.25 to 4 by which images are resized before the network sees them, such as
            0.75 1 1.25; probabilities are averaged. 1 if not given. Masks have the images' own size.
        flip: Look at mirrored images too, and average.
        compile: Run the network compiled: slow for each new image size, then faster on CUDA.
        quiet: Show no progress.

    Returns:
        The files written, and those skipped with the reason.

    Raises:
        MutualSegError: the weights cannot be used, or there is no image.
    """
    from mutualseg.evaluation.inference_options import inference_options

    inference_options(window, scales, flip)  # refused before imports that take seconds
    from mutualseg.hub.downloads import local_path
    from mutualseg.predictor import predict_files

    return predict_files(
        local_path(run),
        paths(images),
        Path(out),
        window=window,
        scales=scales,
        flip=flip,
        compile=compile,
        quiet=quiet,
    )


def load(path: str | Path, *, device: str = "auto") -> Predictor:
    """Load a trained network.

    Args:
        path: Run folder, a weights file that `train` wrote, or a model on the Hub, as `hf://OWNER/MODEL` or
            `hf://OWNER/MODEL@revision` (a branch, tag or commit).
        device: auto, cpu, cuda or mps.

    Returns:
        An object whose `predict(image)` returns class indices, and whose `classes` are their names.

    Raises:
        MutualSegError: there are no weights, or they do not fit.
    """
    from mutualseg.hub.downloads import local_path
    from mutualseg.predictor import Predictor

    return Predictor.load(local_path(path), device=device)
