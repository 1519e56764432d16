"""Features of the encoder with some channels dropped: a perturbation that no color change can make.

UniMatch decodes the weak view's features once more after dropout of whole channels (Yang et al., CVPR 2023,
arXiv 2208.09910, section 3.2). UniMatch V2 gives its two strong views complementary halves of the channels
(arXiv 2410.10777, section 3.4).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

ChangeFeatures = Callable[[Tensor], Tensor]
"""From one feature map [B,C,h,w] to what the decoder sees in its place."""


def change_encoded(encoded: Any, change: ChangeFeatures) -> Any:
    """Apply a change to every tensor that an encoder returned, whatever lists and tuples hold them."""
    if isinstance(encoded, Tensor):
        return change(encoded)
    if isinstance(encoded, list | tuple):
        return type(encoded)(change_encoded(part, change) for part in encoded)
    return encoded


def drop_channels(maps: Tensor, first: int, last: int, *, share: float = 0.5) -> Tensor:
    """Drop whole channels of images `first` to `last`, each with a chance of its own.

    Args:
        maps: [B,C,h,w]; tokens [B,n,D] of a transformer stay as they are.
        first: of the images that change.
        last: the one after them.
        share: chance of a channel to be zero; the others grow by 1 / (1 - share).

    Returns:
        [B,C,h,w].
    """
    if maps.ndim != 4:
        return maps
    return torch.cat([maps[:first], F.dropout2d(maps[first:last], share), maps[last:]])


class ComplementaryDropout:
    """Drop half of the channels in one view of an image, and exactly the other half in its second view.

    What is dropped is drawn once, when it is first needed: the same images in every map of an encoder, and
    the same channels in maps of equal width, as those of a transformer are. One is made for each step.

    Args:
        first: how many images at the start of a batch stay; then come all first views, then all second ones.
        count: how many images have two views.
        share: of those images that change, rounded down; the others stay.
    """

    def __init__(self, first: int, count: int, *, share: float = 0.5) -> None:
        self.first = first
        self.count = count
        self.changed = torch.randperm(count) < int(share * count)
        self._factors: dict[int, Tensor] = {}

    def __call__(self, maps: Tensor) -> Tensor:
        """Return [first + 2 count, C,h,w]; where changed, the channels that are left are doubled.

        Tokens [B,n,D] of a transformer stay as they are.
        """
        if maps.ndim != 4:
            return maps
        return maps * self._factor(maps.shape[1]).to(maps)

    def _factor(self, channels: int) -> Tensor:
        if channels not in self._factors:
            one = 2.0 * (torch.rand(self.count, channels) < 0.5)
            views = [torch.where(self.changed[:, None], own, 1.0) for own in (one, 2.0 - one)]
            stay = torch.ones(self.first, channels)
            self._factors[channels] = torch.cat([stay, *views])[:, :, None, None]
        return self._factors[channels]
