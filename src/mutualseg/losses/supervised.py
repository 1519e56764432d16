"""The supervised term of every method: how far a network is from the labels, at the masks' resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutualseg.losses.class_weighted import labeled_mean
from mutualseg.losses.dice import dice_loss
from mutualseg.losses.focal import focal_loss
from mutualseg.losses.names import LossName
from mutualseg.losses.ohem import ohem_loss
from mutualseg.losses.pixelwise import at_least_float32, log_probabilities, negative_log_likelihood
from mutualseg.types import IGNORE_INDEX


class SupervisedLoss(nn.Module):
    """The supervised loss that a run has chosen; as it comes, the mean cross entropy over labeled pixels.

    Logits are upsampled bilinearly (`align_corners=False`) to the masks first. Pixels of mask 255 count
    nowhere, and a batch of nothing else gives 0.

    Args:
        loss: `cross_entropy`, `ohem` (see `ohem.ohem_loss`), `focal` (`focal.focal_loss`), `dice`
            (`dice.dice_loss`), or `cross_entropy_dice`, the sum of two.
        class_weights: one per class, none negative; None weighs all alike.
        ohem_threshold: of `ohem`.
        ohem_keep: of `ohem`.
        focal_gamma: of `focal`.
        dice_weight: factor on the second of `cross_entropy_dice`.
    """

    class_weights: Tensor | None
    """[K] float32 on the device of the networks; no part of a checkpoint, the settings have it."""

    def __init__(
        self,
        loss: LossName = "cross_entropy",
        *,
        class_weights: Sequence[float] | None = None,
        ohem_threshold: float = 0.7,
        ohem_keep: float = 0.1,
        focal_gamma: float = 2.0,
        dice_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if loss not in get_args(LossName):
            raise ValueError(f"there is no supervised loss '{loss}'")
        self.loss = loss
        self.ohem_threshold = ohem_threshold
        self.ohem_keep = ohem_keep
        self.focal_gamma = focal_gamma
        self.dice_weight = dice_weight
        weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
        self.register_buffer("class_weights", weights, persistent=False)

    def forward(self, logits: Tensor, masks: Tensor) -> Tensor:
        """Return the loss.

        Args:
            logits: [B,K,h,w], any floating type; computed in float32 at least.
            masks: [B,H,W] int64 class indices, 255 where unknown or padded.

        Returns:
            Scalar: a mean over the whole batch, over all processes, as the chosen loss says; zero with a
            graph when every pixel is 255.

        Raises:
            ValueError: batch sizes differ, or class weights and logits are of another number of classes.
        """
        weights = self.class_weights
        if weights is not None and len(weights) != logits.shape[1]:
            raise ValueError(f"{len(weights)} class weights, but logits of {logits.shape[1]} classes")
        log_p, masks = log_probabilities(upsampled(logits, masks)), masks.long()
        if self.loss == "ohem":
            threshold, keep = self.ohem_threshold, self.ohem_keep
            return ohem_loss(log_p, masks, threshold=threshold, keep=keep, class_weights=weights)
        if self.loss == "focal":
            return focal_loss(log_p, masks, gamma=self.focal_gamma, class_weights=weights)
        if self.loss == "dice":
            return dice_loss(log_p, masks, class_weights=weights)
        cross_entropy = cross_entropy_loss(log_p, masks, class_weights=weights)
        if self.loss == "cross_entropy":
            return cross_entropy
        return cross_entropy + self.dice_weight * dice_loss(log_p, masks, class_weights=weights)


def cross_entropy_loss(
    log_probabilities: Tensor, masks: Tensor, *, class_weights: Tensor | None = None
) -> Tensor:
    """Average -log p of the true class over labeled pixels.

    Args:
        log_probabilities: [B,K,H,W] log softmax, float32 or float64.
        masks: [B,H,W] int64 class indices, 255 where unknown.
        class_weights: [K], or None.

    Returns:
        Scalar: mean over pixels != 255 of the whole batch, over all processes (see `reduction.masked_mean`),
        weighted by class as `labeled_mean` says; zero with a graph when every pixel is 255.
    """
    values = negative_log_likelihood(log_probabilities, masks)
    return labeled_mean(values, masks, masks != IGNORE_INDEX, class_weights)


def upsampled(logits: Tensor, masks: Tensor) -> Tensor:
    """Return logits [B,K,h,w] at the size of masks [B,H,W], in float32 at least.

    Raises:
        ValueError: batch sizes differ.
    """
    if len(logits) != len(masks):
        raise ValueError(f"{len(logits)} logit maps and {len(masks)} masks: expected one per image")
    logits = at_least_float32(logits)
    if logits.shape[-2:] == masks.shape[-2:]:
        return logits
    return F.interpolate(logits, size=masks.shape[-2:], mode="bilinear", align_corners=False)
