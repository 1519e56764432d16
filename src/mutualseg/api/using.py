"""`evaluate`, `predict`, `load`: what a finished run is for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mutualseg.api.arguments import paths
from mutualseg.errors import ConfigError

if TYPE_CHECKING:
    from mutualseg.predicting.files import Predictions
    from mutualseg.predictor import Predictor


Device = Literal["auto", "cpu", "cuda", "mps"]


def evaluate(
    run: str,
    *,
    data: str | None = None,
    split: Literal["val", "test"] = "val",
    window: int | str = "auto",
    scales: str | float | Sequence[str | float] = (),
    flip: bool = False,
    tta: bool = False,
    device: Device = "auto",
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
        tta: Test-time augmentation: scales 0.75 1 1.25 and flip; not beside these.
        device: auto, cpu, cuda or mps.
        quiet: Print no table.

    Returns:
        miou, per_class_iou and pixel_accuracy in percent at the masks' own size, the number of images, which
        part, and window (None: whole images), scales and flip.

    Raises:
        MutualSegError: the run or the data cannot be used.
    """
    from mutualseg.evaluation.inference_options import inference_options

    # Refused before imports that take seconds.
    options = inference_options(window, scales, flip, tta=tta)
    from mutualseg.hub.downloads import local_path
    from mutualseg.runs import require_there

    path = require_there(local_path(run))
    from mutualseg.scoring import score_run

    return score_run(
        path,
        data=data,
        part=split,
        window=window,
        scales=options.scales,
        flip=options.flip,
        device=device,
        quiet=quiet,
    )


def predict(
    run: str,
    images: Sequence[str] | str,
    *,
    out: str,
    save: Sequence[str] | str = (),
    window: int | str = "auto",
    scales: str | float | Sequence[str | float] = (),
    flip: bool = False,
    tta: bool = False,
    every: int = 1,
    device: Device = "auto",
    compile: bool = False,
    quiet: bool = False,
) -> Predictions:
    """Segment images and videos: an indexed PNG each, with the classes as its palette, or other pictures.

    An image whose logits would take more than 1 GiB is looked at in windows, band by band; TIFF and PNG are
    read, and masks written, in the same way.

    Args:
        run: Run folder, a weights file that `train` wrote, or hf://NAME.
        images: Image and video files, folders of them, or quoted patterns such as 'photos/**/*.jpg'.
            Videos need pip install 'mutualseg[video]'.
        out: Folder for the masks; names and subfolders are kept. The frames of a video are numbered files in
            a folder of its name.
        save: What is written, one or several of index, color, overlay, confidence and polygons; index if not
            given. Index masks lie in --out, others in a folder of their kind there: color and overlay
            pictures (of a video an .mp4), confidence as 16-bit PNG (65535 is a probability of 1), polygons
            as LabelMe's JSON.
        window: Side in pixels of the windows that images are cut into, overlapping by a third, or whole;
            auto is what the network's run was trained with.
        scales: Factors from 0.25 to 4 by which images are resized before the network sees them, such as
            0.75 1 1.25; probabilities are averaged. 1 if not given. Masks have the images' own size.
        flip: Look at mirrored images too, and average.
        tta: Test-time augmentation: scales 0.75 1 1.25 and flip; not beside these.
        every: Of a video take every so many-th frame.
        device: auto, cpu, cuda or mps.
        compile: Run the network compiled: slow for each new image size, then faster on CUDA.
        quiet: Show no progress.

    Returns:
        The files written, also by kind, and those skipped with the reason.

    Raises:
        MutualSegError: the weights cannot be used, or there is no image.
    """
    from mutualseg.evaluation.inference_options import inference_options
    from mutualseg.predicting.saved_kinds import read_kinds
    from mutualseg.predicting.targets import checked_targets
    from mutualseg.runs import require_weights

    # Refused before imports that take seconds.
    inference_options(window, scales, flip, tta=tta)
    kinds = read_kinds(save)
    if every < 1:
        raise ConfigError(f"--every {every} is too small; give 1 for every frame, or more.")
    targets = checked_targets(paths(images), Path(out), kinds)
    from mutualseg.hub.downloads import local_path

    weights = local_path(run)
    require_weights(weights)
    from mutualseg.predicting.files import predict_targets
    from mutualseg.predictor import Predictor

    predictor = Predictor.load(weights, device=device, compile=compile)
    return predict_targets(
        predictor,
        targets,
        Path(out),
        kinds=kinds,
        options=inference_options(window, scales, flip, tta=tta, own=predictor.window),
        every=every,
        quiet=quiet,
    )


def load(path: str | Path, *, device: str = "auto") -> Predictor:
    """Load a trained network.

    Args:
        path: Run folder, a weights file that `train` wrote, or a model on the Hub, as `hf://OWNER/MODEL` or
            `hf://OWNER/MODEL@revision` (a branch, tag or commit).
        device: auto, cpu, cuda or mps.

    Returns:
        An object whose `predict(image)` returns class indices, `look(image)` those and how sure it is, and
        whose `classes` are the names.

    Raises:
        MutualSegError: there are no weights, or they do not fit.
    """
    from mutualseg.hub.downloads import local_path
    from mutualseg.runs import require_weights

    weights = require_weights(local_path(path))
    from mutualseg.predictor import Predictor

    return Predictor.load(weights, device=device)
