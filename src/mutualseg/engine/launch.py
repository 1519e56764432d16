"""From the arguments of `train` to a run: resolve, refuse what cannot be, then write and start."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mutualseg import resolving
from mutualseg.data.split_file import read_split, write_split
from mutualseg.data.splits import make_split, require_unlabeled
from mutualseg.devices import refuse_compilation, resolve_device, resolve_precision
from mutualseg.durations import parse_duration, parse_interval
from mutualseg.engine.agreement import same_everywhere
from mutualseg.engine.memory_forecast import free_bytes, in_words
from mutualseg.engine.processes import Place, check_processes, connect, others_started, place_from, share_of
from mutualseg.engine.session import Session
from mutualseg.errors import ConfigError, RunError
from mutualseg.methods import method_class
from mutualseg.methods.base import Method
from mutualseg.networks.build import resolve_encoder
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings

_PROVISIONAL_BATCH = 4
"""Until `auto` is resolved."""


def launch(*, out: Path, device: str, **arguments: Any) -> dict[str, Any]:
    """Train; the arguments are those of `mutualseg.train`.

    Of several processes that torchrun or SLURM started with the same command, the first one resolves the
    settings and writes the run folder; the others read it.
    """
    place = place_from(os.environ)
    if place is None:
        session, method = _prepare(out=out, device=device, place=None, **arguments)
        with others_started(out, session.settings.processes, resume=False):
            return session.run(method, resume=False)
    if not place.leads:
        connect(place, resolve_device(device))
        told = same_everywhere("")
        if not told:
            raise RunError("The first process of the run could not begin it; see its message.")
        return follow(Path(told), resume=False)
    # The group is formed only now: a first process on its own must not wait for others in a loss's sum.
    told = ""
    try:
        session, method = _prepare(out=out, device=device, place=place, **arguments)
        told = str(out.absolute())
    finally:
        connect(place, resolve_device(device))
        same_everywhere(told)
    return session.run(method, resume=False)


def _prepare(
    *,
    data: str,
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
    )
    parse_interval(checkpoint_every, "checkpoint-every")
    seconds = None if budget is None else parse_duration(budget, "budget")
    resolved_method = resolving.resolve_method(method)
    resolved_device = resolve_device(device)
    if compile:
        if activation_checkpointing:
            raise ConfigError("--compile and --activation-checkpointing exclude each other; use one of them.")
        refuse_compilation(resolved_device)
    check_processes(devices, num_nodes, place, resolved_device, torch.cuda.device_count())
    folder = RunFolder(out)
    folder.check_free(overwrite=overwrite)
    if init is not None and weights not in ("imagenet", "none"):
        raise ConfigError(f"--init and --weights {weights} exclude each other; use one of them.")
    for option, given in (("init", init), ("weights", weights)):
        if given is not None and Path(given).exists() and Path(given).resolve().is_relative_to(out.resolve()):
            raise ConfigError(f"--{option} {given} is in --out {out} and would be lost; name another folder.")
    source = resolving.read_data(data)
    wanted = resolving.default_labeled(data) if labeled is None else labeled
    split = make_split(source, labeled=wanted, unlabeled=unlabeled, split_seed=split_seed, group=group)
    if method_class(resolved_method["name"]).uses_unlabeled:
        require_unlabeled(split)
    resolving.refuse_bad_files(split, source.num_classes)
    length = steps or resolving.default_steps(resolved_device)
    settings = Settings(
        data=data if data == resolving.GENERATED else str(Path(data).absolute()),
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
        encoder=resolve_encoder(network, encoder),
        weights=str(_anchored(weights)),
        init=None if init is None else str(Path(init).absolute()),
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
        optimization=resolving.resolve_optimization(optimization),
    )
    console = RunConsole(quiet=quiet)
    session = Session(settings, source, split, folder, console)
    networks = session.build_method()  # first: weights that cannot be had must not cost a written folder
    memory, free = session.forecast_memory(networks), free_bytes(resolved_device)
    if batch == resolving.AUTO:
        fitting = session.fit_batch(memory, free)
        settings = replace(settings, batch=fitting, unlabeled_batch=unlabeled_batch or fitting)
        session = Session(settings, source, split, folder, console)
    share_of(settings.batch, settings.processes, "batch")
    share_of(settings.unlabeled_batch, settings.processes, "unlabeled-batch")
    origin = None
    if seconds is not None:
        calibration = session.calibrate(seconds, evaluate_every)
        origin = calibration.sentence(str(budget))
        interval = resolving.evaluation_interval(evaluate_every, calibration.steps)
        settings = replace(settings, steps=calibration.steps, evaluate_every=interval)
        session = Session(settings, source, split, folder, console)
    folder.prepare(overwrite=overwrite)
    folder.write_config(settings.to_dict(), comment=origin)
    write_split(split, source.root, folder.split)
    folder.write_classes(source.classes)
    images = settings.batch + (settings.unlabeled_batch if networks.uses_unlabeled else 0)
    session.introduce(resolving.leak_note(source), origin)
    console.say(in_words(memory.bytes(images, settings.crop), free))
    return session, networks


def resume_run(root: Path, *, given: Mapping[str, Any], quiet: bool) -> dict[str, Any]:
    """Continue a run from its newest checkpoint; everything else is in its folder.

    Args:
        root: the run folder.
        given: options that were given beside --resume; they must be those of the run.
        quiet: say nothing.
    """
    folder = RunFolder(root)
    settings = Settings.from_dict(folder.read_config(), str(folder.config))
    _refuse_changes(settings, root, given)
    console = RunConsole(quiet=quiet)
    if folder.is_finished():
        console.say(f"{root} is finished already; nothing to resume.")
        summary: dict[str, Any] = json.loads(folder.summary.read_text(encoding="utf-8"))
        return summary
    if not folder.newest_checkpoint.is_file():
        raise RunError(f"{root} has no checkpoint yet; start it anew with --overwrite.")
    resolve_device(settings.device)  # the run may have come from another machine
    place = place_from(os.environ)
    if place is not None:
        connect(place, settings.device)
    session = _reopen(folder, settings, console, leads=place is None or place.leads, resume=True)
    with others_started(root, 1 if place is not None else settings.processes, resume=True):
        return session.run(session.build_method(), resume=True)


def follow(root: Path, *, resume: bool) -> dict[str, Any]:
    """Train along with the process that wrote a run folder, and return the summary; write nothing."""
    folder = RunFolder(root)
    settings = Settings.from_dict(folder.read_config(), str(folder.config))
    session = _reopen(folder, settings, RunConsole(quiet=True), leads=False, resume=resume)
    return session.run(session.build_method(), resume=resume)


def _reopen(
    folder: RunFolder, settings: Settings, console: RunConsole, *, leads: bool, resume: bool
) -> Session:
    """Return the session of a run folder, with the data as they were."""
    source = resolving.read_data(settings.data)
    if folder.read_classes() != source.classes:
        raise RunError(
            f"{source.root} has the classes {', '.join(source.classes)}, but {folder.root} was started with "
            f"{', '.join(folder.read_classes())}; restore the class list, or train anew."
        )
    split = read_split(folder.split, source)
    if resume:  # the checkpoint holds every weight, so what the run started from is not needed again
        settings = replace(settings, weights="none", init=None)
    return Session(settings, source, split, folder, console, leads=leads)


def _refuse_changes(settings: Settings, root: Path, given: Mapping[str, Any]) -> None:
    """Raise ConfigError for an option that contradicts the run which is resumed."""
    for name, value in given.items():
        saved = getattr(settings, name)
        if isinstance(value, str) and Path(value).exists():
            value = str(Path(value).absolute())
        if str(value) != str(saved):
            raise ConfigError(
                f"--{name.replace('_', '-')} {value} contradicts the run in {root} ({saved}), which --resume "
                "continues as it was; leave the option out, or start a new run."
            )


def _anchored(value: str | int | None) -> str | int | None:
    """Return a path to a file as an absolute one, anything else as it is."""
    return str(Path(value).absolute()) if isinstance(value, str) and Path(value).is_file() else value


def require_at_least(**limits: tuple[int | None, int]) -> None:
    """Raise ConfigError for the first option whose value (if any) is below its limit."""
    for name, (value, least) in limits.items():
        if value is not None and value < least:
            raise ConfigError(f"--{name.replace('_', '-')} {value} is too small; give at least {least}.")
