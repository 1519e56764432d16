"""From the arguments of `distill` to a run folder and what will train in it, on the teaching run's data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from mutualseg import resolving
from mutualseg.data.folder import DataFolder
from mutualseg.data.regular_files import real_path
from mutualseg.data.split_file import read_split
from mutualseg.data.splits import Split
from mutualseg.devices import refuse_compilation, resolve_device, resolve_precision
from mutualseg.durations import parse_duration, parse_interval
from mutualseg.engine.beginning import Wishes, begin
from mutualseg.engine.checked_settings import read_settings
from mutualseg.engine.preparation import require_at_least
from mutualseg.engine.session import Session
from mutualseg.engine.teachers import choose_teachers
from mutualseg.engine.tracking.choices import read_loggers, require_libraries
from mutualseg.errors import ConfigError, RunError
from mutualseg.methods import DISTILLATION
from mutualseg.methods.base import Method
from mutualseg.networks.build import require_known_encoder, resolve_encoder
from mutualseg.opened_data import reopen_run_data
from mutualseg.run_room import check_free
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings
from mutualseg.shell_lines import resume_line
from mutualseg.skipped_list import read_skipped


def require_teaching_run(root: Path) -> RunFolder:
    """Return the folder of a run that can teach.

    Raises:
        RunError: it is no run folder, or its run is not finished.
    """
    if root.is_file():
        raise RunError(
            f"'{root}' is no run folder; distill needs one, with its checkpoints and its split: give the "
            "--out of a train."
        )
    if not root.is_dir():
        raise RunError(f"There is no run folder '{root}'; give the --out of a train.")
    if (root / "comparison.json").is_file():
        raise ConfigError(f"'{root}' is a comparison; give one of its runs, such as {root}/runs/NAME.")
    folder = RunFolder(root)
    folder.read_config()
    if not folder.is_finished():
        raise RunError(
            f"{root} is not finished, so its networks should not teach yet; go on with: {resume_line(root)}"
        )
    return folder


def prepare_distillation(
    teaching: RunFolder,
    out: Path,
    *,
    encoder: str,
    network: str,
    weights: str,
    data: str | None,
    steps: int | None,
    budget: str | None,
    teacher_weight: float,
    temperature: float,
    threshold: float,
    seed: int,
    batch: int | str | None,
    crop: int | None,
    device: str,
    precision: str,
    compile: bool,
    workers: int | None,
    evaluate_every: int | None,
    checkpoint_every: str | int,
    logger: str | Sequence[str],
    overwrite: bool,
    quiet: bool,
) -> tuple[Session, Method]:
    """Resolve settings, refuse what cannot be before anything is written, then write the run folder.

    What is not given is as in the teaching run, whose images play the same parts here.
    """
    if isinstance(batch, str) and batch != resolving.AUTO:
        raise ConfigError(f"--batch {batch} is neither a number nor auto; give one of them.")
    fixed = batch if isinstance(batch, int) else None
    require_at_least(steps=(steps, 1), batch=(fixed, 2), workers=(workers, 0))
    _require_soft_targets(teacher_weight, temperature, threshold)
    parse_interval(checkpoint_every, "checkpoint-every")
    loggers = read_loggers(logger)
    require_libraries(loggers)
    seconds = None if budget is None else parse_duration(budget, "budget")
    resolved_device = resolve_device(device)
    if compile:
        refuse_compilation(resolved_device)
    chosen_encoder = resolve_encoder(network, encoder)
    require_known_encoder(chosen_encoder)
    arguments = {"weight": teacher_weight, "temperature": temperature, "threshold": threshold}
    resolved_method = resolving.resolve_method({"name": DISTILLATION, **arguments})
    folder = RunFolder(out)
    check_free(folder, overwrite=overwrite)
    if real_path(teaching.root).is_relative_to(real_path(out)):
        raise ConfigError(
            f"--out {out} holds the run that teaches, which would be lost; name another folder."
        )
    if Path(weights).is_file() and real_path(Path(weights)).is_relative_to(real_path(out)):
        raise ConfigError(f"--weights {weights} is in --out {out} and would be lost; name another folder.")
    own = read_settings(teaching)
    source, split = _data_of(teaching, own, data, quiet=quiet)
    teachers, note = choose_teachers(teaching, own)
    resolved_method["unlabeled"] = bool(split.unlabeled)
    length = steps or own.steps
    labeled_batch = fixed or own.batch
    settings = replace(
        own,
        data=own.data if data is None else str(Path(data).absolute()),
        method=resolved_method,
        teachers=teachers.to_plain(),
        steps=length,
        seed=seed,
        batch=labeled_batch,
        unlabeled_batch=own.unlabeled_batch if batch is None else labeled_batch,
        crop=own.crop if crop is None else resolving.resolve_crop(crop, split, resolved_device),
        network=network,
        encoder=chosen_encoder,
        weights=str(Path(weights).absolute()) if Path(weights).is_file() else weights,
        init=None,
        device=resolved_device,
        devices=1,
        num_nodes=1,
        precision=resolve_precision(precision, resolved_device),
        compile=compile,
        activation_checkpointing=False,
        workers=resolving.default_workers() if workers is None else workers,
        cache=resolving.resolve_cache(resolving.AUTO),
        evaluate_every=resolving.evaluation_interval(evaluate_every, length),
        checkpoint_every=checkpoint_every,
        select="last",
        optimization=resolving.resolve_rates({}, network, chosen_encoder),
        with_baseline=False,
        guard="off",
        logger=loggers,
        threads=torch.get_num_threads(),
    )
    return begin(
        settings,
        source,
        split,
        folder,
        wishes=Wishes(
            resolving.AUTO if batch == resolving.AUTO else labeled_batch,
            None,
            budget,
            seconds,
            evaluate_every,
        ),
        skipped=[row.skipped for row in read_skipped(teaching.skipped) if row.step == 0],
        first_notes=[note],
        last_notes=[None if split.unlabeled else "There are no unlabeled images: labeled ones alone teach."],
        overwrite=overwrite,
        quiet=quiet,
    )


def _require_soft_targets(teacher_weight: float, temperature: float, threshold: float) -> None:
    """Raise ConfigError for a number out of range, under the name of its option."""
    if not 0 <= teacher_weight < math.inf:
        raise ConfigError(f"--teacher-weight is {teacher_weight}; give a number from 0 on.")
    if not 0 < temperature < math.inf:
        raise ConfigError(f"--temperature is {temperature}; give a number above 0.")
    if not 0 <= threshold <= 1:
        raise ConfigError(f"--threshold is {threshold}; give a probability from 0 to 1.")


def _data_of(
    teaching: RunFolder, settings: Settings, data: str | None, *, quiet: bool
) -> tuple[DataFolder, Split]:
    """Return the data of the teaching run and its split, once its files can be used."""
    source = reopen_run_data(teaching, settings, data, quiet=quiet)
    skips = settings.on_bad_image == "skip"
    lost = [row.skipped.file for row in read_skipped(teaching.skipped)] if skips else None
    split = read_split(teaching.split, source, lost=lost)
    if not skips:
        resolving.refuse_bad_files(split, source.num_classes, source.encoding)
    return source, split
