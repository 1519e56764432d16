"""Online hard example mining: only pixels that the network still gets wrong, or hardly right, teach."""

from __future__ import annotations

from torch import Tensor

from mutualseg.losses.class_weighted import labeled_mean
from mutualseg.losses.kth_smallest import kth_smallest
from mutualseg.losses.pixelwise import negative_log_likelihood
from mutualseg.losses.reduction import count_everywhere
from mutualseg.types import IGNORE_INDEX


def ohem_loss(
    log_probabilities: Tensor,
    masks: Tensor,
    *,
    threshold: float = 0.7,
    keep: float = 0.1,
    class_weights: Tensor | None = None,
) -> Tensor:
    """Average the cross entropy over the hard pixels: those whose true class has a low probability.

    Shrivastava et al., "Training region-based object detectors with online hard example mining", CVPR 2016,
    arXiv 1604.03540; with a threshold on the probability and a least number of pixels, as U2PL
    (arXiv 2203.03884) and UniMatch (arXiv 2208.09910) train on Cityscapes. There each process chooses among
    its own pixels; here the choice, like the mean, is over the whole batch.

    Args:
        log_probabilities: [B,K,H,W] log softmax, float32 or float64.
        masks: [B,H,W] int64 class indices, 255 where unknown.
        threshold: pixels whose true class has at most this probability are hard.
        keep: the least that is kept, where fewer are hard: up to 1 a share of the labeled pixels of the
            batch, above 1 their number. The hardest are.
        class_weights: [K], or None; they do not change what is kept.

    Returns:
        Scalar: mean over the kept pixels of the whole batch, over all processes, weighted by class as
        `labeled_mean` says; zero with a graph when every pixel is 255.
    """
    values = negative_log_likelihood(log_probabilities, masks)
    hard = hard_pixels((-values).exp(), masks != IGNORE_INDEX, threshold=threshold, keep=keep)
    return labeled_mean(values, masks, hard, class_weights)


def hard_pixels(probability: Tensor, valid: Tensor, *, threshold: float, keep: float) -> Tensor:
    """Mark the pixels that `ohem_loss` keeps.

    Args:
        probability: [B,H,W] of the true class.
        valid: [B,H,W] bool, pixels that have a label.
        threshold: see `ohem_loss`.
        keep: see `ohem_loss`.

    Returns:
        [B,H,W] bool; where several are equally hard as the last one that has to be kept, all of them.
    """
    probability = probability.detach().float()
    count = count_everywhere(valid)
    wanted = (keep * count).ceil().long() if keep <= 1 else count.clamp(max=int(keep))
    limit = kth_smallest(probability, valid, wanted).clamp(min=threshold)
    return valid & (probability <= limit)
