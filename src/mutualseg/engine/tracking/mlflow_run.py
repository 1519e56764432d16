"""`--logger mlflow`: a run at the server of MLFLOW_TRACKING_URI, or in files in RUN/mlruns."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mutualseg.engine.overrides import flat
from mutualseg.engine.tracking.choices import MLFLOW
from mutualseg.engine.tracking.environment import assumed
from mutualseg.engine.tracking.remote_ids import read_id, write_id
from mutualseg.engine.tracking.results import results_of
from mutualseg.engine.tracking.tracker import Ending
from mutualseg.runs import RunFolder

_STATUSES: Mapping[Ending, str] = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
_MOST_PARAMETER = 500
"""Letters of a parameter's value that every server takes."""
_MOST_NAME = 200
_ODD = re.compile(r"[^\w.\- :/]")
_HASTY = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""For the start: a server that does not answer must not keep a training waiting for minutes."""
_SILENCED = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}


class MlflowRun:
    """A run of MLflow's library, by a client of its own: what a script records beside stays as it is.

    Args:
        folder: of the run.
        settings: of the run, as in config.yaml; they are recorded once, when the run is made.
        say: tells the user one line.
    """

    def __init__(self, folder: RunFolder, settings: Mapping[str, Any], say: Callable[[str], None]) -> None:
        for name, value in _SILENCED.items():
            os.environ.setdefault(name, value)
        remote = os.environ.get("MLFLOW_TRACKING_URI")
        if not remote:  # the library keeps its newest features for databases, of which a run has no need
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.CRITICAL)
        place = remote or (folder.root.absolute() / "mlruns").as_uri()
        with assumed(_HASTY):
            self._client = MlflowClient(tracking_uri=place, registry_uri=place)
            own = read_id(folder.loggers, MLFLOW)
            if own is not None and self._is_known(own):
                self._id = own
            else:
                if own is not None:
                    say("note: MLflow does not know this run any more, so it begins another one there")
                self._id = self._begin(folder, settings)
                write_id(folder.loggers, MLFLOW, self._id)
            self._client.log_artifact(self._id, str(folder.config))

    def _is_known(self, identity: str) -> bool:
        """Tell whether there is such a run, and take it up again."""
        from mlflow.exceptions import MlflowException

        try:
            if self._client.get_run(identity).info.lifecycle_stage != "active":
                return False
            self._client.update_run(identity, status="RUNNING")
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise
        return True

    def _begin(self, folder: RunFolder, settings: Mapping[str, Any]) -> str:
        from mlflow.entities import Param

        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "mutualseg"
        experiment = self._client.get_experiment_by_name(name)
        held = self._client.create_experiment(name) if experiment is None else experiment.experiment_id
        run = self._client.create_run(held, run_name=folder.root.absolute().name)
        plain = flat(settings).items()
        params = [Param(measured_name(key), str(value)[:_MOST_PARAMETER]) for key, value in plain]
        for start in range(0, len(params), 100):  # the most that a server takes at once
            self._client.log_batch(run.info.run_id, params=params[start : start + 100])
        return str(run.info.run_id)

    def losses(self, values: Mapping[str, float], step: int) -> None:
        """Send values of a step."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(measured_name(name), value, now, step) for name, value in values.items()]
        for start in range(0, len(metrics), 1000):
            self._client.log_batch(self._id, metrics=metrics[start : start + 1000])

    def scores(self, values: Mapping[str, float], step: int) -> None:
        """Send values of an evaluation."""
        self.losses(values, step)

    def picture(self, name: str, path: Path, step: int) -> None:
        """Send a picture as an artifact, in a folder of its kind unless it is the only one."""
        if path.is_file():  # old ones are thinned out
            own = None if path.stem == name else name
            self._client.log_artifact(self._id, str(path), artifact_path=own)

    def summary(self, summary: Mapping[str, Any]) -> None:
        """Send the result, as numbers and as the whole file."""
        self.losses(results_of(summary), int(summary["steps"]))
        self._client.log_dict(self._id, dict(summary), "summary.json")

    def close(self, ending: Ending) -> None:
        """Say how the run ended."""
        self._client.set_terminated(self._id, status=_STATUSES[ending])


def measured_name(name: str) -> str:
    """Return a name as MLflow takes it; class names may hold anything."""
    head, slash, tail = name.partition("/")
    kept = _ODD.sub("_", tail.replace("/", "_")).strip()
    if slash and kept in ("", ".", ".."):
        kept = "_" * max(1, len(kept))
    return f"{_ODD.sub('_', head)}{slash}{kept}"[:_MOST_NAME]
