"""Cross entropy on labeled pixels, at the resolution of the masks."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from mutualseg.losses.pixelwise import at_least_float32, log_probabilities, negative_log_likelihood
from mutualseg.losses.reduction import masked_mean
from mutualseg.types import IGNORE_INDEX


def supervised_loss(logits: Tensor, masks: Tensor, *, stride: int | None = None) -> Tensor:
    """Average the cross entropy of the upsampled logits over labeled pixels.

    The supervised term L_sup of MKD (Yuan et al., arXiv 2208.11499): logits are upsampled
    bilinearly (`align_corners=False`) to the masks, then compared pixel by pixel.

    Args:
        logits: [B,K,h,w], any floating type; computed in float32 at least.
        masks: [B,H,W] int64 class indices, 255 where unknown or padded.
        stride: of the logits' grid. A network that pads its input to a multiple of its stride
            returns a grid of h * stride >= H: given the stride, logits are upsampled by exactly
            that factor and the padding is cropped at the right and the bottom. None: the grid
            covers the masks exactly and is stretched to H x W.

    Returns:
        Scalar: mean over pixels != 255 of the whole batch, over all processes (see
        `reduction.masked_mean`); zero with a graph when every pixel is 255.

    Raises:
        ValueError: batch sizes differ, or the upsampled grid is smaller than the masks.
    """
    height, width = masks.shape[-2:]
    if len(logits) != len(masks):
        raise ValueError(f"{len(logits)} logit maps and {len(masks)} masks: expected one per image")
    size = (height, width)
    if stride is not None:
        size = (logits.shape[-2] * stride, logits.shape[-1] * stride)
        if size[0] < height or size[1] < width:
            raise ValueError(
                f"logits cover {size[0]} x {size[1]} pixels at stride {stride}, "
                f"less than the masks' {height} x {width}"
            )
    logits = at_least_float32(logits)
    if tuple(logits.shape[-2:]) != size:
        logits = F.interpolate(logits, size=size, mode="bilinear", align_corners=False)
    logits = logits[..., :height, :width]
    masks = masks.long()
    return masked_mean(
        negative_log_likelihood(log_probabilities(logits), masks),
        masks != IGNORE_INDEX,
    )
