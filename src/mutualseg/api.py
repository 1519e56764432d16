"""The verbs of the product as functions; the command line is made from their signatures.

Heavy imports stand inside the functions, so that `import mutualseg` and `--help` are quick.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mutualseg.errors import ConfigError

if TYPE_CHECKING:
    from mutualseg.data.doctor import Report
    from mutualseg.data.splits import Split
    from mutualseg.predictor import Predictions, Predictor


def train(
    data: str | None = None,
    *,
    layout: str = "auto",
    ignore: int | None = None,
    channels: int | None = None,
    out: str | None = None,
    unlabeled: str | Sequence[str] = (),
    labeled: str | int | None = None,
    group: str | None = None,
    method: str | Mapping[str, Any] = "mutual",
    steps: int | None = None,
    budget: str | None = None,
    seed: int = 0,
    split_seed: int = 0,
    batch: int | str = 4,
    unlabeled_batch: int | None = None,
    accumulate: int = 1,
    crop: int | None = None,
    network: str = "deeplabv3plus",
    encoder: str = "auto",
    weights: str = "imagenet",
    init: str | None = None,
    device: str = "auto",
    devices: int = 1,
    num_nodes: int = 1,
    precision: str = "auto",
    compile: bool = False,
    activation_checkpointing: bool = False,
    workers: int | None = None,
    cache: str = "auto",
    evaluate_every: int | None = None,
    checkpoint_every: str | int = "10min",
    select: Literal["last", "best"] = "last",
    views: Mapping[str, Any] | None = None,
    optimization: Mapping[str, Any] | None = None,
    supervision: Mapping[str, Any] | None = None,
    with_baseline: bool = False,
    window: int | str | None = None,
    resume: bool | str = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train a segmentation network from labeled and unlabeled images.

    Args:
        data: Folder with images/ and masks/ (with or without train/, val/, test/ below each); an image
            without a mask is unlabeled. "generated" is the embedded data set.
        layout: How the data folder is laid out: folder (images/ and masks/), voc, voc_fine, voc_blended,
            cityscapes, ade20k, coco, coco_panoptic, coco_stuff, camvid, acdc, huggingface, labelme,
            coco_json or cvat; auto tells them apart.
        ignore: A mask value that means "class unknown", beside 255. 255 itself says that masks of 0 and 255
            alone are one class and unknown pixels, not two classes.
        channels: Bands of the images; found out if not given.
        out: Run folder to write; the next free one below runs/ if not given, named as the data.
        unlabeled: Further folder of images, from anywhere, without masks, or a .txt list of images, of which
            those of the data folder are then the ones used; may be given several times.
        labeled: Keep only part of the masks: a fraction (1/16), a count (23), a list of names (one image a
            line, or image and mask), or a split.json written by `mutualseg split`.
        group: Regular expression on names; images whose match (or first group) is equal stay on one side.
            A layout may bring its own, such as patients.
        method: How to train; mutual (the default), labels_only, mean_teacher, cps, fixmatch, unimatch or
            unimatch_v2. Its own arguments are dotted.
        steps: Optimizer steps. Without steps or budget: 1200 on a CPU, 10000 on CUDA.
        budget: Time to train, such as 20min; a short calibration turns it into steps. Excludes steps.
        seed: Of weights, order, crops and colors.
        split_seed: Of the choice of labeled and held-out images.
        batch: Labeled images per step, at least 2; auto takes the most that memory holds.
        unlabeled_batch: Unlabeled images per step; as many as labeled if not given. At least 2.
        accumulate: Batches per step; their gradients are averaged, at the memory of one of them.
        crop: Side of the training crops in pixels; derived from the images if not given.
        network: deeplabv3plus, fpn, upernet, segformer or dpt.
        encoder: timm name of the encoder; auto is tf_efficientnet_lite0 (DINOv2-S for dpt).
        weights: Encoder weights: imagenet, none, or a file.
        init: Start every network from this run's deployed network.
        device: auto, cpu, cuda or mps.
        devices: Processes on each machine, one per GPU; they share each batch.
        num_nodes: Machines; torchrun or SLURM starts the command on each.
        precision: auto, 32 or bf16; auto takes bf16 where the processor computes in it.
        compile: Run the networks compiled: minutes to begin with, then faster steps on CUDA.
        activation_checkpointing: Compute the students' encoders twice in each step, to save memory.
        workers: Loader processes per stream; chosen for the machine if not given.
        cache: Where decoded images are kept: memory, file (a temporary one) or off; auto is memory. Half of
            what is free at most.
        evaluate_every: Steps between evaluations; a fifth of the run if not given.
        checkpoint_every: Steps (5) or time (10min) between checkpoints.
        select: Deploy the network of the last step, or of the best evaluation on val.
        views: Crops and colors; dotted on the command line.
        optimization: Optimizer and learning rates; dotted on the command line.
        supervision: Loss on labeled pixels and class weights, for imbalanced classes; dotted on the command
            line.
        with_baseline: Also train on the labels alone, with the same steps or budget, and say whether the
            unlabeled images helped.
        window: Look at val images in windows of this side in pixels, overlapping by a third, or whole (the
            default); evaluate and predict then do the same with this run.
        resume: Continue the run in --out, or in the run folder given here.
        overwrite: Replace the run in --out.
        quiet: Say nothing while training.

    Returns:
        What summary.json holds.

    Raises:
        MutualSegError: anything that the user can mend, in one sentence.
        Interrupted: a signal came; the run was saved.
    """
    from mutualseg.engine.processes import place_from
    from mutualseg.occupied import occupied

    if resume and overwrite:
        raise ConfigError("--resume and --overwrite exclude each other; use one of them.")
    place = place_from(os.environ)
    leads = place is None or place.leads  # of several processes one holds the run folder for all
    if resume:
        from mutualseg.engine.baseline import has_twin, lacks_baseline, run_with_twin
        from mutualseg.engine.resuming import resume_run
        from mutualseg.runs import RunFolder

        root = _required_out(out) if resume is True else Path(resume)
        if out is not None and Path(out).resolve() != root.resolve():
            raise ConfigError(f"--resume {resume} and --out {out} name two runs; leave out --out.")
        chosen: dict[str, object] = {
            "data": data,
            "layout": layout,
            "ignore": ignore,
            "channels": channels,
            "labeled": labeled,
            "steps": steps,
            "seed": seed,
            "split_seed": split_seed,
            "batch": batch,
            "crop": crop,
            "network": network,
            "encoder": encoder,
            "with_baseline": with_baseline,
            "group": group,
            "budget": budget,
            "unlabeled_batch": unlabeled_batch,
            "accumulate": accumulate,
            "weights": weights,
            "init": init,
            "device": device,
            "devices": devices,
            "num_nodes": num_nodes,
            "precision": precision,
            "evaluate_every": evaluate_every,
            "select": select,
            "method": method,
            "views": views,
            "optimization": optimization,
            "window": window,
            "supervision": supervision,
        }
        defaults = signature(train).parameters
        given = {name: value for name, value in chosen.items() if value != defaults[name].default}
        folder = RunFolder(root)

        def go_on() -> dict[str, Any]:
            return resume_run(root, given=given, quiet=quiet or lacks_baseline(folder))

        with occupied(root) if leads else nullcontext():
            return run_with_twin(root, go_on, quiet=quiet) if has_twin(folder) else go_on()
    if data is None:
        raise ConfigError("--data is missing; give a folder with images/ and masks/, or: --data generated.")
    if steps is not None and budget is not None:
        raise ConfigError("--steps and --budget exclude each other; use one of them.")
    run_root = _required_out(out) if overwrite or out is not None else _next_run(data, quiet=quiet)

    from mutualseg.engine.baseline import run_with_twin
    from mutualseg.engine.launch import launch

    train_it = partial(
        launch,
        data=str(data),
        layout=layout,
        ignore=ignore,
        channels=channels,
        out=run_root,
        unlabeled=_paths(unlabeled),
        labeled=labeled if labeled is None or isinstance(labeled, int) else str(labeled),
        group=group,
        method=method,
        steps=steps,
        budget=budget,
        seed=seed,
        split_seed=split_seed,
        batch=batch,
        unlabeled_batch=unlabeled_batch,
        accumulate=accumulate,
        crop=crop,
        network=network,
        encoder=encoder,
        weights=str(weights),
        init=init,
        device=device,
        devices=devices,
        num_nodes=num_nodes,
        precision=precision,
        compile=compile,
        activation_checkpointing=activation_checkpointing,
        workers=workers,
        cache=cache,
        evaluate_every=evaluate_every,
        checkpoint_every=checkpoint_every,
        select=select,
        views=views or {},
        optimization=optimization or {},
        supervision=supervision or {},
        with_baseline=with_baseline,
        window=window,
        overwrite=overwrite,
        quiet=quiet,
    )
    with occupied(run_root) if leads else nullcontext(_nothing) as hold:
        held = partial(train_it, hold=hold)
        return run_with_twin(run_root, held, quiet=quiet) if with_baseline else held()


def _nothing() -> None:
    """Hold nothing."""


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
        run: Run folder that `train` wrote.
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
    from mutualseg.scoring import score_run

    return score_run(Path(run), data=data, part=split, window=window, scales=scales, flip=flip, quiet=quiet)


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
        run: Run folder, or a weights file that `train` wrote.
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
    from mutualseg.predictor import predict_files

    return predict_files(
        Path(run),
        _paths(images),
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
    layout: str = "auto",
    ignore: int | None = None,
    out: str,
    labeled: str | int | None = None,
    unlabeled: str | Sequence[str] = (),
    split_seed: int = 0,
    group: str | None = None,
    stratify: bool = True,
) -> Split:
    """Choose labeled, unlabeled and val images ahead of training, and write the choice to a file.

    The labeled images are those of `train --labeled`, spread over the sorted names, with as few others
    swapped in as it takes to keep every class: each in at least one image and half of its even share of
    images, with a tenth of its even share of pixels, where that can be. A smaller part lies within a larger
    one, unless it is so small that only another choice holds every class. No class leaves training with the
    held-out images if that can be helped. `train --labeled 1/16` itself looks at no mask that it drops.

    Args:
        data: Data folder, or "generated"; it may stand as the first word without --data.
        layout: How the data folder is laid out: folder (images/ and masks/), voc, voc_fine, voc_blended,
            cityscapes, ade20k, coco, coco_panoptic, coco_stuff, camvid, acdc, huggingface, labelme,
            coco_json or cvat; auto tells them apart.
        ignore: A mask value that means "class unknown", beside 255. 255 itself says that masks of 0 and 255
            alone are one class and unknown pixels, not two classes.
        out: JSON file to write; `train --labeled FILE` uses it.
        labeled: Which masks to keep: a fraction (1/16), a count (23) or a list of names (one image a line,
            or image and mask).
        unlabeled: Further folder of images without masks, or a .txt list of images; may be given several
            times.
        split_seed: Of the choice.
        group: Regular expression on image names; images whose match (or first group) is equal stay
            together, as frames of one video or slices of one patient should.
        stratify: Look at all masks and keep every class, if that can be helped; false spreads blindly, as
            train does, and counts no class. A list that is given decides itself.

    Returns:
        The split; its `class_rows` say what each class has in all labeled images, the chosen ones and val.

    Raises:
        MutualSegError: the data or the split cannot be made.
    """
    from mutualseg import resolving
    from mutualseg.data.class_pixels import class_rows, count_class_pixels
    from mutualseg.data.split_file import write_split
    from mutualseg.data.splits import make_split
    from mutualseg.reporting.progress import file_progress

    target = Path(out)
    if target.is_dir() or target.suffix != ".json":
        raise ConfigError(f"--out {out} must be a file that ends in .json.")
    source = resolving.read_data(data, layout=layout, ignore=ignore)
    pixels = None
    if stratify:
        with file_progress("counting classes", quiet=False) as progress:
            masked = (*source.labeled, *source.val)
            pixels = count_class_pixels(masked, source.classes, source.encoding.masks.read, progress)
    made = make_split(
        source,
        labeled=labeled,
        unlabeled=_paths(unlabeled),
        split_seed=split_seed,
        group=group,
        class_pixels=pixels,
    )
    if pixels is not None:
        made = replace(made, class_rows=class_rows(pixels, source.labeled, made.labeled, made.val))
    target.parent.mkdir(parents=True, exist_ok=True)
    write_split(made, source.root, target)
    return made


def check(
    data: str,
    *,
    layout: str = "auto",
    ignore: int | None = None,
    channels: int | None = None,
    unlabeled: str | Sequence[str] = (),
    fix: str | None = None,
    sheet: str | None = None,
    quiet: bool = False,
) -> Report:
    """Look a data folder over and report everything that is wrong with it, each with its cure.

    Args:
        data: Data folder, or "generated"; it may stand as the first word without --data.
        layout: How the data folder is laid out: folder (images/ and masks/), or a public data set's name;
            auto tells them apart.
        ignore: A mask value that means "class unknown", beside 255. 255 itself says that masks of 0 and 255
            alone are one class and unknown pixels, not two classes.
        channels: Bands of the images; found out if not given.
        unlabeled: Further folder of images without masks, or a .txt list of images; may be given several
            times.
        fix: Write a cured copy of the folder here, and check that too; the folder itself stays as it is.
        sheet: PNG file to write: labeled images beside their masks, with a legend of the classes.
        quiet: Show no progress.

    Returns:
        Findings, and the count of images and pixels per class; with `fix`, what the copy has and lacks.

    Raises:
        MutualSegError: there is nothing to look at, or a file or folder to write is in the way.
    """
    from mutualseg import resolving
    from mutualseg.reporting.checking import check_folder

    return check_folder(
        resolving.data_root(data),
        layout=layout,
        ignore=ignore,
        channels=channels,
        unlabeled=_paths(unlabeled),
        fix=None if fix is None else Path(fix),
        sheet=None if sheet is None else Path(sheet),
        quiet=quiet,
    )


def compare(
    data: str,
    *,
    layout: str = "auto",
    ignore: int | None = None,
    channels: int | None = None,
    out: str,
    unlabeled: str | Sequence[str] = (),
    methods: str | Sequence[str] = (),
    labeled: str | int | Sequence[str | int] = (),
    seeds: str | int | Sequence[str | int] = (),
    ablation: str | Sequence[str] = (),
    variants: str | None = None,
    steps: int | None = None,
    budget: str | None = None,
    split: Literal["val", "test"] = "val",
    group: str | None = None,
    split_seed: int = 0,
    batch: int = 4,
    unlabeled_batch: int | None = None,
    accumulate: int = 1,
    crop: int | None = None,
    network: str = "deeplabv3plus",
    encoder: str = "auto",
    weights: str = "imagenet",
    device: str = "auto",
    precision: str = "auto",
    jobs: int = 1,
    workers: int | None = None,
    cache: str = "auto",
    evaluate_every: int | None = None,
    window: int | str | None = None,
    checkpoint_every: str | int = "10min",
    views: Mapping[str, Any] | None = None,
    optimization: Mapping[str, Any] | None = None,
    supervision: Mapping[str, Any] | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train methods, label amounts and seeds on one data set, and put the results side by side.

    Lists may have commas or be repeated. The same call goes on where an earlier one stopped: finished runs
    are not repeated. A later call may add methods, amounts, seeds and variants, and change nothing else.

    Args:
        data: Data folder, or "generated".
        layout: How the data folder is laid out: folder (images/ and masks/), voc, voc_fine, voc_blended,
            cityscapes, ade20k, coco, coco_panoptic, coco_stuff, camvid, acdc, huggingface, labelme,
            coco_json or cvat; auto tells them apart.
        ignore: A mask value that means "class unknown", beside 255. 255 itself says that masks of 0 and 255
            alone are one class and unknown pixels, not two classes.
        channels: Bands of the images; found out if not given.
        out: Folder of the comparison; each run is a folder below its runs/.
        unlabeled: Further folder of images without masks, or a .txt list of images; may be given several
            times.
        methods: Names of methods; all of them if nothing else says what is compared.
        labeled: Amounts of labels: fractions (1/64,1/32), counts (6,12), or files; all labels if not given.
        seeds: Of the runs; 0 and 1 if not given.
        ablation: Change parts of mutual one at a time, beside the full method: names, or all. On the
            command line all if no name is given.
        variants: YAML file of further lines: {label: {method: {name: ..., threshold: ...}, views: ...,
            optimization: ..., supervision: ...}}.
        steps: Equal optimizer steps for every run; train's default if neither is given.
        budget: Equal wall time for every run, such as 20min, as in train. Excludes steps.
        split: test scores each finished run's network that counts on the test part too, and bases gains
            and verdicts on it.
        group: Regular expression on names; images whose match (or first group) is equal stay on one side.
            A layout may bring its own, such as patients.
        split_seed: Of the choice of labeled and held-out images.
        batch: Labeled images per step, at least 2.
        unlabeled_batch: Unlabeled images per step; as many as labeled if not given. At least 2.
        accumulate: Batches per step; their gradients are averaged.
        crop: Side of the training crops in pixels; derived from the images if not given.
        network: deeplabv3plus, fpn, upernet, segformer or dpt.
        encoder: timm name of the encoder; auto is tf_efficientnet_lite0 (DINOv2-S for dpt).
        weights: Encoder weights: imagenet, none, or a file.
        device: auto, cpu, cuda or mps.
        precision: auto, 32 or bf16.
        jobs: Runs at a time, each in a process of its own; several small networks share a GPU well.
        workers: Loader processes per stream; chosen for the machine if not given.
        cache: Where decoded images are kept: auto, memory, file or off.
        evaluate_every: Steps between evaluations; a fifth of each run if not given.
        window: Look at val and test images in windows of this side in pixels, or whole, as in train.
        checkpoint_every: Steps (5) or time (10min) between checkpoints.
        views: Crops and colors that all have in common; dotted on the command line.
        optimization: Optimizer and learning rates that all have in common; dotted on the command line.
        supervision: Loss on labeled pixels and class weights that all have in common; dotted likewise.
        quiet: Say nothing while training.

    Returns:
        What comparison.json holds: settings, a row per run, the table and the verdicts.

    Raises:
        MutualSegError: something cannot be; it is said before the first training.
        Interrupted: a signal came; the same call goes on.
    """
    from mutualseg.comparison.asking import asked_comparison
    from mutualseg.comparison.comparing import perform_all
    from mutualseg.comparison.side_by_side import check_jobs

    check_jobs(jobs, budget)
    comparison = asked_comparison(
        data=str(data),
        layout=layout,
        ignore=ignore,
        channels=channels,
        out=Path(out),
        unlabeled=_paths(unlabeled),
        methods=methods,
        labeled=labeled,
        seeds=seeds,
        ablation=ablation,
        variants=None if variants is None else Path(variants),
        steps=steps,
        budget=budget,
        split=split,
        group=group,
        split_seed=split_seed,
        batch=batch,
        unlabeled_batch=unlabeled_batch,
        accumulate=accumulate,
        crop=crop,
        network=network,
        encoder=encoder,
        weights=str(weights),
        device=device,
        precision=precision,
        workers=workers,
        cache=cache,
        evaluate_every=evaluate_every,
        window=window,
        checkpoint_every=checkpoint_every,
        views=views or {},
        optimization=optimization or {},
        supervision=supervision or {},
        quiet=quiet,
    )
    return perform_all(comparison, train, jobs=jobs)


def _next_run(data: str, *, quiet: bool) -> Path:
    """Return the run folder of a run that was given none, and say so."""
    from mutualseg.reporting.console import RunConsole
    from mutualseg.runs import next_free

    root = next_free(Path("runs"), Path(data).resolve().name or "data")
    RunConsole(quiet=quiet).say(f"run folder: {root}")
    return root


def _required_out(out: str | None) -> Path:
    if out is None:
        raise ConfigError("--out is missing; name a folder for the run, such as runs/first.")
    return Path(out)


def _paths(given: str | Path | Sequence[str | Path]) -> list[Path]:
    """Return one path or several as a list."""
    return [Path(given)] if isinstance(given, str | Path) else [Path(path) for path in given]
