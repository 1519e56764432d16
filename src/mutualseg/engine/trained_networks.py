"""The networks of a run as its newest sound checkpoint has them, rebuilt without its data."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from mutualseg.data.image_codes import ImageCode
from mutualseg.engine.checkpoints import is_sound
from mutualseg.errors import CheckpointError
from mutualseg.methods import method_class
from mutualseg.methods.base import Method
from mutualseg.networks.build import NetworkConfig, build_segmenter
from mutualseg.networks.segmenter import Segmenter
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings
from mutualseg.supervision import Supervision
from mutualseg.typed_values import typed_values

_PREFIX = "method."
"""Before the names of a method's weights in a checkpoint."""
_PAIRS = (("teacher_a", "teacher_b"), ("student_a", "student_b"))
"""Which networks are a run's two branches: the first pair that it has. Teachers are the better ones."""


@dataclass(frozen=True)
class TrainedNetworks:
    """Every network of a run."""

    networks: Mapping[str, Segmenter] = field(repr=False)
    """By role, on the CPU."""
    deployed: str
    """Role of the one that is shipped."""
    step: int
    """After which they are."""
    path: Path
    """The checkpoint."""

    def branches(self) -> tuple[str, ...]:
        """Return the roles of both branches, or the deployed network's where there is one branch."""
        return _branches(self.networks.keys(), self.deployed)


def newest_checkpoint(folder: RunFolder) -> Path | None:
    """Return the newest checkpoint of a run that is sound; None without one: they may have been deleted."""
    paths = (folder.checkpoint, folder.previous_checkpoint)
    return next((path for path in paths if path.is_file() and is_sound(path)), None)


def networks_of_run(folder: RunFolder, settings: Settings) -> TrainedNetworks | None:
    """Return the networks of a run at its newest checkpoint that is sound.

    Args:
        folder: of the run.
        settings: of the run.

    Returns:
        None without such a checkpoint, and of a distilled run, whose checkpoints lack the networks that
        taught it. The deployed network is in a file of its own.

    Raises:
        CheckpointError: the checkpoint is of other networks.
    """
    path = None if settings.teachers is not None else newest_checkpoint(folder)
    return None if path is None else networks_at(path, folder, settings)


def networks_at(path: Path, folder: RunFolder, settings: Settings) -> TrainedNetworks:
    """Return the networks that a sound checkpoint holds; arguments and errors as of `networks_of_run`."""
    method = _fresh_method(settings, len(folder.read_classes()))
    step = _fill(method, path)
    return TrainedNetworks(method.networks(), method.deployed, step, path)


def branches_at(path: Path, deployed: str) -> tuple[tuple[str, ...], int]:
    """Return what `TrainedNetworks` says of a sound checkpoint, its branches and its step, but build nothing.

    Args:
        path: the checkpoint.
        deployed: role of the run's deployed network.
    """
    held = torch.load(path, map_location="cpu", weights_only=True, mmap=True)  # no tensor of it is read
    parts = {name.removeprefix(_PREFIX).partition(".")[0] for name in held["state_dict"]}
    return _branches(parts, deployed), int(held["global_step"])


def _branches(roles: Collection[str], deployed: str) -> tuple[str, ...]:
    return next((pair for pair in _PAIRS if set(pair) <= set(roles)), (deployed,))


def _fresh_method(settings: Settings, num_classes: int) -> Method:
    """Return a run's method with random weights: the checkpoint holds every weight."""
    images = ImageCode.from_plain(settings.image_code)
    usual = NetworkConfig(
        settings.network, settings.encoder, num_classes, images.channels, images.mean, images.std
    )

    def build(role: str, network: str | None = None) -> Segmenter:
        return build_segmenter(usual if network is None else replace(usual, network=network))

    given = {key: value for key, value in settings.method.items() if key != "name"}
    found = method_class(settings.method["name"])
    method = found(build, **typed_values(found, given, "method.{}", "build_network"))
    method.supervised_loss = Supervision(**settings.supervision).build()
    return method


def _fill(method: Method, path: Path) -> int:
    """Put a sound checkpoint's weights into a method, and return its step."""
    held = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    weights = {
        name.removeprefix(_PREFIX): value
        for name, value in held["state_dict"].items()
        if name.startswith(_PREFIX)
    }
    try:
        method.load_state_dict(weights)
        return int(held["global_step"])
    except (RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"'{path}' holds other networks than config.yaml names; restore the one that the run wrote."
        ) from error
