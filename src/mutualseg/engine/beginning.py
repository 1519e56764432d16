"""From resolved settings to a written run folder, for a new run of whatever verb."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from mutualseg import resolving
from mutualseg.atomic_files import replacing
from mutualseg.data.folder import DataFolder
from mutualseg.data.skipping import SkippedFile
from mutualseg.data.split_file import write_split
from mutualseg.data.splits import Split
from mutualseg.engine.fitting import fit_batch, fit_steps, forecast_memory
from mutualseg.engine.memory_forecast import free_bytes, in_words
from mutualseg.engine.processes import share_of
from mutualseg.engine.requeueing import job_id, job_note
from mutualseg.engine.session import Session
from mutualseg.engine.skipped_files import say_skipped
from mutualseg.methods.base import Method
from mutualseg.reporting.console import RunConsole
from mutualseg.run_room import clear_remains, make_room
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings
from mutualseg.skipped_list import SkippedRow, write_skipped


@dataclass(frozen=True)
class Wishes:
    """What is not in the settings yet, since it is measured."""

    batch: int | str
    """`auto`, or that of the settings."""
    unlabeled_batch: int | None
    """None: as many as labeled ones."""
    budget: str | None
    seconds: float | None
    """The budget."""
    evaluate_every: int | None
    """None: a share of the run."""


def begin(
    settings: Settings,
    source: DataFolder,
    split: Split,
    folder: RunFolder,
    *,
    wishes: Wishes,
    skipped: Sequence[SkippedFile],
    first_notes: Sequence[str | None],
    last_notes: Sequence[str | None],
    overwrite: bool,
    quiet: bool,
) -> tuple[Session, Method]:
    """Measure what is to be measured, write the run folder, and say what will be trained.

    Args:
        settings: with a batch and steps to measure with, where those are to be measured.
        source: the data folder.
        split: of it.
        folder: to be written.
        wishes: what is to be measured.
        skipped: images that are not in the split since they cannot be used.
        first_notes: sentences for the user, before one about leaks.
        last_notes: after it.
        overwrite: replace a run that is there.
        quiet: say nothing.

    Raises:
        MutualSegError: networks or weights cannot be had, or the budget is too small; nothing is written.
        OSError: the folder cannot be written.
    """
    console = RunConsole(quiet=quiet)
    session = Session(settings, source, split, folder, console, left_out=skipped)
    networks = session.build_method()  # first: weights that cannot be had must not cost a written folder
    memory, free = forecast_memory(session, networks), free_bytes(settings.device)
    if wishes.batch == resolving.AUTO:
        fitting = fit_batch(session, networks, memory, free)
        settings = replace(settings, batch=fitting, unlabeled_batch=wishes.unlabeled_batch or fitting)
        session = session.with_settings(settings)
    share_of(settings.batch, settings.processes, "batch")
    share_of(settings.unlabeled_batch, settings.processes, "unlabeled-batch")
    origin = None
    if wishes.seconds is not None:
        calibration = fit_steps(session, wishes.seconds, wishes.evaluate_every)
        origin = calibration.sentence(str(wishes.budget))
        interval = resolving.evaluation_interval(wishes.evaluate_every, calibration.steps)
        settings = replace(settings, steps=calibration.steps, evaluate_every=interval)
        session = session.with_settings(settings)
    make_room(folder, overwrite=overwrite)
    try:
        with replacing(folder.split) as partial:
            write_split(split, source.root, partial)
        if settings.on_bad_image == "skip":
            write_skipped(folder.skipped, [SkippedRow(file, 0) for file in skipped])
        folder.write_classes(source.classes)
        comments = [origin, job_note(job_id(os.environ))]
        # Last: a folder that has it has all that `--resume` needs.
        folder.write_config(settings.to_dict(), comment="\n# ".join(filter(None, comments)) or None)
    except OSError:  # nothing is left of a run that could not begin: the same command can be given again
        with suppress(OSError):
            clear_remains(folder)
        raise
    per_step = settings.batch + (settings.unlabeled_batch if networks.uses_unlabeled else 0)
    say_skipped(console, skipped)
    session.introduce(*first_notes, resolving.leak_note(split), *last_notes, origin)
    console.say(in_words(memory.bytes(per_step, settings.crop), free))
    return session, networks
