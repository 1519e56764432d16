"""The mean of a loss per pixel over the pixels that have a label, plain or weighted by class."""

from __future__ import annotations

from torch import Tensor

from mutualseg.losses.reduction import masked_mean, weight_per_process


def labeled_mean(
    values: Tensor, masks: Tensor, counted: Tensor, class_weights: Tensor | None = None
) -> Tensor:
    """Average values over the pixels that count, each weighted by its class.

    Args:
        values: [B,H,W], the loss of each pixel.
        masks: [B,H,W] int64 class indices, 255 where unknown.
        counted: [B,H,W] bool, pixels to average over; none whose mask is 255.
        class_weights: [K], none negative; None weighs all alike.

    Returns:
        Scalar: sum of w_y * value / sum of w_y over the pixels that count, of the whole batch, over all
        processes; so `torch.nn.CrossEntropyLoss(weight=...)` has it, and a factor on all weights changes
        nothing. Zero with a graph when no pixel counts.
    """
    if class_weights is None:
        return masked_mean(values, counted)
    weight = class_weights[masks.clamp(max=len(class_weights) - 1)]
    return masked_mean(values, counted, weight=weight, divisor=weight_per_process(weight, counted))
