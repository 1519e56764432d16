"""What goes through the pipeline from files to masks: images, frames of videos, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy.typing as npt
from torch import Tensor

from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.evaluation.large_images import Look
from mutualseg.predicting.target import Target


class Large(NamedTuple):
    """An image that is not decoded at once."""

    size: tuple[int, int]
    """Height and width."""
    options: InferenceOptions
    """How it is looked at, in windows."""


@dataclass(frozen=True)
class Item:
    """An image or a frame on its way from file to mask."""

    target: Target
    name: str
    """Of its files below the output folder, without a suffix."""
    image: Tensor | Large | None = None
    """[C,H,W] as the network reads it; None if there is none."""
    look: Look | None = None
    """What the network says of it."""
    problem: str | None = None
    """Why there is nothing, or what was wrong with a video."""
    written: tuple[tuple[str, Path], ...] = ()
    """Kind and path of each file that was written of it."""
    overlay: npt.NDArray[Any] | None = None
    """RGB [H,W,3] for the overlay video, of a frame."""
    rate: float = field(default=0.0)
    """Frames a second of an overlay video, of a frame."""
    is_end: bool = False
    """Whether this stands for the end of a video."""

    def now(self, **changes: Any) -> Item:
        """Return the item with what was found out."""
        return replace(self, **changes)
