"""The run folder: which file is where, and how it is written and read."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mutualseg.atomic_files import write_text
from mutualseg.errors import RunError, WeightsError
from mutualseg.one_line import one_line
from mutualseg.plain_yaml import NotPlainError, plain_text, read_plain

DISTILLED = "distilled"
"""Name of the folder of what a run has taught; further ones end in -2, -3, ..."""
_DISTILLED = re.compile(rf"{DISTILLED}(-\d+)?")

_RESULTS = {"method", "networks", "deployed", "steps", "seconds", "training_seconds"}
"""What every summary holds."""


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run."""

    root: Path

    @property
    def config(self) -> Path:
        """All resolved values; `train --config` takes it."""
        return self.root / "config.yaml"

    @property
    def split(self) -> Path:
        """Which images were labeled, unlabeled, val and test."""
        return self.root / "split.json"

    @property
    def classes(self) -> Path:
        """Class names, one a line by index."""
        return self.root / "classes.txt"

    @property
    def metrics(self) -> Path:
        """One row per evaluation, without times."""
        return self.root / "metrics.csv"

    @property
    def monitor(self) -> Path:
        """One row per evaluation: how good pseudo-labels are, seen on the val images."""
        return self.root / "monitor.csv"

    @property
    def losses(self) -> Path:
        """One row per recorded step; written for `--logger csv` only."""
        return self.root / "losses.csv"

    @property
    def loggers(self) -> Path:
        """Under which names the run is kept at W&B or MLflow; there only if it is."""
        return self.root / "loggers.json"

    @property
    def timing(self) -> Path:
        """One row per evaluation: seconds of training and of evaluation so far."""
        return self.root / "timing.csv"

    @property
    def skipped(self) -> Path:
        """One row per image that was skipped, with the reason; written for `--on-bad-image skip` only."""
        return self.root / "skipped.csv"

    @property
    def summary(self) -> Path:
        """The result; it exists only once the run is finished."""
        return self.root / "summary.json"

    @property
    def report(self) -> Path:
        """The page to look at; written at the end, and by `mutualseg report`."""
        return self.root / "report.html"

    @property
    def views(self) -> Path:
        """Picture of what the networks see."""
        return self.root / "views.png"

    @property
    def pseudo_labels(self) -> Path:
        """Folder of pseudo-label pictures, one per evaluation."""
        return self.root / "pseudo_labels"

    @property
    def val_predictions(self) -> Path:
        """Folder of pictures of val images, their truth and what the deployed network says, likewise."""
        return self.root / "val_predictions"

    @property
    def checkpoint(self) -> Path:
        """The newest checkpoint."""
        return self.root / "checkpoints" / "last.ckpt"

    @property
    def previous_checkpoint(self) -> Path:
        """The one before."""
        return self.root / "checkpoints" / "previous.ckpt"

    @property
    def damaged_checkpoint(self) -> Path:
        """A newest checkpoint that a resumed run found damaged and passed over."""
        return self.root / "checkpoints" / "last.damaged"

    @property
    def newest_checkpoint(self) -> Path:
        """The checkpoint to resume from: a kill between two renames leaves only the previous one."""
        return self.checkpoint if self.checkpoint.is_file() else self.previous_checkpoint

    @property
    def weights(self) -> Path:
        """The deployed network."""
        return self.root / "weights" / "deployed.safetensors"

    @property
    def best_weights(self) -> Path:
        """The deployed network at its best evaluation; written for `--select best` only."""
        return self.root / "weights" / "best.safetensors"

    @property
    def baseline(self) -> Path:
        """Run folder of the labels-only twin; written for `--with-baseline` only."""
        return self.root / "baseline"

    @property
    def export(self) -> Path:
        """Folder of what `export` wrote."""
        return self.root / "export"

    def distilled(self) -> list[RunFolder]:
        """Return the folders in it of networks that it has taught, the oldest name first."""
        found = [path for path in self.root.iterdir() if path.is_dir() and is_distilled(path.name)]
        return [RunFolder(path) for path in sorted(found, key=lambda path: (len(path.name), path.name))]

    @property
    def error(self) -> Path:
        """Traceback of a fault of the program that ended the run in a comparison."""
        return self.root / "error.txt"

    @property
    def bad_batches(self) -> Path:
        """Folder of what skipped steps looked at; there only if there were any."""
        return self.root / "bad_batches"

    def is_finished(self) -> bool:
        """Whether the run has its summary."""
        return self.summary.is_file()

    def read_summary(self) -> dict[str, Any]:
        """Return the result of a finished run.

        Raises:
            RunError: the file is damaged.
        """
        try:
            summary = json.loads(self.summary.read_text(encoding="utf-8"))
        except ValueError:  # no JSON, or no text
            summary = None
        if not isinstance(summary, dict) or not summary.keys() >= _RESULTS:
            raise RunError(
                f"'{self.summary}' is damaged; delete it, and the run goes on from its last checkpoint."
            )
        return summary

    def write_config(self, values: dict[str, Any], comment: str | None = None) -> None:
        """Write every resolved value of the run, under a comment that says where they come from."""
        head = f"# {comment}\n" if comment else ""
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
        write_text(self.config, head + text)

    def read_config(self) -> dict[str, Any]:
        """Return what `write_config` wrote.

        Raises:
            RunError: this is no run folder.
        """
        if not self.config.is_file():
            raise RunError(
                f"'{self.root}' is no run folder (it has no config.yaml); give the --out of a train."
            )
        try:
            values = read_plain(plain_text(self.config))
        except (NotPlainError, UnicodeDecodeError) as error:
            line = getattr(error, "line", None)
            where = f", line {line}" if line is not None else ""
            raise RunError(
                f"'{self.config}' cannot be read ({one_line(error)}{where}); correct or restore it."
            ) from error
        if not isinstance(values, dict):
            raise RunError(f"'{self.config}' holds no settings; restore it or train again.")
        return values

    def write_classes(self, classes: Sequence[str]) -> None:
        """Write the class names, one a line by index."""
        write_text(self.classes, "".join(f"{name}\n" for name in classes))

    def read_classes(self) -> tuple[str, ...]:
        """Return what `write_classes` wrote; empty if it is not there."""
        return tuple(self.classes.read_text(encoding="utf-8").splitlines()) if self.classes.is_file() else ()

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write the result; a kill leaves the whole file or none, since its presence means finished."""
        # Bytes of a file name that are no text become \udce9, which is how JSON writes them too.
        text = json.dumps(summary, indent=2, ensure_ascii=False) + "\n"
        write_text(self.summary, text, errors="backslashreplace")


def is_distilled(name: str) -> bool:
    """Whether an entry of a run folder is named as what the run has taught."""
    return _DISTILLED.fullmatch(name) is not None


def next_free(parent: Path, name: str) -> Path:
    """Return `parent/name`, or with -2, -3, ... the first of them that is not there or empty."""
    candidate, number = parent / name, 2
    while candidate.exists() and not (candidate.is_dir() and not any(candidate.iterdir())):
        candidate, number = parent / f"{name}-{number}", number + 1
    return candidate


def weights_of(path: Path) -> Path:
    """Return the deployed weights of a run folder, or the path itself if it is a file."""
    return RunFolder(path).weights if path.is_dir() else path


def require_there(path: Path) -> Path:
    """Return the path of a run folder or weights file; WeightsError if there is nothing."""
    if not path.exists():
        raise WeightsError(f"There is no run or weights file '{path}'; check the path.")
    return path


def require_weights(path: Path) -> Path:
    """Return what `weights_of` returns; WeightsError if there is no such file."""
    require_there(path)
    weights = weights_of(path)
    if not weights.is_file():
        raise WeightsError(f"There are no weights at '{weights}'; finish the training, or give another path.")
    return weights
