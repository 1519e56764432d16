"""`train --resume`: which run a call goes on with, if any, and how."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any, ParamSpec

from mutualseg.api.arguments import required_out
from mutualseg.data.regular_files import real_path
from mutualseg.errors import ConfigError

P = ParamSpec("P")
_NOT_OF_A_RUN = ("out", "resume", "override", "overwrite", "quiet")


def resumable(begin: Callable[P, dict[str, Any]]) -> Callable[P, dict[str, Any]]:
    """Let a function that begins a run go on with one where that is asked for.

    Only here it is known which options were given: one that is given as its default contradicts a run, too.
    """

    @wraps(begin)
    def begin_or_go_on(*args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        given = dict(signature(begin).bind(*args, **kwargs).arguments)
        root = _run_to_go_on_with(given)
        if root is not None:
            return _go_on(root, given)
        if _has_remains(given):
            kwargs["overwrite"] = True  # of a start that trained nothing
        return begin(*args, **kwargs)

    return begin_or_go_on


def _run_to_go_on_with(given: Mapping[str, Any]) -> Path | None:
    """Return the folder of the run that a call goes on with, or None if it begins one.

    `--resume RUN` always goes on. Bare `--resume`, and a job that SLURM has started again, go on with --out
    if it holds a checkpoint; else they begin it, if they are told the data: the first call of a script is the
    same as all later ones. Of several processes all come to the same answer, since no checkpoint is there
    before all of them train.
    """
    from mutualseg.engine.requeueing import is_requeued

    resume, out = given.get("resume", False), given.get("out")
    if resume and given.get("overwrite", False):
        raise ConfigError("--resume and --overwrite exclude each other; use one of them.")
    if given.get("override") and not resume:
        raise ConfigError("--override is for --resume; give that too, or leave it out.")
    if resume and resume is not True:
        if out is not None and real_path(Path(out)) != real_path(Path(resume)):
            raise ConfigError(f"--resume {resume} and --out {out} name two runs; leave out --out.")
        return Path(resume)
    if resume:
        root = required_out(out)
        return root if given.get("data") is None or _holds_a_run(root) else None
    if not is_requeued() or given.get("data") is None:
        return None
    if out is None:
        raise ConfigError(
            "SLURM has started this job again, but without --out it cannot find its run; give --out to train."
        )
    return Path(out) if _holds_a_run(Path(out)) and _is_of_this_call(Path(out), given) else None


def _holds_a_run(root: Path) -> bool:
    from mutualseg.runs import RunFolder

    folder = RunFolder(root)
    return folder.config.is_file() and (folder.is_finished() or folder.newest_checkpoint.is_file())


def _is_of_this_call(root: Path, given: Mapping[str, Any]) -> bool:
    """Whether a run is the requeued job's own: with --overwrite there may still be the one before."""
    if not given.get("overwrite", False):
        return True
    from mutualseg.engine.requeueing import job_id, job_note

    text = (root / "config.yaml").read_text(encoding="utf-8")
    return f"# {job_note(job_id(os.environ))}" in text.splitlines()


def _has_remains(given: Mapping[str, Any]) -> bool:
    """Whether a call that would go on finds a run that has trained nothing yet, to be begun anew.

    What is there must be a run's and nothing else; if there is no config.yaml yet it is deleted here.
    """
    from mutualseg.engine.processes import place_from
    from mutualseg.engine.requeueing import is_requeued
    from mutualseg.run_room import clear_remains
    from mutualseg.runs import RunFolder

    if not (given.get("resume", False) or is_requeued()) or given.get("out") is None:
        return False
    place = place_from(os.environ)
    folder = RunFolder(Path(given["out"]))
    if not folder.root.is_dir() or (place is not None and not place.leads):
        return False
    if folder.config.is_file():
        return True
    clear_remains(folder)
    return False


def _go_on(root: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    from mutualseg.engine.baseline import has_twin, lacks_baseline, run_with_twin
    from mutualseg.engine.late_signals import telling_how_to_go_on
    from mutualseg.engine.processes import place_from
    from mutualseg.engine.resuming import resume_run
    from mutualseg.occupied import occupied
    from mutualseg.run_report.writing import leave_report
    from mutualseg.runs import RunFolder

    folder, quiet = RunFolder(root), bool(given.get("quiet", False))
    options = {name: value for name, value in given.items() if name not in _NOT_OF_A_RUN}

    def go_on() -> dict[str, Any]:
        silent = quiet or lacks_baseline(folder)
        return resume_run(root, given=options, override=given.get("override", ()), quiet=silent)

    place = place_from(os.environ)
    leads = place is None or place.leads  # of several processes one holds the run folder for all
    with occupied(root) if leads else nullcontext(), telling_how_to_go_on(folder):
        trains = not folder.is_finished() or has_twin(folder) or bool(given.get("override"))
        summary = run_with_twin(root, go_on, quiet=quiet) if has_twin(folder) else go_on()
        if leads and (trains or not folder.report.is_file()):
            leave_report(root, quiet=quiet)
        return summary
