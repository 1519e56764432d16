"""`evaluate`: a finished run's network on a labeled part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mutualseg.data.class_balance import refuse_unlabeled
from mutualseg.data.folder import DataFolder
from mutualseg.data.regular_files import real_path
from mutualseg.data.samples import Sample
from mutualseg.data.split_file import read_val
from mutualseg.errors import ConfigError, DataError, MutualSegError
from mutualseg.evaluation.inference_options import inference_options
from mutualseg.evaluation.network_scores import evaluate_networks
from mutualseg.opened_data import measured_data, read_data, refuse_other_classes
from mutualseg.predictor import Predictor
from mutualseg.reporting.console import RunConsole
from mutualseg.reporting.progress import file_progress
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings


def score_run(
    root: Path,
    *,
    data: str | None,
    part: str,
    window: int | str,
    scales: float | str | Sequence[float | str],
    flip: bool,
    device: str = "auto",
    quiet: bool,
) -> dict[str, Any]:
    """Score a run's deployed network; see `mutualseg.evaluate`."""
    folder = RunFolder(root)
    if data is None and root.is_file():
        raise ConfigError(
            f"'{root}' are weights alone, which know no data to be scored on; give --data with a folder."
        )
    # Weights alone, such as those of a model on the Hub, know no data; and other data decide for themselves.
    settings = None if root.is_file() else Settings.from_dict(folder.read_config(), str(folder.config))
    predictor = Predictor.load(root, device=device)
    options = inference_options(window, scales, flip, own=predictor.window)
    if settings is None:
        source = read_data(str(data), images=predictor.images, classes=predictor.classes, quiet=quiet)
        refuse_other_classes(source, predictor.classes)
    else:
        source = measured_data(settings, predictor.classes, data, quiet=quiet)
    own = None if settings is None else real_path(Path(settings.data))
    is_own = data is None or real_path(Path(data)) == own
    shown, samples = _part(source, folder, part, is_own=is_own)
    refuse_unlabeled(samples, source.encoding.masks, shown)
    with file_progress("evaluating", quiet=quiet) as progress:
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            progress(done, len(samples))

        scores = evaluate_networks(
            {"deployed": predictor.network},
            samples,
            len(predictor.classes),
            encoding=source.encoding,
            device=predictor.device,
            precision=predictor.precision,
            options=options,
            advance=advance,
        )["deployed"]
    per_class = dict(zip(predictor.classes, scores.per_class, strict=True))
    console = RunConsole(quiet=quiet)
    looks = ", ".join(part for part in (f"{len(samples)} images", options.in_words()) if part)
    console.per_class(per_class, f"{shown}: {looks}, mIoU {scores.miou:.2f}")
    return {
        "run": str(root),
        "split": shown,
        "images": len(samples),
        "window": options.window,
        "scales": list(options.scales),
        "flip": options.flip,
        "miou": round(scores.miou, 4),
        "per_class_iou": {name: None if v is None else round(v, 4) for name, v in per_class.items()},
        "pixel_accuracy": round(scores.pixel_accuracy, 4),
    }


def _part(source: DataFolder, folder: RunFolder, part: str, *, is_own: bool) -> tuple[str, Sequence[Sample]]:
    """Return a part's name and samples: held-out val images are in the run's split, not in the folder."""
    samples: Sequence[Sample] = source.test if part == "test" else source.val
    if part == "val" and is_own:
        samples = read_val(folder.split, source)
    elif part == "val" and not samples:
        try:  # the run's own data, moved or copied: they hold every image that the run held out
            samples = read_val(folder.split, source)
        except MutualSegError:
            # Of foreign data without parts everything that has a mask can be scored.
            part, samples = "all labeled", source.labeled
    if not samples:
        raise DataError(
            f"{source.root} has no {part} part with masks; add images/{part} and masks/{part}, "
            "or use another --split."
        )
    return part, samples
