"""A DPT decoder for any patch grid: the library's own needs patch 16 and even grids."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from segmentation_models_pytorch.decoders.dpt.decoder import DPTDecoder
from torch import Tensor, nn


class GridDPTDecoder(nn.Module):
    """Run smp's DPT blocks, resizing each fused map to the next one's grid.

    DINOv2's patches are 14 pixels wide and its grids often odd; doubling then misses the next map by
    one. The strides given to the blocks are those of patch 16, so maps stand at 4, 2, 1 and 1/2 times
    the grid whatever the patch (Ranftl et al., ICCV 2021, arXiv 2103.13413, section 3).
    """

    def __init__(self, decoder: DPTDecoder) -> None:
        super().__init__()
        self.blocks = decoder

    def forward(self, encoded: tuple[list[Tensor], list[Tensor | None]]) -> Tensor:
        """Return [B,D,8g,8g'] for a patch grid of g x g'; `encoded` is the ViT encoder's output."""
        features, prefix_tokens = encoded
        maps = [
            reassemble(project(feature, tokens))
            for project, reassemble, feature, tokens in zip(
                self.blocks.projection_blocks,
                self.blocks.reassemble_blocks,
                features,
                prefix_tokens,
                strict=True,
            )
        ]
        fused: Tensor | None = None
        for fuse, current in zip(self.blocks.fusion_blocks, reversed(maps), strict=True):
            # An export must not depend on the size of its example; resizing to the same size changes nothing.
            if fused is not None and (
                torch.compiler.is_exporting() or fused.shape[-2:] != current.shape[-2:]
            ):
                fused = F.interpolate(fused, current.shape[-2:], mode="bilinear", align_corners=True)
            fused = fuse(current, fused)
        assert fused is not None
        return fused
