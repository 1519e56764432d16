"""The run whose networks teach a distilled one: named in its config.yaml, and known again by its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mutualseg.engine.trained_networks import branches_at, networks_at, newest_checkpoint
from mutualseg.errors import ConfigError, RunError
from mutualseg.networks.segmenter import Segmenter
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings
from mutualseg.shell_lines import shell_line
from mutualseg.typed_values import typed_values
from mutualseg.weights_files import load_network

ROLES = ("teacher_a", "teacher_b")
"""What the networks that teach are called in the run that they teach, whatever their own run calls them."""


@dataclass(frozen=True)
class Teachers:
    """Who teaches, as `teachers` in config.yaml."""

    run: str
    """Absolute path of the run folder."""
    file: str
    """Of their weights, below it."""
    sha256: str
    """Of that file."""
    networks: list[str]
    """Their roles in their own run: both branches, or one network."""
    method: str
    """Of their run, like what follows."""
    network: str
    encoder: str
    miou: float

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for a file."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Teachers:
        """Return what `to_plain` returned.

        Raises:
            ConfigError: a value is missing, unknown, or of another type.
        """
        missing = sorted(cls.__dataclass_fields__.keys() - values.keys())
        if missing:
            raise ConfigError(f"teachers.{missing[0]} is missing.")
        found = cls(**typed_values(cls, values, "teachers.{}"))
        if not 1 <= len(found.networks) <= len(ROLES):
            raise ConfigError(f"teachers.networks names {len(found.networks)} networks; name one or two.")
        if found.file not in _files(RunFolder(Path())):
            raise ConfigError(f"teachers.file is '{found.file}', which holds no networks of a run.")
        return found


def choose_teachers(folder: RunFolder, settings: Settings) -> tuple[Teachers, str]:
    """Return who of a finished run teaches, and a sentence about it.

    Both branches do; of a run with one network, or without a checkpoint, its deployed network alone.

    Raises:
        RunError: the run has neither a sound checkpoint nor weights.
    """
    summary = folder.read_summary()
    path = None if settings.teachers is not None else newest_checkpoint(folder)
    if path is not None:
        roles, step = branches_at(path, str(summary["deployed"]))
    elif folder.weights.is_file():
        path, roles, step = folder.weights, (str(summary["deployed"]),), settings.steps
    else:
        raise RunError(
            f"{folder.root} has neither a sound checkpoint nor weights to learn from; restore them, or train "
            "it again."
        )
    teachers = Teachers(
        run=str(folder.root.absolute()),
        file=path.relative_to(folder.root).as_posix(),
        sha256=_digest(path),
        networks=list(roles),
        method=str(settings.method["name"]),
        network=settings.network,
        encoder=settings.encoder,
        miou=float(summary["miou"]),
    )
    return teachers, _sentence(folder, settings, teachers, step)


def _sentence(folder: RunFolder, settings: Settings, teachers: Teachers, step: int) -> str:
    names = [role.replace("_", " ") for role in teachers.networks]
    if len(names) == 2:
        note = f"{names[0]} and {names[1]} of {folder.root} teach, by the mean of their probabilities"
    elif teachers.file == folder.weights.relative_to(folder.root).as_posix() and settings.teachers is None:
        note = f"{folder.root} has no sound checkpoint, so its deployed network teaches alone"
    else:
        note = f"{folder.root} ({teachers.method}) deploys one network, which teaches alone: {names[0]}"
    if step < settings.steps:
        note += f", as they were at step {step} of {settings.steps}: the last checkpoint is damaged or gone"
    return note


def load_teachers(
    teachers: Teachers, *, beside: Path, num_classes: int, channels: int
) -> dict[str, Segmenter]:
    """Return the networks that teach, under the roles that they have there, on the CPU.

    Args:
        teachers: who they are.
        beside: the distilled run's folder: where both were moved together, theirs is the one above it.
        num_classes: that they have to know.
        channels: of the images that they have to take.

    Raises:
        RunError: they are gone, or are others than when the distilled run began.
    """
    path, folder = _find(teachers, beside)
    if path == folder.weights:
        networks = [load_network(path)[0]]
    else:
        settings = Settings.from_dict(folder.read_config(), str(folder.config))
        held = networks_at(path, folder, settings).networks
        if not held.keys() >= set(teachers.networks):
            raise RunError(
                f"'{path}' lacks {' or '.join(teachers.networks)}; restore the config.yaml beside it."
            )
        networks = [held[role] for role in teachers.networks]
    for network in networks:
        if (network.num_classes, network.channels) != (num_classes, channels):
            raise RunError(
                f"The networks in '{path}' know {network.num_classes} classes and take {network.channels} "
                f"channels, not {num_classes} and {channels}; give the data that their run learned from."
            )
    return dict(zip(ROLES, networks, strict=False))


def _find(teachers: Teachers, beside: Path) -> tuple[Path, RunFolder]:
    there = [RunFolder(Path(teachers.run)), RunFolder(beside.absolute().parent)]
    seen = []
    for folder in there:
        for name in _same_kind(folder, teachers.file):
            path = folder.root / name
            if path.is_file():
                seen.append(path)
                if _digest(path) == teachers.sha256:
                    return path, folder
    again = f"distill anew: {shell_line('distill', teachers.run)} --encoder NAME"
    if not seen:
        raise RunError(
            f"The run {teachers.run} that teaches is gone, or its {teachers.file} is; restore it, or, where "
            "it was moved, put its new path into config.yaml (teachers: run)."
        )
    raise RunError(
        f"'{seen[0]}' has changed since the run that it teaches began, so other networks would teach now; "
        f"restore it, or {again}"
    )


def _same_kind(folder: RunFolder, file: str) -> Iterator[str]:
    """Yield the file, then the checkpoint that the newest one may have become since."""
    yield file
    checkpoints = [path.relative_to(folder.root).as_posix() for path in _checkpoints(folder)]
    if file in checkpoints:
        yield from (name for name in checkpoints if name != file)


def _checkpoints(folder: RunFolder) -> tuple[Path, ...]:
    return (folder.checkpoint, folder.previous_checkpoint)


def _files(folder: RunFolder) -> list[str]:
    return [path.relative_to(folder.root).as_posix() for path in (*_checkpoints(folder), folder.weights)]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
