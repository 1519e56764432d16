"""Dice loss: each class's overlap as a whole, so that a rare class counts as much as a common one."""

from __future__ import annotations

import torch
from torch import Tensor

from mutualseg.losses.reduction import sum_over_processes
from mutualseg.types import IGNORE_INDEX


def dice_loss(log_probabilities: Tensor, masks: Tensor, *, class_weights: Tensor | None = None) -> Tensor:
    """Average 1 - 2 |P n G| / (|P| + |G|) over the classes that the masks hold.

    Soft Dice of Milletari et al., "V-Net", 3DV 2016, arXiv 1606.04797, section 3, with plain sums of
    probabilities below the line, as nnU-Net has it (Isensee et al., arXiv 1809.10486), over the whole batch.

    Args:
        log_probabilities: [B,K,H,W] log softmax, float32 or float64.
        masks: [B,H,W] int64 class indices, 255 where unknown.
        class_weights: [K] of the mean over classes, or None.

    Returns:
        Scalar: mean over the classes of which the whole batch, over all processes, has a pixel; |P n G|, |P|
        and |G| are sums over its pixels != 255. A class without any is left out: it is wrong everywhere, and
        the other classes already count what is lost to it. Zero with a graph when every pixel is 255.
    """
    classes = torch.arange(log_probabilities.shape[1], device=masks.device)
    belongs = masks[:, None] == classes[:, None, None]
    probabilities = log_probabilities.exp().where((masks != IGNORE_INDEX)[:, None], 0.0)
    sums = (probabilities.where(belongs, 0.0), probabilities, belongs.to(probabilities.dtype))
    hits, said, true = sum_over_processes(torch.stack([maps.sum(dim=(0, 2, 3)) for maps in sums]))
    overlap = 2 * hits / (said + true).clamp(min=1.0)  # a class that is there has one pixel at least
    weight = (true > 0).to(overlap.dtype)
    if class_weights is not None:
        weight = weight * class_weights
    total = weight.sum()
    mean: Tensor = (weight * (1 - overlap)).sum() / torch.where(total > 0, total, 1.0)
    return mean
