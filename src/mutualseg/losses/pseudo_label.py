"""Hard pseudo-labels, how sure a network is of them, and numbers to watch them by.

Nothing here carries a gradient, and nothing is averaged over processes: the logger does that.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mutualseg.losses.pixelwise import at_least_float32


def hard_labels(logits: Tensor) -> Tensor:
    """Return the most probable class per pixel: logits [B,K,h,w] -> [B,h,w] int64, detached."""
    return logits.detach().argmax(dim=1)


def confidence(logits: Tensor) -> Tensor:
    """Return the largest class probability per pixel.

    Args:
        logits: [B,K,h,w], any floating type. MKD (arXiv 2208.11499) takes the teachers' confidence
            from logits before the semantic augmentation.

    Returns:
        [B,h,w] in [1/K, 1], float32 at least, detached.
    """
    return at_least_float32(logits.detach()).softmax(dim=1).amax(dim=1)


def keep_confident(confidence: Tensor, threshold: float | Tensor, labels: Tensor | None = None) -> Tensor:
    """Mark the pixels whose pseudo-label is sure enough to teach.

    Args:
        confidence: [B,h,w], see `confidence`.
        threshold: one number, or [K] one per class.
        labels: [B,h,w] int64 pseudo-labels in [0, K); needed with a threshold per class.

    Returns:
        [B,h,w] bool, confidence >= threshold (of the pixel's class).

    Raises:
        ValueError: thresholds per class without labels.
    """
    if isinstance(threshold, Tensor) and threshold.ndim > 0:
        if labels is None:
            raise ValueError("a threshold per class needs the labels to look it up")
        threshold = threshold.to(confidence)[labels]
    return confidence >= threshold


def _share(event: Tensor, valid: Tensor | None) -> Tensor:
    if valid is None:
        return event.to(torch.float32).mean()
    return (event & valid).sum() / valid.sum().clamp(min=1)


def share_kept(keep: Tensor, valid: Tensor | None = None) -> Tensor:
    """Return the share of pixels that are kept.

    Args:
        keep: [B,h,w] bool.
        valid: [B,h,w] bool or None; pixels that are not valid count neither as kept nor at all.

    Returns:
        float32 scalar in [0, 1] over this process's valid pixels; 0 when there are none.
    """
    return _share(keep, valid)


def disagreement(labels_a: Tensor, labels_b: Tensor, valid: Tensor | None = None) -> Tensor:
    """Return the share of pixels that two label maps name differently.

    Two students that never disagree teach each other nothing (CPS, Chen et al., CVPR 2021, relies
    on their different initialization), so this is worth a curve.

    Args:
        labels_a: [B,h,w] int64.
        labels_b: [B,h,w] int64.
        valid: [B,h,w] bool or None, the pixels to look at.

    Returns:
        float32 scalar in [0, 1] over this process's valid pixels; 0 when there are none.
    """
    return _share(labels_a != labels_b, valid)
