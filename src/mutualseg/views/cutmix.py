"""CutMix: boxes of one image are pasted into another, the same in images, logits, features and validity.

After French et al., "Semi-supervised semantic segmentation needs strong, varied perturbations", BMVC 2020
(arXiv 1906.01916), with the boxes of MKD (arXiv 2208.11499).
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor
from torch.nn import functional as F

from mutualseg.errors import ConfigError


def check_cutmix(boxes: int, share: tuple[float, float]) -> None:
    """Raise ConfigError unless boxes >= 0 and 0 <= share[0] <= share[1] <= 1."""
    if boxes < 0:
        raise ConfigError(f"CutMix with {boxes} boxes; give 0 (off) or more")
    if not 0 <= share[0] <= share[1] <= 1:
        raise ConfigError(f"CutMix share is {tuple(share)}; give (smallest, largest) within 0 to 1")


def draw_keep(
    generator: torch.Generator,
    size: tuple[int, int],
    *,
    boxes: int = 3,
    share: tuple[float, float] = (0.25, 0.5),
) -> Tensor:
    """Draw the CutMix mask M of one image from n boxes.

    Each box draws p from `share` and u from [0, 1); it covers p / n of the image, with sides
    p^u / sqrt(n) and p^(1 - u) / sqrt(n) of the image's, and lies anywhere within it. Where boxes
    overlap they cancel: a pixel inside an even number of them is kept.

    Args:
        generator: CPU generator, used for nothing else.
        size: Height and width of the crop in pixels.
        boxes: Number of boxes n; 0 turns CutMix off.
        share: Smallest and largest p; (0, 0) turns CutMix off.

    Returns:
        [1,H,W] bool: True keeps the image, False takes its partner.

    Raises:
        ConfigError: `boxes` or `share` is out of range.
    """
    check_cutmix(boxes, share)
    keep = torch.ones((1, *size), dtype=torch.bool)
    for draw, shape, down, right in torch.rand((boxes, 4), generator=generator, dtype=torch.float64).tolist():
        p = share[0] + (share[1] - share[0]) * draw
        if p == 0:  # 0 ** 0 would make a side out of nothing
            continue
        height = round(size[0] * p**shape / sqrt(boxes))
        width = round(size[1] * p ** (1 - shape) / sqrt(boxes))
        top = int(down * (size[0] - height + 1))
        left = int(right * (size[1] - width + 1))
        keep[:, top : top + height, left : left + width] ^= True
    return keep


def partner(batch_size: int, *, device: torch.device | None = None) -> Tensor:
    """Return for each image of a batch the index of the image that fills its boxes.

    Even batches pair up as 0-1, 2-3, ..., so a batch that is split over processes at even places mixes the
    same images. In odd batches image i takes image i + 1, the last one image 0.

    Args:
        batch_size: Number of images B.
        device: Where the tensor shall lie.

    Returns:
        [B] int64.

    Raises:
        ConfigError: There are fewer than two images.
    """
    if batch_size < 2:
        raise ConfigError(
            f"CutMix needs at least 2 unlabeled images per process and step, got {batch_size}; "
            "raise the batch size, or turn CutMix off with 0 boxes"
        )
    index = torch.arange(batch_size, device=device)
    return index ^ 1 if batch_size % 2 == 0 else (index + 1) % batch_size


def mix(tensor: Tensor, keep: Tensor, partner: Tensor) -> Tensor:
    """Return M * tensor + (1 - M) * tensor[partner], for any dtype and without arithmetic.

    Args:
        tensor: [B,...,H,W]: images, logits, features, or [B,H,W] labels, validity, confidences.
        keep: [B,1,H,W] bool mask M at the tensor's size (see `resize_keep`).
        partner: [B] int64, each image's partner.

    Returns:
        The mixed tensor, same shape and dtype.

    Raises:
        ValueError: `keep` does not match the tensor's batch or size.
    """
    batch, (height, width) = tensor.shape[0], tensor.shape[-2:]
    if tuple(keep.shape) != (batch, 1, height, width):
        raise ValueError(
            f"keep is {tuple(keep.shape)}, the tensor {tuple(tensor.shape)}; use resize_keep first"
        )
    over = keep.view(batch, *[1] * (tensor.ndim - 3), height, width)
    return torch.where(over, tensor, tensor[partner])


def mix_on_grid(maps: Tensor, keep: Tensor, partner: Tensor) -> Tensor:
    """Mix a network's maps [B,C,h,w] as the images were mixed, with M resized to their grid."""
    return mix(maps, resize_keep(keep, (maps.shape[-2], maps.shape[-1])), partner)


def resize_keep(keep: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize a mask M to a network's grid by nearest neighbor (torch's 'nearest').

    The same mode brings labels and validity to the grid (`losses.resize`), so mixing before or after that
    is the same.

    Args:
        keep: [B,1,H,W] bool.
        size: Height and width of the grid (h, w).

    Returns:
        [B,1,h,w] bool.
    """
    if tuple(keep.shape[-2:]) == tuple(size):
        return keep
    return F.interpolate(keep.float(), size=size, mode="nearest").bool()
