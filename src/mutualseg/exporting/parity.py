"""Whether an exported file says what the network says, on images of several sizes and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mutualseg.errors import ExportError
from mutualseg.exporting.sessions import Array, Run
from mutualseg.networks.segmenter import Segmenter
from mutualseg.one_line import one_line

LEAST_AGREEMENT = 99.9
"""Percent of all pixels on which both must name the same class."""
LARGEST_DIFFERENCE = 1e-3
"""Of logits, as a share of the largest one or of 1: beyond it rounding is no explanation."""

LONGEST_SIDE = 1024
"""Larger images are compared by their middle, since logits of all classes are held twice."""


@dataclass(frozen=True)
class Case:
    """What a batch of images came to."""

    shape: tuple[int, ...]
    """Of the images, (N, C, H, W)."""
    max_difference: float
    """Of logits."""
    largest_logit: float
    agreeing: int
    """Pixels on which both name the same class."""
    pixels: int

    @property
    def is_close(self) -> bool:
        """Whether the logits are equal up to rounding; never if one is not finite."""
        return self.max_difference <= LARGEST_DIFFERENCE * max(1.0, self.largest_logit)


@dataclass(frozen=True)
class Parity:
    """A file beside the network that it was made of."""

    cases: tuple[Case, ...]
    images: int
    source: str
    """Where the images are from, in words."""

    @property
    def max_difference(self) -> float:
        """The largest difference of two logits."""
        return max(case.max_difference for case in self.cases)

    @property
    def agreement(self) -> float:
        """Percent of pixels on which both name the same class."""
        return 100 * sum(case.agreeing for case in self.cases) / sum(case.pixels for case in self.cases)

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for a file."""
        return {
            "images": self.images,
            "source": self.source,
            "max_difference": float(f"{self.max_difference:.3g}"),
            "largest_logit": float(f"{max(case.largest_logit for case in self.cases):.3g}"),
            "agreement": round(self.agreement, 4),
            "shapes": [list(case.shape) for case in self.cases],
        }


def require_parity(parity: Parity, name: str) -> None:
    """Raise ExportError if a file says something else than the network."""
    far = [case for case in parity.cases if not case.is_close]
    if not far and parity.agreement >= LEAST_AGREEMENT:
        return
    where = f", most on images of {_size(max(far, key=_badness))}" if far else ""
    raise ExportError(
        f"The {name} file differs from the network in PyTorch: logits by up to {parity.max_difference:.2g}, "
        f"and both name the same class on {parity.agreement:.2f} % of pixels (at least {LEAST_AGREEMENT} are "
        f"needed){where}; it was not kept, so export another network or format."
    )


def compare(network: Segmenter, run: Run, images: Sequence[Tensor], source: str) -> Parity:
    """Run the network and the file on the same images.

    Args:
        network: in evaluation mode, on the CPU.
        run: the file.
        images: [C,H,W] float32 in [0, 1] each, at least one.
        source: where they are from, in words.
    """
    cases = tuple(_compared(network, run, batch) for batch in _batches(images, network.multiple))
    return Parity(cases, len(images), source)


def _batches(images: Sequence[Tensor], multiple: int) -> Iterator[Tensor]:
    """Yield [N,C,H,W]: each image as it is, then pieces of them in batches and sizes odd and even."""
    for image in images:
        yield middle(image, (LONGEST_SIDE, LONGEST_SIDE))[None]
    sizes = [
        (1, (97, 131)),
        (2, (multiple, 3 * multiple)),
        (3, (2 * multiple + 1, multiple - 1)),
        (5, (1, multiple + 1)),
    ]
    for count, size in sizes:
        yield torch.stack([_piece(images[index % len(images)], size, index) for index in range(count)])


def _piece(image: Tensor, size: tuple[int, int], index: int) -> Tensor:
    """Return [C,h,w] of an image, repeated where it is smaller; another part for another index."""
    repeats = [-(-wanted // have) for wanted, have in zip(size, image.shape[1:], strict=True)]
    shifted = image.repeat(1, *repeats).roll((7 * index, 11 * index), (1, 2))
    return middle(shifted, size)


def middle(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the middle of an image [C,H,W], at most so many pixels high and wide."""
    height, width = image.shape[-2:]
    top, left = max(0, height - size[0]) // 2, max(0, width - size[1]) // 2
    return image[:, top : top + size[0], left : left + size[1]].contiguous()


def _compared(network: Segmenter, run: Run, batch: Tensor) -> Case:
    with torch.no_grad():
        expected: Array = network.segment(batch).numpy()
    shape = tuple(batch.shape)
    try:
        said = run(batch.numpy())
    except Exception as error:  # of a runtime, of whatever kind
        raise ExportError(
            f"The exported file fails on images of {_size_of(shape)} ({one_line(error)}); export another "
            "network or format."
        ) from error
    if said.logits.shape != expected.shape or said.classes.shape != (shape[0], *shape[2:]):
        raise ExportError(
            f"The exported file returns logits of shape {list(said.logits.shape)} for images of "
            f"{_size_of(shape)}, not {list(expected.shape)}; export another network or format."
        )
    difference = float(np.abs(said.logits - expected).max())
    same = said.classes == expected.argmax(1)
    return Case(
        shape,
        difference if np.isfinite(difference) else float("inf"),
        float(np.abs(expected).max()),
        int(same.sum()),
        same.size,
    )


def _badness(case: Case) -> float:
    return case.max_difference / max(1.0, case.largest_logit)


def _size(case: Case) -> str:
    return _size_of(case.shape)


def _size_of(shape: Sequence[int]) -> str:
    return "x".join(str(side) for side in shape)
