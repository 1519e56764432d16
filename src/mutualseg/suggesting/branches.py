"""The networks whose opinions are compared: two branches of a run, or one network and its mirror image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from mutualseg.data.folder import DataFolder
from mutualseg.data.image_codes import ImageCode
from mutualseg.data.mask_codes import Color
from mutualseg.devices import resolve_device, resolve_precision
from mutualseg.engine.trained_networks import networks_of_run
from mutualseg.errors import RunError
from mutualseg.networks.segmenter import Segmenter
from mutualseg.predictor import Predictor
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings


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


def branches_of_run(folder: RunFolder, settings: Settings, source: DataFolder) -> Branches:
    """Return the branches of a run at its newest checkpoint that is sound.

    A run whose method has one network gives that one, as does one without checkpoints (they may be deleted
    once it is finished) its deployed network.

    Raises:
        RunError: the run has neither a checkpoint nor weights, or its checkpoint is of other networks.
    """
    found = networks_of_run(folder, settings)
    if found is None:
        if not folder.weights.is_file():
            raise RunError(
                f"'{folder.root}' has neither a sound checkpoint nor weights to look with; train it first."
            )
        branches, _, _ = branches_of_weights(folder.root)
        if settings.teachers is not None:
            return branches
        return replace(branches, notes=(f"The run has no sound checkpoint. {branches.notes[0]}",))
    roles = found.branches()
    device = resolve_device("auto")
    return Branches(
        {role: found.networks[role] for role in roles},
        device,
        # The precision of training where the device has it, as in `Predictor`.
        "32" if settings.precision == "32" else resolve_precision("auto", device),
        settings.window,
        source.encoding.images,
        tuple(_notes(roles, settings, found.step)),
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
