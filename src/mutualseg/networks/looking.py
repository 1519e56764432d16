"""A network's opinion of images that it is not trained on."""

from __future__ import annotations

import torch
from torch import Tensor

from mutualseg.networks.segmenter import Segmenter
from mutualseg.types import SegmenterOutput


@torch.no_grad()
def look(network: Segmenter, images: Tensor) -> SegmenterOutput:
    """Return what a network makes of images as it would at test time: no dropout, running normalization.

    Its state does not change, and nothing carries a gradient.

    Args:
        network: in training or evaluation mode, in which it is left.
        images: [B,3,H,W] float in [0, 1].
    """
    was_training = network.training
    network.eval()
    try:
        output: SegmenterOutput = network(images)
    finally:
        network.train(was_training)
    return output
