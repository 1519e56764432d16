"""What two branches say of an image, at the grid of their logits and in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from mutualseg.devices import autocast
from mutualseg.evaluation.inference import batch_logits
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.networks.segmenter import Segmenter, round_up
from mutualseg.pixel_values import to_unit
from mutualseg.suggesting.branches import Branches
from mutualseg.suggesting.uncertainty import disagreement, total_uncertainty, weighted_mean

LARGEST_WHOLE = 2048 * 2048
"""Pixels up to which an image is looked at whole where its run knows no windows."""
_TILE = 1024


@dataclass(frozen=True)
class Look:
    """What is kept of one image."""

    uncertainty: float
    """Mean over pixels of `disagreement` (or `total_uncertainty`) times the pixel's class weight."""
    differing: float
    """Share of pixels that the two opinions name differently, in [0, 1]."""
    shares: npt.NDArray[np.float32]
    """Mean class probabilities over the pixels and both opinions, [K]."""
    features: npt.NDArray[np.float32]
    """Mean features over the pixels of each network, one after the other, [sum of D]."""


@dataclass(frozen=True)
class Maps:
    """What the sheet and the masks of an image are made from, at its own size."""

    classes: npt.NDArray[np.uint8]
    """Class indices by the mean of both opinions, [H,W]."""
    uncertainty: npt.NDArray[np.float32]
    """Of each pixel, in [0, 1], [H,W]."""


@torch.no_grad()
def look_at(branches: Branches, image: Tensor, weights: Tensor) -> Look:
    """Return what is kept of an image.

    Args:
        branches: ready to look.
        image: [C,H,W] as `ImageCode.read` has it.
        weights: of each class, [K]; see `rarity.class_weights`.
    """
    side = branches.window
    if side is None and image.shape[-2] * image.shape[-1] > LARGEST_WHOLE:
        side = _TILE
    total = 0
    sums: list[Tensor] = []
    for tile in tiles(image, side):
        pixels = tile.shape[-2] * tile.shape[-1]
        total += pixels
        found = [part.double().cpu() * pixels for part in _look_whole(branches, tile, weights)]
        sums = found if not sums else [one + other for one, other in zip(sums, found, strict=True)]
    uncertainty, differing, shares, features = (part / total for part in sums)
    return Look(float(uncertainty), float(differing), shares.float().numpy(), features.float().numpy())


def tiles(image: Tensor, side: int | None) -> Iterator[Tensor]:
    """Yield parts of an image [C,H,W], none longer than `side`, of nearly equal size; it itself for None."""
    if side is None:
        yield image
        return
    for rows in image.split(_even_side(image.shape[-2], side), -2):
        yield from rows.split(_even_side(image.shape[-1], side), -1)


def _even_side(length: int, side: int) -> int:
    return -(-length // -(-length // side))


def _look_whole(branches: Branches, tile: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    floats = to_unit(tile[None].to(branches.device)).contiguous(memory_format=torch.channels_last)
    found = [_ask(network, floats, branches) for network in branches.networks.values()]
    features = torch.cat([own for _, own in found])
    if branches.are_two:
        one, other = found[0][0], found[1][0]
        other = (
            F.interpolate(other[None], one.shape[-2:], mode="bilinear")[0] if _differ(one, other) else other
        )
        unsure = disagreement(one, other)
    else:
        one = found[0][0]
        mirrored, _ = _ask(next(iter(branches.networks.values())), floats.flip(-1), branches)
        other = mirrored.flip(-1)
        unsure = total_uncertainty(one, other)
    both = (one + other) / 2
    return (
        weighted_mean(unsure, both, weights.to(both)),
        (one.argmax(0) != other.argmax(0)).float().mean(),
        both.mean((1, 2)),
        features,
    )


def _differ(one: Tensor, other: Tensor) -> bool:
    return one.shape != other.shape


def _ask(network: Segmenter, floats: Tensor, branches: Branches) -> tuple[Tensor, Tensor]:
    """Return class probabilities [K,h,w] and mean features [D], without what lies in the padding."""
    with autocast(branches.device, branches.precision):
        output = network(floats)
    height, width = floats.shape[-2:]
    rows, columns = output.logits.shape[-2:]
    # The padding is at the right and at the bottom.
    rows = max(1, round(rows * height / round_up(height, network.multiple)))
    columns = max(1, round(columns * width / round_up(width, network.multiple)))
    probabilities = output.logits[0, :, :rows, :columns].float().softmax(0)
    return probabilities, output.features[0, :, :rows, :columns].float().mean((1, 2))


@torch.no_grad()
def draw_maps(branches: Branches, image: Tensor) -> Maps:
    """Return the classes and the uncertainty of each pixel of an image [C,H,W]."""
    side = branches.window
    if side is None and image.shape[-2] * image.shape[-1] > LARGEST_WHOLE:
        side = _TILE
    options = InferenceOptions(side)
    networks = list(branches.networks.values())

    def ask(network: Segmenter, asked: Tensor) -> Tensor:
        return batch_logits(
            network, [asked], device=branches.device, precision=branches.precision, options=options
        )[0].softmax(0)

    one = ask(networks[0], image)
    other = ask(networks[1], image) if branches.are_two else ask(networks[0], image.flip(-1)).flip(-1)
    unsure = disagreement(one, other) if branches.are_two else total_uncertainty(one, other)
    classes: Any = (one + other).argmax(0).to(torch.uint8).cpu().numpy()
    return Maps(classes, unsure.cpu().numpy())
