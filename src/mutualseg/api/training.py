"""`train`: from two kinds of images to a run folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from mutualseg.api.arguments import paths, required_out
from mutualseg.api.going_on import resumable
from mutualseg.data.regular_files import real_path
from mutualseg.errors import ConfigError


@resumable
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
    override: str | Sequence[str] = (),
    overwrite: bool = False,
    on_bad_image: Literal["error", "skip"] = "error",
    guard: Literal["warn", "rollback", "off"] = "warn",
    deterministic: bool = False,
    logger: str | Sequence[str] = "tensorboard",
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
        init: Start every network from the deployed network of this run, or of hf://NAME on the Hub.
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
        resume: Continue the run in --out (begin it if nothing is there and data are given), or in the run
            folder given here. Options beside it must be the run's; workers, cache, checkpoint_every and
            logger change no result and may differ.
        override: With --resume, names of options given beside it that may differ from the run's, such as
            steps or precision; also of values edited in its config.yaml.
        overwrite: Replace the run in --out.
        on_bad_image: What to do about a file that cannot be used: stop with an error, or skip it; skipped
            files are counted and listed, and above 5 percent of all the run is stopped.
        guard: When pseudo-labels collapse: warn with the cure, rollback (go back to the last good teachers
            at half the unlabeled weight), or off.
        deterministic: Refuse operations whose result differs from call to call, at the cost of speed on
            CUDA; a CPU's are the same with or without.
        logger: Where curves and pictures go beside the run's own files: tensorboard (if not given), csv
            (losses.csv in the run), wandb, mlflow, or none; several with commas. Results do not depend on it.
        quiet: Say nothing while training.

    Returns:
        What summary.json holds.

    Raises:
        MutualSegError: anything that the user can mend, in one sentence.
        Interrupted: a signal came; the run was saved.
    """
    from mutualseg.engine.late_signals import telling_how_to_go_on
    from mutualseg.engine.processes import place_from
    from mutualseg.occupied import occupied
    from mutualseg.runs import RunFolder

    place = place_from(os.environ)
    leads = place is None or place.leads  # of several processes one holds the run folder for all
    if data is None:
        raise ConfigError("--data is missing; give a folder with images/ and masks/, or: --data generated.")
    if steps is not None and budget is not None:
        raise ConfigError("--steps and --budget exclude each other; use one of them.")
    run_root = None  # of several processes the first one chooses a folder, and tells the others
    if overwrite or out is not None:
        run_root = required_out(out)
    elif leads:
        run_root = next_run(data)

    from mutualseg.engine.baseline import run_with_twin
    from mutualseg.engine.launch import launch
    from mutualseg.run_report.writing import leave_report

    train_it = partial(
        launch,
        data=str(data),
        layout=layout,
        ignore=ignore,
        channels=channels,
        out=run_root,
        unlabeled=paths(unlabeled),
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
        on_bad_image=on_bad_image,
        guard=guard,
        deterministic=deterministic,
        logger=logger,
        overwrite=overwrite,
        quiet=quiet,
    )
    if run_root is None or not leads:
        return train_it(hold=_nothing)
    with occupied(run_root) as hold, telling_how_to_go_on(RunFolder(run_root)):
        held = partial(train_it, hold=hold)
        summary = run_with_twin(run_root, held, quiet=quiet) if with_baseline else held()
        leave_report(run_root, quiet=quiet)
        return summary


def next_run(data: str) -> Path:
    """Return the run folder of a run that was given none."""
    from mutualseg.runs import next_free

    return next_free(Path("runs"), real_path(Path(data)).name or "data")


def _nothing() -> None:
    """Hold nothing."""
