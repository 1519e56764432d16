"""`--logger wandb`: a run at Weights & Biases, or its offline files in RUN/wandb."""

from __future__ import annotations

import netrc
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mutualseg.engine.tracking.choices import WANDB
from mutualseg.engine.tracking.environment import assumed
from mutualseg.engine.tracking.remote_ids import read_id, write_id
from mutualseg.engine.tracking.results import results_of
from mutualseg.engine.tracking.tracker import Ending
from mutualseg.runs import RunFolder

_STEP = "global_step"
_SECONDS = 30.0
"""How long a start, and an end, may wait for the network."""
_SILENCED = {"WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}
_EXIT_CODES: Mapping[Ending, int] = {"finished": 0, "stopped": 130, "failed": 1}


class WeightsAndBiases:
    """A run of W&B's library, set up by its own environment variables (WANDB_MODE, WANDB_PROJECT, ...).

    Args:
        folder: of the run; the library's files lie in its wandb/.
        settings: of the run, as in config.yaml.
        say: tells the user one line.
    """

    def __init__(self, folder: RunFolder, settings: Mapping[str, Any], say: Callable[[str], None]) -> None:
        with assumed(_SILENCED):
            self._begin(folder, settings, say)

    def _begin(self, folder: RunFolder, settings: Mapping[str, Any], say: Callable[[str], None]) -> None:
        import wandb

        self._library = wandb
        own = read_id(folder.loggers, WANDB)
        identity = own or secrets.token_hex(4)
        if own is None:
            write_id(folder.loggers, WANDB, identity)
        self._run = self._start(folder, settings, identity, say)
        self._run.define_metric(_STEP, hidden=True)
        self._run.define_metric("*", step_metric=_STEP)

    def _start(
        self, folder: RunFolder, settings: Mapping[str, Any], identity: str, say: Callable[[str], None]
    ) -> Any:
        place = f"{folder.root}/wandb"
        advice = f"it is recorded in {place}; send it with: wandb sync {place}/offline-run-*"
        arguments = {
            "dir": str(folder.root.absolute()),
            "id": identity,
            "resume": "allow",
            "project": os.environ.get("WANDB_PROJECT") or "mutualseg",
            "name": os.environ.get("WANDB_NAME") or folder.root.absolute().name,
            "config": dict(settings),
            "settings": self._quiet_settings(),
            "reinit": "create_new",  # a run of the caller's own stays as it is
        }
        asked: Any = os.environ.get("WANDB_MODE")  # the library checks it
        if asked in (None, "online") and not _has_key():  # else the library would ask on the terminal
            say(f"note: no login for W&B (wandb login, or WANDB_API_KEY), so {advice}")
            asked = "offline"
        try:
            return self._library.init(**arguments, mode=asked)
        except Exception as error:
            if asked not in (None, "online"):
                raise
            say(f"note: W&B cannot be reached ({type(error).__name__}), so {advice}")
            self._library.teardown()  # which holds on to the id of the run that could not begin
        return self._library.init(**arguments, mode="offline")

    def _quiet_settings(self) -> Any:
        wanted: dict[str, Any] = {
            "silent": True,
            "console": "off",
            "disable_git": True,
            "disable_code": True,
            "disable_job_creation": True,
            "init_timeout": _SECONDS,
            "finish_timeout": _SECONDS,
        }
        known = self._library.Settings.model_fields  # of older versions some are missing
        return self._library.Settings(**{name: value for name, value in wanted.items() if name in known})

    def losses(self, values: Mapping[str, float], step: int) -> None:
        """Send values of a step; the library does so in a process of its own."""
        self._run.log({**values, _STEP: step})

    def scores(self, values: Mapping[str, float], step: int) -> None:
        """Send values of an evaluation."""
        self._run.log({**values, _STEP: step})

    def picture(self, name: str, path: Path, step: int) -> None:
        """Send a picture, of which the library makes a copy at once."""
        self._run.log({name: self._library.Image(str(path)), _STEP: step})

    def summary(self, summary: Mapping[str, Any]) -> None:
        """Put the result into the run's summary."""
        self._run.summary.update(results_of(summary))

    def close(self, ending: Ending) -> None:
        """Have the rest sent, for a while at most; what is left lies in RUN/wandb."""
        self._run.finish(exit_code=_EXIT_CODES[ending])


def _has_key() -> bool:
    """Tell whether the library would find a key without asking."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai").hostname or ""
    named = os.environ.get("NETRC")
    for path in [Path(named)] if named else [Path.home() / ".netrc", Path.home() / "_netrc"]:
        try:
            if path.is_file() and netrc.netrc(path).authenticators(host) is not None:
                return True
        except (OSError, netrc.NetrcParseError):
            continue
    return False
