"""The networks whose opinions are compared: two branches of a run, or one network and its mirror image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from mutualseg.data.folder import DataFolder
from mutualseg.data.image_codes import ImageCode
from mutualseg.data.mask_codes import Color
from mutualseg.data.samples import Split
from mutualseg.devices import resolve_device, resolve_precision
from mutualseg.engine.checkpoints import is_sound
from mutualseg.engine.session import Session
from mutualseg.errors import CheckpointError, RunError
from mutualseg.methods.base import Method
from mutualseg.networks.segmenter import Segmenter
from mutualseg.predictor import Predictor
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings

_PAIRS = (("teacher_a", "teacher_b"), ("student_a", "student_b"))
"""Which networks are compared: the first pair that a method has. Teachers are the better ones."""


@dataclass(frozen=True)
class Branches:
    """One or two networks, ready to look at images."""

    networks: Mapping[str, Segmenter] = field(repr=False)
    """By role; of one its mirror image is the other opinion."""
    device: str
    precision: str
    window: int | None
    """Side of the windows in which their run looked at val images; None: whole images."""
    images: ImageCode
    """How they want images read."""
    notes: tuple[str, ...] = ()
    """Sentences for the user: which networks they are, and why not others."""

    @property
    def are_two(self) -> bool:
        """Whether there are two branches."""
        return len(self.networks) == 2

    def ready(self) -> Branches:
        """Return the same with its networks in evaluation mode on their device."""
        moved = {
            role: network.to(self.device).to(memory_format=torch.channels_last).eval()
            for role, network in self.networks.items()
        }
        return replace(self, networks=moved)


def branches_of_weights(path: Path) -> tuple[Branches, tuple[str, ...], tuple[Color, ...] | None]:
    """Return the one network of a weights file or a run's deployed one, its class names and their colors.

    Raises:
        WeightsError: there is none, or it does not fit.
    """
    predictor = Predictor.load(path)
    note = "Weights hold one network, so its own uncertainty ranks: of an image and of its mirror image."
    branches = Branches(
        {"deployed": predictor.network},
        predictor.device,
        predictor.precision,
        predictor.window,
        predictor.images,
        (note,),
    )
    return branches, predictor.classes, predictor.colors


def branches_of_run(folder: RunFolder, settings: Settings, source: DataFolder, split: Split) -> Branches:
    """Return the branches of a run at its newest checkpoint that is sound.

    A run whose method has one network gives that one, as does one without checkpoints (they may be deleted
    once it is finished) its deployed network.

    Raises:
        RunError: the run has neither a checkpoint nor weights, or its checkpoint is of other networks.
    """
    path = _newest_sound(folder)
    if path is None:
        if not folder.weights.is_file():
            raise RunError(
                f"'{folder.root}' has neither a sound checkpoint nor weights to look with; train it first."
            )
        branches, _, _ = branches_of_weights(folder.root)
        return replace(branches, notes=(f"The run has no sound checkpoint. {branches.notes[0]}",))
    # The checkpoint holds every weight, so that what the run started from is not needed.
    session = Session(
        replace(settings, weights="none", init=None), source, split, folder, RunConsole(quiet=True)
    )
    method = session.build_method()
    step = _fill(method, path)
    networks = method.networks()
    roles = next((pair for pair in _PAIRS if networks.keys() >= set(pair)), (method.deployed,))
    device = resolve_device("auto")
    return Branches(
        {role: networks[role] for role in roles},
        device,
        # The precision of training where the device has it, as in `Predictor`.
        "32" if settings.precision == "32" else resolve_precision("auto", device),
        settings.window,
        source.encoding.images,
        tuple(_notes(roles, settings, step)),
    )


def _notes(roles: tuple[str, ...], settings: Settings, step: int) -> list[str]:
    notes = []
    if len(roles) == 1:
        notes.append(
            f"{settings.method['name']} trains one network, so its own uncertainty ranks: of {roles[0]} on "
            "an image and on its mirror image."
        )
    if step < settings.steps:
        notes.append(f"The run is not finished; its networks of step {step} of {settings.steps} are asked.")
    return notes


def _newest_sound(folder: RunFolder) -> Path | None:
    paths = (folder.checkpoint, folder.previous_checkpoint)
    return next((path for path in paths if path.is_file() and is_sound(path)), None)


def _fill(method: Method, path: Path) -> int:
    """Put a sound checkpoint's weights into a method, and return its step."""
    held = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    prefix = "method."
    weights = {
        name.removeprefix(prefix): value
        for name, value in held["state_dict"].items()
        if name.startswith(prefix)
    }
    try:
        method.load_state_dict(weights)
        return int(held["global_step"])
    except (RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"'{path}' holds other networks than config.yaml names; restore the one that the run wrote."
        ) from error
