"""Branch outputs and label maps at another resolution, for losses below the decoder's grid."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from mutualseg.losses.pixelwise import at_least_float32
from mutualseg.types import BranchOutput


def resize_branch(branch: BranchOutput, scale: float) -> BranchOutput:
    """Resize a network's logits and features bilinearly (`align_corners=False`).

    The released code of MKD (arXiv 2208.11499) computes its unlabeled loss at scale 0.5.

    Args:
        branch: logits [B,K,h,w] and features [B,D,h,w].
        scale: 1 returns the branch as it is.

    Returns:
        The branch with logits [B,K,h',w'] in float32 at least and features [B,D,h',w'] in their
        own type, without gradient: class statistics carry none. h' = floor(scale * h).
    """
    if scale == 1:
        return branch
    logits, features = (
        F.interpolate(maps, scale_factor=scale, mode="bilinear", align_corners=False)
        for maps in (at_least_float32(branch.logits), branch.features.detach())
    )
    return branch._replace(logits=logits, features=features)


def resize_labels(labels: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring label maps to the grid of the logits by nearest neighbor (torch's 'nearest').

    Args:
        labels: [B,H,W], integer or bool (a map of valid pixels).
        size: (h, w) of the logits, whose grid covers the labels exactly.

    Returns:
        [B,h,w] of the type of `labels`.
    """
    maps = labels[:, None].float()  # exact for any class index; 'nearest' takes no int64
    return F.interpolate(maps, size=size, mode="nearest")[:, 0].to(labels.dtype)
