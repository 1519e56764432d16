"""Pictures for the tests of this folder, and batches of them with padding."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from mutualseg.seeding import generator_at
from mutualseg.types import ColorSteps
from mutualseg.views.color_steps import apply_steps
from mutualseg.views.geometry import PAD_VALUE

SIDE = 32
SIZES = ((32, 32), (32, 11), (5, 32), (1, 1), (2, 3), (21, 19), (1, 32), (23, 27))
"""Content sizes: none, one or both sides padded, and few pixels, where a blur reaches over its border."""


def noise(seed: int) -> Tensor:
    """Return [3,32,32] uint8 of all levels."""
    return torch.randint(0, 256, (3, SIDE, SIDE), dtype=torch.uint8, generator=generator_at(seed, "noise"))


def smooth(seed: int) -> Tensor:
    """Return [3,32,32] uint8 of slow transitions, gray areas among them."""
    coarse = torch.rand(1, 3, 4, 4, generator=generator_at(seed, "smooth"))
    coarse[..., :2, :2] = coarse[:, :1, :2, :2]
    fine = F.interpolate(coarse, size=(SIDE, SIDE), mode="bilinear")[0]
    return (fine * 255).to(torch.uint8)


def crops(seed: int) -> list[Tensor]:
    """Return a picture [3,h,w] of each size, of both sorts."""
    made = [(smooth if place % 2 else noise)(len(SIZES) * seed + place) for place in range(len(SIZES))]
    return [image[:, :height, :width] for image, (height, width) in zip(made, SIZES, strict=True)]


def padded(images: Sequence[Tensor], value: int = PAD_VALUE) -> Tensor:
    """Return [B,3,32,32] of images at the top left."""
    batch = torch.full((len(images), 3, SIDE, SIDE), value, dtype=torch.uint8)
    for place, image in zip(batch, images, strict=True):
        place[:, : image.shape[1], : image.shape[2]] = image
    return batch


def contents(images: Sequence[Tensor]) -> Tensor:
    """Return [B,2] sizes."""
    return torch.tensor([image.shape[1:] for image in images])


def one_by_one(images: Sequence[Tensor], steps: Sequence[ColorSteps]) -> Tensor:
    """Return the padded batch of images, each colored by itself before."""
    return padded([apply_steps(image, own) for image, own in zip(images, steps, strict=True)])
