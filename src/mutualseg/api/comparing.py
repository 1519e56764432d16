"""`compare`: methods, label amounts and seeds side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from mutualseg.api import training
from mutualseg.api.arguments import paths


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
        unlabeled=paths(unlabeled),
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
    return perform_all(comparison, training.train, jobs=jobs)
