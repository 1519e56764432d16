"""From the arguments of `train` to a run folder and what will train in it; nothing is computed yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from mutualseg import opened_data, resolving
from mutualseg.data.class_balance import refuse_unlabeled
from mutualseg.data.regular_files import real_path
from mutualseg.data.skipping import SkippedFile, borne
from mutualseg.data.splits import make_split, require_unlabeled
from mutualseg.devices import (
    refuse_compilation,
    refuse_compiled_checkpointing,
    resolve_device,
    resolve_precision,
)
from mutualseg.durations import parse_duration, parse_interval
from mutualseg.engine.beginning import Wishes, begin
from mutualseg.engine.processes import Place, check_processes
from mutualseg.engine.session import Session
from mutualseg.engine.tracking.choices import read_loggers, require_libraries
from mutualseg.errors import ConfigError, DataError, ImageError, MaskError
from mutualseg.evaluation.inference_options import read_window
from mutualseg.hub.downloads import lasting_path
from mutualseg.methods import METHODS, method_class
from mutualseg.methods.base import Method
from mutualseg.networks.build import resolve_encoder
from mutualseg.run_room import check_free
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings
from mutualseg.unusable_files import SKIP_HINT, leave_out_unusable

_PROVISIONAL_BATCH = 4
"""Until `auto` is resolved."""


def prepare(
    *,
    data: str,
    layout: str,
    ignore: int | None,
    channels: int | None,
    out: Path,
    unlabeled: Sequence[Path],
    labeled: str | int | None,
    group: str | None,
    method: str | Mapping[str, Any],
    steps: int | None,
    budget: str | None,
    seed: int,
    split_seed: int,
    batch: int | str,
    unlabeled_batch: int | None,
    accumulate: int,
    crop: int | None,
    network: str,
    encoder: str,
    weights: str,
    init: str | None,
    device: str,
    devices: int,
    num_nodes: int,
    place: Place | None,
    precision: str,
    compile: bool,
    activation_checkpointing: bool,
    workers: int | None,
    cache: str,
    evaluate_every: int | None,
    checkpoint_every: str | int,
    select: str,
    views: Mapping[str, Any],
    optimization: Mapping[str, Any],
    supervision: Mapping[str, Any],
    with_baseline: bool,
    window: int | str | None,
    on_bad_image: str,
    guard: str,
    deterministic: bool,
    logger: str | Sequence[str],
    overwrite: bool,
    quiet: bool,
) -> tuple[Session, Method]:
    """Resolve settings, refuse what cannot be before anything is written, then write the run folder."""
    if isinstance(batch, str) and batch != resolving.AUTO:
        raise ConfigError(f"--batch {batch} is neither a number nor auto; give one of them.")
    fixed_batch = batch if isinstance(batch, int) else _PROVISIONAL_BATCH
    require_at_least(
        steps=(steps, 1),
        batch=(fixed_batch, 2),
        unlabeled_batch=(unlabeled_batch, 2),
        accumulate=(accumulate, 1),
        devices=(devices, 1),
        num_nodes=(num_nodes, 1),
        workers=(workers, 0),
        channels=(channels, 1),
    )
    parse_interval(checkpoint_every, "checkpoint-every")
    side = read_window(window)
    loggers = read_loggers(logger)
    require_libraries(loggers)
    seconds = None if budget is None else parse_duration(budget, "budget")
    resolved_method = resolving.resolve_method(method)
    if resolved_method["name"] not in METHODS:
        raise ConfigError(
            f"{resolved_method['name']} learns from the networks of a finished run; use mutualseg distill "
            f"RUN --encoder NAME, or one of the methods {', '.join(METHODS)}."
        )
    wanted_loss = resolving.resolve_supervision(supervision)
    resolved_device = resolve_device(device)
    refuse_compiled_checkpointing(compile, activation_checkpointing)
    if compile:
        refuse_compilation(resolved_device)
    check_processes(devices, num_nodes, place, resolved_device, torch.cuda.device_count())
    folder = RunFolder(out)
    check_free(folder, overwrite=overwrite)
    if init is not None and weights not in ("imagenet", "none"):
        raise ConfigError(f"--init and --weights {weights} exclude each other; use one of them.")
    for option, given in (("init", init), ("weights", weights)):
        if (
            given is not None
            and Path(given).exists()
            and real_path(Path(given)).is_relative_to(real_path(out))
        ):
            raise ConfigError(f"--{option} {given} is in --out {out} and would be lost; name another folder.")
    skip = on_bad_image == "skip"
    with _hint_at_skipping(on_bad_image, ImageError):
        source = opened_data.read_data(data, layout=layout, ignore=ignore, skip_broken=skip, quiet=quiet)
    wanted = resolving.default_labeled(data) if labeled is None else labeled
    split = make_split(source, labeled=wanted, unlabeled=unlabeled, split_seed=split_seed, group=group)
    if method_class(resolved_method["name"]).uses_unlabeled:
        require_unlabeled(split)
    resolving.refuse_other_class_count(wanted_loss, source.classes)
    images = len(split.labeled) + len(split.unlabeled) + len(split.val)
    skipped: tuple[SkippedFile, ...] = ()
    if skip:
        usable = leave_out_unusable(source, split, channels)
        source, split, seen, skipped = usable.source, usable.split, usable.notes, usable.skipped
        if method_class(resolved_method["name"]).uses_unlabeled:
            require_unlabeled(split)
    else:
        with _hint_at_skipping(on_bad_image if borne(images) else "", ImageError, MaskError):
            source, seen = resolving.resolve_images(source, split, channels)
            resolving.refuse_bad_files(split, source.num_classes, source.encoding)
    refuse_unlabeled(split.labeled, source.encoding.masks, "labeled")
    refuse_unlabeled(split.val, source.encoding.masks, "val")
    resolved_loss, weights_note = resolving.resolve_class_weights(
        wanted_loss, split.labeled, source.classes, source.encoding.masks
    )
    length = steps or resolving.default_steps(resolved_device)
    chosen_encoder = resolve_encoder(network, encoder)
    settings = Settings(
        data=data if data == resolving.GENERATED else str(Path(data).absolute()),
        layout=source.layout,
        ignore=ignore,
        channels=source.encoding.images.channels,
        image_code=source.encoding.images.to_plain(),
        mask_code=source.encoding.masks.to_plain(),
        unlabeled=[str(path.absolute()) for path in unlabeled],
        labeled=_anchored(wanted),
        group=split.group,  # a split file brings its own group and seed
        method=resolved_method,
        steps=length,
        seed=seed,
        split_seed=split.split_seed,
        batch=fixed_batch,
        unlabeled_batch=unlabeled_batch or fixed_batch,
        accumulate=accumulate,
        crop=resolving.resolve_crop(crop, split, resolved_device),
        network=network,
        encoder=chosen_encoder,
        weights=str(_anchored(weights)),
        init=None if init is None else lasting_path(init),
        device=resolved_device,
        devices=devices,
        num_nodes=num_nodes,
        precision=resolve_precision(precision, resolved_device),
        compile=compile,
        activation_checkpointing=activation_checkpointing,
        workers=resolving.default_workers(devices) if workers is None else workers,
        cache=resolving.resolve_cache(cache),
        evaluate_every=resolving.evaluation_interval(evaluate_every, length),
        checkpoint_every=checkpoint_every,
        select=select,
        views=resolving.resolve_views(views),
        optimization=resolving.resolve_rates(optimization, network, chosen_encoder),
        supervision=resolved_loss,
        with_baseline=with_baseline,
        window=side,
        on_bad_image=on_bad_image,
        guard=guard,
        deterministic=deterministic,
        logger=loggers,
        threads=torch.get_num_threads(),
    )
    return begin(
        settings,
        source,
        split,
        folder,
        wishes=Wishes(batch, unlabeled_batch, budget, seconds, evaluate_every),
        skipped=skipped,
        first_notes=seen,
        last_notes=[weights_note],
        overwrite=overwrite,
        quiet=quiet,
    )


@contextmanager
def _hint_at_skipping(policy: str, *kinds: type[DataError]) -> Iterator[None]:
    """Name the policy `skip` as a cure beside the refusal of one file, where the policy is `error`."""
    try:
        yield
    except kinds as error:
        if policy != "error":
            raise
        raise type(error)(f"{str(error).removesuffix('.')} ({SKIP_HINT}).") from None


def _anchored(value: str | int | None) -> str | int | None:
    """Return a path to a file as an absolute one, anything else as it is."""
    return str(Path(value).absolute()) if isinstance(value, str) and Path(value).is_file() else value


def require_at_least(**limits: tuple[int | None, int]) -> None:
    """Raise ConfigError for the first option whose value (if any) is no whole number, or below its limit."""
    resolving.require_whole_numbers(**{name: value for name, (value, _) in limits.items()})
    for name, (value, least) in limits.items():
        if value is not None and value < least:
            raise ConfigError(f"--{name.replace('_', '-')} {value} is too small; give at least {least}.")
