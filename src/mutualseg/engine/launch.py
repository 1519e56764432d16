"""From the arguments of `train` to a finished run, alone or with other processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mutualseg.devices import resolve_device
from mutualseg.engine.agreement import same_everywhere
from mutualseg.engine.baseline import prepare_twin, refuse_baseline
from mutualseg.engine.preparation import prepare
from mutualseg.engine.processes import Place, connect, others_started, place_from
from mutualseg.engine.resuming import follow
from mutualseg.engine.training_run import run_training
from mutualseg.errors import RunError


def launch(*, out: Path | None, device: str, hold: Callable[[], None], **arguments: Any) -> dict[str, Any]:
    """Train; the arguments are those of `mutualseg.train`, where `out` is the leading process's to choose.

    `hold` is called once the run folder is there, and takes hold of it for this process.

    Of several processes that torchrun or SLURM started with the same command, the first one resolves the
    settings and writes the run folder; the others read it.
    """
    place = place_from(os.environ)
    if arguments["with_baseline"]:
        refuse_baseline(arguments["method"], arguments["devices"], arguments["num_nodes"], place)
    if place is not None and not place.leads:
        return _follow(place, device)
    assert out is not None
    if place is None:
        session, method = prepare(out=out, device=device, place=None, **arguments)
        hold()
        if arguments["with_baseline"]:
            prepare_twin(session.settings, out, arguments)
        with others_started(out, session.settings.processes, resume=False):
            return run_training(session, method, resume=False)
    # The group is formed only now: a first process on its own must not wait for others in a loss's sum.
    told = ""
    try:
        session, method = prepare(out=out, device=device, place=place, **arguments)
        hold()
        told = str(out.absolute())
    finally:
        connect(place, resolve_device(device))
        same_everywhere(told)
    return run_training(session, method, resume=False)


def _follow(place: Place, device: str) -> dict[str, Any]:
    """Train in the run folder that the leading process names."""
    connect(place, resolve_device(device))
    told = same_everywhere("")
    if not told:
        raise RunError("The first process of the run could not begin it; see its message.")
    return follow(Path(told), resume=False)
