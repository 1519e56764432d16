"""BatchNorm over several processes: one set of statistics for the whole batch."""

from __future__ import annotations

from timm.layers.norm_act import convert_sync_batchnorm

from mutualseg.networks.segmenter import Segmenter


def synchronize_batch_norm(network: Segmenter) -> None:
    """Replace BatchNorm layers by synchronized ones, in place; weights and names stay.

    By timm's converter and not torch's, which would drop the activation that many of timm's encoders
    keep in their BatchNorm layers.
    """
    convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]  # timm leaves it untyped
