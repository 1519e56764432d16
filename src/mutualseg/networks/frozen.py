"""A trained network that others learn from: asked, never changed."""

from __future__ import annotations

import torch
from torch import Tensor

from mutualseg.networks.segmenter import Segmenter


def freeze(network: Segmenter) -> Segmenter:
    """Return the network itself, as at test time for good: no gradient, no dropout, running statistics."""
    return network.requires_grad_(False).eval()


@torch.no_grad()
def grid_logits(network: Segmenter, images: Tensor) -> Tensor:
    """Return logits [B,K,h,w] on a grid that covers the images exactly.

    Args:
        network: frozen.
        images: [B,C,H,W] float in [0, 1]. Where H or W is no multiple of the network's, its padded grid
            would reach beyond them, and the logits come at their own size.
    """
    if any(side % network.multiple for side in images.shape[-2:]):
        return network.segment(images)
    logits: Tensor = network(images).logits
    return logits
