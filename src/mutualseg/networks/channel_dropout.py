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
"""From one feature map [B,C,h,w] to what the decoder sees in its place, perhaps for more images than B."""


def change_encoded(encoded: Any, change: ChangeFeatures) -> Any:
    """Apply a change to every tensor that an encoder returned, whatever lists and tuples hold them."""
    if isinstance(encoded, Tensor):
        return change(encoded)
    if isinstance(encoded, list | tuple):
        return type(encoded)(change_encoded(part, change) for part in encoded)
    return encoded


def append_dropped(maps: Tensor, first: int, last: int, *, share: float = 0.5) -> Tensor:
    """Append images `first` to `last` once more, each channel dropped with a chance of its own.

    Args:
        maps: [B,C,h,w]; tokens [B,n,D] of a transformer are repeated as they are.
        first: of the images to append.
        last: the one after them.
        share: chance of a channel to be zero; the others grow by 1 / (1 - share).

    Returns:
        [B + last - first, C,h,w].
    """
    more = maps[first:last]
    if maps.ndim == 4:
        more = F.dropout2d(more, share)
    return torch.cat([maps, more])


def drop_complementary(maps: Tensor, first: int, *, share_of_images: float = 0.5) -> Tensor:
    """Drop half of the channels in one view of each image, and exactly the other half in its second view.

    Args:
        maps: [first + 2 U, C,h,w]: some images that stay, then both views of U images, all first views
            before all second ones. Tokens [B,n,D] of a transformer stay as they are.
        first: how many images stay.
        share_of_images: the chance of an image that its two views are changed at all.

    Returns:
        [first + 2 U, C,h,w]; where changed, the channels that are left are doubled.
    """
    if maps.ndim != 4:
        return maps
    count = (len(maps) - first) // 2
    draw = torch.rand(count, maps.shape[1], 1, 1, device=maps.device)
    factor = 2.0 * (draw < 0.5)
    changed = torch.rand(count, 1, 1, 1, device=maps.device) < share_of_images
    one, two = (torch.where(changed, own, 1.0) for own in (factor, 2.0 - factor))
    stay = torch.ones(first, maps.shape[1], 1, 1, device=maps.device)
    return maps * torch.cat([stay, one, two]).to(maps.dtype)
