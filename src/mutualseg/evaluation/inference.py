"""Networks on images of any size, several at a time: class logits at the images' own size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice

import torch
from torch import Tensor

from mutualseg.devices import autocast
from mutualseg.evaluation.windows import cut_windows, join_windows, window_corners
from mutualseg.networks.segmenter import Segmenter
from mutualseg.pixel_values import to_unit

BATCH = {"cpu": 1, "mps": 4, "cuda": 8}
"""Images or windows that are segmented at a time. On a CPU more gain nothing and cost memory."""


@torch.no_grad()
def batch_logits(
    network: Segmenter, images: Sequence[Tensor], *, device: str, precision: str, window: int | None = None
) -> list[Tensor]:
    """Return each image's logits at its own size.

    Args:
        network: put into evaluation mode meanwhile.
        images: [C,H,W] each, uint8 or float32 in [0, 1]; those of one size, or windows of it, go through the
            network together.
        device: where the network is.
        precision: `32` or `bf16`.
        window: side of the windows that images are cut into, overlapping by a third; None: whole images.

    Returns:
        [K,H,W] float32 on the device, one per image.
    """
    was_training = network.training
    network.eval()
    try:
        if window is None:
            return _segment(network, images, device, precision)
        corners = [window_corners((image.shape[1], image.shape[2]), window) for image in images]
        pieces = [
            piece
            for image, own in zip(images, corners, strict=True)
            for piece in cut_windows(image, window, own)
        ]
        logits = iter(_segment(network, pieces, device, precision))
        return [
            join_windows(list(islice(logits, len(own))), own, (image.shape[1], image.shape[2]))
            for image, own in zip(images, corners, strict=True)
        ]
    finally:
        network.train(was_training)


def _segment(network: Segmenter, images: Sequence[Tensor], device: str, precision: str) -> list[Tensor]:
    logits: list[Tensor] = []
    for batch in alike(images, BATCH[device]):
        # One copy of bytes to the device; floats are made there.
        floats = to_unit(torch.stack(batch).to(device, non_blocking=True))
        with autocast(device, precision):
            logits += network.segment(floats.contiguous(memory_format=torch.channels_last))
    return logits


def alike(images: Iterable[Tensor], most: int) -> Iterator[list[Tensor]]:
    """Yield runs of at most `most` consecutive images of one shape."""
    for _, same in groupby(images, key=lambda image: image.shape):
        while run := list(islice(same, most)):
            yield run
