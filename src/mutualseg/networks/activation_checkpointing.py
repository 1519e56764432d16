"""Less memory for more time: an encoder's blocks are computed again in the backward pass.

Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016, arXiv 1604.06174.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from mutualseg.errors import NetworkError
from mutualseg.networks.segmenter import Segmenter

_WEIGHTED = (nn.Conv2d, nn.Linear)


def checkpoint_activations(network: Segmenter) -> int:
    """Keep only the inputs of the encoder's blocks from the forward pass, in place.

    Losses, gradients and BatchNorm statistics stay what they are: the second pass draws the same dropout
    and moves no statistics.

    Args:
        network: trained; copy it before, not after.

    Returns:
        How many blocks are computed twice.

    Raises:
        NetworkError: the encoder has no repeated blocks.
    """
    blocks = list(_blocks(network.encoder))
    if not blocks:
        raise NetworkError(
            f"No repeated blocks were found in the encoder ({type(network.encoder).__name__}); train without "
            "--activation-checkpointing, with a smaller --batch and --accumulate."
        )
    for block in blocks:
        block.forward = partial(_computed_twice, block, block.forward)
    return len(blocks)


def _blocks(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the outermost members of sequences and lists that hold two layers with weights or more."""
    is_row = isinstance(module, nn.Sequential | nn.ModuleList)
    for child in module.children():
        is_block = is_row and not isinstance(child, nn.Sequential | nn.ModuleList)
        if is_block and sum(isinstance(inner, _WEIGHTED) for inner in child.modules()) >= 2:
            yield child
        else:
            yield from _blocks(child)


def _computed_twice(block: nn.Module, forward: Any, *inputs: Any, **options: Any) -> Any:
    def run(*inputs: Any, **options: Any) -> Any:
        # Some blocks put their results into the list that they were given.
        return forward(*(list(one) if isinstance(one, list) else one for one in inputs), **options)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _statistics_kept(block)

    return checkpoint(run, *inputs, use_reentrant=False, context_fn=contexts, **options)


@contextmanager
def _statistics_kept(block: nn.Module) -> Iterator[None]:
    """Leave BatchNorm's running statistics alone: the first pass has moved them already."""
    norms = [module for module in block.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    counts = [norm.num_batches_tracked for norm in norms if norm.num_batches_tracked is not None]
    before = [count.clone() for count in counts]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for count, old in zip(counts, before, strict=True):
            count.copy_(old)
