"""The verbs of the product as functions; the command line is made from their signatures.

Heavy imports stand inside the functions, so that `import mutualseg` and `--help` are quick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mutualseg.errors import ConfigError, RunError

if TYPE_CHECKING:
    from mutualseg.data.doctor import Report
    from mutualseg.data.splits import Split
    from mutualseg.predictor import Predictions, Predictor


def train(
    data: str | None = None,
    *,
    out: str | None = None,
    unlabeled: str | Sequence[str] = (),
    labeled: str | int | None = None,
    group: str | None = None,
    method: str | Mapping[str, Any] = "mutual",
    steps: int | None = None,
    budget: str | None = None,
    seed: int = 0,
    split_seed: int = 0,
    batch: int = 4,
    unlabeled_batch: int | None = None,
    crop: int | None = None,
    network: str = "deeplabv3plus",
    encoder: str = "auto",
    weights: str = "imagenet",
    init: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    workers: int | None = None,
    evaluate_every: int | None = None,
    checkpoint_every: str | int = "10min",
    select: Literal["last", "best"] = "last",
    views: Mapping[str, Any] | None = None,
    optimization: Mapping[str, Any] | None = None,
    resume: bool | str = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train a segmentation network from labeled and unlabeled images.

    Args:
        data: Folder with images/ and masks/ (with or without train/, val/, test/ below each); an image
            without a mask is unlabeled. "generated" is the embedded data set.
        out: Run folder to write.
        unlabeled: Further folder of images, from anywhere, without masks; may be given several times.
        labeled: Keep only part of the masks: a fraction (1/16), a count (23), a list of file names, or a
            split.json written by `mutualseg split`.
        group: Regular expression on image names; images whose match is equal stay on one side of every split.
        method: How to train; mutual (the default) or labels_only. Its own arguments are dotted.
        steps: Optimizer steps. Without steps or budget: 1200 on a CPU, 10000 on CUDA.
        budget: Time to train, such as 20min; a short calibration turns it into steps. Excludes steps.
        seed: Of weights, order, crops and colors.
        split_seed: Of the choice of labeled and held-out images.
        batch: Labeled images per step. At least 2.
        unlabeled_batch: Unlabeled images per step; as many as labeled if not given. At least 2.
        crop: Side of the training crops in pixels; derived from the images if not given.
        network: deeplabv3plus, fpn, upernet, segformer or dpt.
        encoder: timm name of the encoder; auto is tf_efficientnet_lite0 (DINOv2-S for dpt).
        weights: Encoder weights: imagenet, none, or a file.
        init: Start every network from this run's deployed network.
        device: auto, cpu, cuda or mps.
        precision: auto, 32 or bf16; auto takes bf16 where the processor computes in it.
        workers: Loader processes per stream; chosen for the machine if not given.
        evaluate_every: Steps between evaluations; a fifth of the run if not given.
        checkpoint_every: Steps (5) or time (10min) between checkpoints.
        select: Deploy the network of the last step, or of the best evaluation on val.
        views: Crops and colors; dotted on the command line.
        optimization: Optimizer and learning rates; dotted on the command line.
        resume: Continue the run in --out, or in the run folder given here.
        overwrite: Replace the run in --out.
        quiet: Say nothing while training.

    Returns:
        What summary.json holds.

    Raises:
        MutualSegError: anything that the user can mend, in one sentence.
        Interrupted: a signal came; the run was saved.
    """
    if resume and overwrite:
        raise ConfigError("--resume and --overwrite exclude each other; use one of them.")
    if resume:
        return _resume(Path(resume) if isinstance(resume, str) else _required_out(out), quiet=quiet)
    if data is None:
        raise ConfigError("--data is missing; give a folder with images/ and masks/, or: --data generated.")
    if steps is not None and budget is not None:
        raise ConfigError("--steps and --budget exclude each other; use one of them.")
    run_root = _required_out(out)

    from mutualseg import resolving
    from mutualseg.data.splits import make_split
    from mutualseg.devices import resolve_device, resolve_precision
    from mutualseg.durations import parse_duration, parse_interval
    from mutualseg.methods import method_class
    from mutualseg.networks.build import resolve_encoder
    from mutualseg.reporting.console import RunConsole
    from mutualseg.runs import RunFolder
    from mutualseg.settings import Settings

    _require_at_least(
        steps=(steps, 1), batch=(batch, 2), unlabeled_batch=(unlabeled_batch, 2), workers=(workers, 0)
    )
    parse_interval(checkpoint_every, "checkpoint-every")
    seconds = parse_duration(budget, "budget") if budget is not None else None
    resolved_method = resolving.resolve_method(method)
    resolved_device = resolve_device(device)
    folder = RunFolder(run_root)
    folder.check_free(overwrite=overwrite)
    for option, given in (("init", init), ("weights", weights)):
        if given is not None and Path(given).resolve().is_relative_to(run_root.resolve()):
            raise ConfigError(f"--{option} {given} is in --out {out} and would be lost; name another folder.")
    source = resolving.read_data(data)
    wanted = resolving.default_labeled(data) if labeled is None else labeled
    folders = [unlabeled] if isinstance(unlabeled, str) else list(unlabeled)
    split = make_split(
        source,
        labeled=wanted,
        unlabeled=[Path(path) for path in folders],
        split_seed=split_seed,
        group=group,
    )
    if method_class(resolved_method["name"]).uses_unlabeled:
        _require_unlabeled(split)
    resolving.refuse_bad_files(split, source.num_classes)
    length = steps or resolving.default_steps(resolved_device)
    settings = Settings(
        data=data if data == resolving.GENERATED else str(Path(data).absolute()),
        unlabeled=[str(Path(path).absolute()) for path in folders],
        labeled=wanted,
        group=group,
        method=resolved_method,
        steps=length,
        seed=seed,
        split_seed=split_seed,
        batch=batch,
        unlabeled_batch=max(batch, 2) if unlabeled_batch is None else unlabeled_batch,
        crop=resolving.resolve_crop(crop, split, resolved_device),
        network=network,
        encoder=resolve_encoder(network, encoder),
        weights=weights,
        init=None if init is None else str(Path(init).absolute()),
        device=resolved_device,
        precision=resolve_precision(precision, resolved_device),
        workers=resolving.default_workers() if workers is None else workers,
        evaluate_every=resolving.evaluation_interval(evaluate_every, length),
        checkpoint_every=checkpoint_every,
        select=select,
        views=resolving.resolve_views(views or {}),
        optimization=resolving.resolve_optimization(optimization or {}),
    )
    from mutualseg.data.split_file import write_split
    from mutualseg.session import Session

    console = RunConsole(quiet=quiet)
    session = Session(settings, source, split, folder, console)
    calibration = None
    if seconds is not None:
        calibration = session.calibrate(seconds, evaluate_every)
        steps_found = calibration.steps
        settings = replace(
            settings,
            steps=steps_found,
            evaluate_every=resolving.evaluation_interval(evaluate_every, steps_found),
        )
        session = Session(settings, source, split, folder, console)
    else:
        session.build_method()  # a network or weights that cannot be had must not cost a written folder
    folder.prepare(overwrite=overwrite)
    sentence = calibration.sentence(str(budget)) if calibration else None
    folder.write_config(settings.to_dict(), comment=sentence)
    write_split(split, source.root, folder.split)
    session.introduce(sentence)
    return session.run(resume=False)


def _resume(root: Path, *, quiet: bool) -> dict[str, Any]:
    """Continue a run from its newest checkpoint; everything else is in its folder."""
    import json

    from mutualseg import resolving
    from mutualseg.data.split_file import read_split
    from mutualseg.reporting.console import RunConsole
    from mutualseg.runs import RunFolder
    from mutualseg.settings import Settings

    folder = RunFolder(root)
    settings = Settings.from_dict(folder.read_config(), str(folder.config))
    console = RunConsole(quiet=quiet)
    if folder.is_finished():
        console.say(f"{root} is finished already; nothing to resume.")
        summary: dict[str, Any] = json.loads(folder.summary.read_text(encoding="utf-8"))
        return summary
    if not folder.newest_checkpoint.is_file():
        raise RunError(f"{root} has no checkpoint yet; start it anew with --overwrite.")
    source = resolving.read_data(settings.data)
    split = read_split(folder.split, source)

    from mutualseg.session import Session

    return Session(settings, source, split, folder, console).run(resume=True)


def evaluate(
    run: str, *, data: str | None = None, split: Literal["val", "test"] = "val", quiet: bool = False
) -> dict[str, Any]:
    """Score a run's deployed network.

    Args:
        run: Run folder that `train` wrote.
        data: Another data folder; the run's own if not given.
        split: Which part: val or test.
        quiet: Print no table.

    Returns:
        miou, per_class_iou and pixel_accuracy in percent, the number of images, and which part.

    Raises:
        MutualSegError: the run or the data cannot be used.
    """
    from mutualseg.scoring import score_run

    return score_run(Path(run), data=data, part=split, quiet=quiet)


def predict(run: str, images: Sequence[str] | str, *, out: str, quiet: bool = False) -> Predictions:
    """Segment images and write one indexed PNG each, with the classes as its palette.

    Args:
        run: Run folder, or a weights file that `train` wrote.
        images: Image files, or folders of them.
        out: Folder for the masks; names and subfolders are kept.
        quiet: Show no progress.

    Returns:
        The files written, and those skipped with the reason.

    Raises:
        MutualSegError: the weights cannot be used, or there is no image.
    """
    from mutualseg.predictor import predict_files

    paths = [images] if isinstance(images, str) else list(images)
    return predict_files(Path(run), [Path(path) for path in paths], Path(out), quiet=quiet)


def load(path: str | Path, *, device: str = "auto") -> Predictor:
    """Load a trained network.

    Args:
        path: Run folder, or a weights file that `train` wrote.
        device: auto, cpu, cuda or mps.

    Returns:
        An object whose `predict(image)` returns class indices, and whose `classes` are their names.

    Raises:
        MutualSegError: there are no weights, or they do not fit.
    """
    from mutualseg.predictor import Predictor

    return Predictor.load(Path(path), device=device)


def split(
    data: str,
    *,
    out: str,
    labeled: str | int | None = None,
    unlabeled: str | Sequence[str] = (),
    split_seed: int = 0,
    group: str | None = None,
) -> Split:
    """Choose labeled, unlabeled and val images ahead of training, and write the choice to a file.

    Args:
        data: Data folder, or "generated".
        out: JSON file to write; `train --labeled FILE` uses it.
        labeled: Which masks to keep: a fraction (1/16), a count (23) or a list of file names.
        unlabeled: Further folder of images without masks; may be given several times.
        split_seed: Of the choice.
        group: Regular expression on image names; images whose match (or first group) is equal stay
            together, as frames of one video or slices of one patient should.

    Returns:
        The split.

    Raises:
        MutualSegError: the data or the split cannot be made.
    """
    from mutualseg import resolving
    from mutualseg.data.split_file import write_split
    from mutualseg.data.splits import make_split

    target = Path(out)
    if target.is_dir() or target.suffix != ".json":
        raise ConfigError(f"--out {out} must be a file that ends in .json.")
    source = resolving.read_data(data)
    folders = [unlabeled] if isinstance(unlabeled, str) else list(unlabeled)
    made = make_split(
        source,
        labeled=labeled,
        unlabeled=[Path(path) for path in folders],
        split_seed=split_seed,
        group=group,
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    write_split(made, source.root, target)
    return made


def check(data: str, *, unlabeled: str | Sequence[str] = (), quiet: bool = False) -> Report:
    """Look a data folder over and report everything that is wrong with it, each with its cure.

    Args:
        data: Data folder, or "generated".
        unlabeled: Further folder of images without masks; may be given several times.
        quiet: Show no progress.

    Returns:
        Findings, and the count of images and pixels per class.

    Raises:
        MutualSegError: there is nothing to look at.
    """
    from mutualseg import resolving
    from mutualseg.data.doctor import inspect
    from mutualseg.reporting.progress import file_progress

    root = resolving.data_root(data)
    folders = [unlabeled] if isinstance(unlabeled, str) else list(unlabeled)
    with file_progress("checking", quiet=quiet) as progress:
        return inspect(root, unlabeled=[Path(path) for path in folders], progress=progress)


def _required_out(out: str | None) -> Path:
    if out is None:
        raise ConfigError("--out is missing; name a folder for the run, such as runs/first.")
    return Path(out)


def _require_at_least(**limits: tuple[int | None, int]) -> None:
    for name, (value, least) in limits.items():
        if value is not None and value < least:
            raise ConfigError(f"--{name.replace('_', '-')} {value} is too small; give at least {least}.")


def _require_unlabeled(split: Split) -> None:
    from mutualseg.data.splits import require_unlabeled

    require_unlabeled(split)
