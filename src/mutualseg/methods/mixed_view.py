"""The unlabeled half of a batch, its strong view mixed by CutMix: what every rival of MKD trains on."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from mutualseg.losses.resize import resize_labels
from mutualseg.types import UnlabeledBatch
from mutualseg.views import cutmix


class MixedView(NamedTuple):
    """A strong view after CutMix, and how to mix what another network says of the weak view."""

    images: Tensor
    """[B,3,H,W], M u_s + (1 - M) u_s[partner]."""
    valid: Tensor
    """[B,H,W] bool, mixed alike; False where padding made the pixel."""
    keep: Tensor
    """[B,1,H,W] bool, M."""
    partner: Tensor
    """[B] int64."""

    def mix(self, maps: Tensor) -> Tensor:
        """Mix logits [B,K,h,w] of the unmixed images as these images were mixed."""
        return cutmix.mix_on_grid(maps, self.keep, self.partner)

    def valid_on(self, maps: Tensor) -> Tensor:
        """Return `valid` at the size of maps [B,K,h,w]."""
        return resize_labels(self.valid, (maps.shape[-2], maps.shape[-1]))


def mixed_view(unlabeled: UnlabeledBatch) -> MixedView:
    """Return the strong view, mixed."""
    return _mixed(unlabeled.strong, unlabeled.valid, unlabeled.keep)


def second_mixed_view(unlabeled: UnlabeledBatch) -> MixedView:
    """Return the second strong view, mixed by boxes of its own; for methods with `strong_views = 2`."""
    assert unlabeled.second_strong is not None
    assert unlabeled.second_keep is not None
    return _mixed(unlabeled.second_strong, unlabeled.valid, unlabeled.second_keep)


def _mixed(strong: Tensor, valid: Tensor, keep: Tensor) -> MixedView:
    partner = cutmix.partner(len(keep), device=keep.device)
    return MixedView(cutmix.mix(strong, keep, partner), cutmix.mix(valid, keep, partner), keep, partner)
