"""Images whose logits would not fit: looked at in windows, band by band, so that memory has a bound.

What is said of a pixel is what `batch_logits` says of it in the same windows, at the same scales.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from mutualseg.evaluation.inference import Looking, log_of_mean, scaled_size
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.evaluation.row_buffer import in_chunks
from mutualseg.evaluation.row_resizing import CHUNK, resized_image_rows, resized_map_rows
from mutualseg.evaluation.window_bands import Block, block_rows, window_blocks
from mutualseg.evaluation.windows import window_corners
from mutualseg.networks.segmenter import Segmenter

LARGEST_LOGITS = 2**30
"""Bytes that the logits of a whole image may take: classes x height x width x 4."""
LARGE_WINDOW = 1024
"""Side of the windows of larger images, where neither their run nor the user has chosen one."""


class Look(NamedTuple):
    """What a network says of an image or of a band of it; tensors lie on the CPU."""

    indices: Tensor
    """uint8 [H,W]: the most probable class."""
    confidence: Tensor
    """float32 [H,W]: its probability."""


class Rows(Protocol):
    """An image that can be read from top to bottom, more than once."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        ...

    def bands(self) -> Iterator[Tensor]:
        """Yield it in bands [C,n,W] of any heights, uint8 or float32 in [0, 1]."""
        ...


def options_in_bands(
    size: tuple[int, int], num_classes: int, options: InferenceOptions
) -> InferenceOptions | None:
    """Return how an image is looked at band by band; None where it need not be.

    Args:
        size: height and width of the image.
        num_classes: K.
        options: that were asked for; whole images stay whole where they were asked for by name.
    """
    if 4 * num_classes * size[0] * size[1] <= LARGEST_LOGITS or options.is_whole:
        return None
    window = LARGE_WINDOW if options.window is None else options.window
    return None if max(size) <= window else replace(options, window=window)


def look_of(logits: Tensor) -> Look:
    """Return what logits [K,...] on any device say of each pixel."""
    confidence = (logits.amax(0) - logits.logsumexp(0)).exp_().clamp_(max=1)
    return Look(logits.argmax(0).to(torch.uint8).cpu(), confidence.cpu())


@torch.no_grad()
def look_in_bands(
    network: Segmenter,
    image: Rows,
    *,
    device: str,
    precision: str,
    options: InferenceOptions,
    advance: Callable[[], None] = lambda: None,
) -> Iterator[Look]:
    """Yield what a network says of an image, in bands from top to bottom.

    Args:
        network: put into evaluation mode meanwhile.
        image: read once for each scale.
        device: where the network is.
        precision: `32` or `bf16`.
        options: with a window.
        advance: called after each window.
    """
    assert options.window is not None
    was_training = network.training
    network.eval()
    looking = Looking(network, device, precision, options)
    try:
        if options.scales == (1.0,):
            blocks = _blocks(looking, image, image.size, advance)
            yield from _looks_of_blocks(blocks)
        else:
            yield from _looks_of_scales(looking, image, advance)
    finally:
        network.train(was_training)


def count_windows(size: tuple[int, int], options: InferenceOptions) -> int:
    """Return how many windows of an image are looked at, over all scales."""
    assert options.window is not None
    sizes = (scaled_size(size, scale) for scale in options.scales)
    return sum(len(window_corners(each, options.window)) for each in sizes)


def _blocks(
    looking: Looking, image: Rows, size: tuple[int, int], advance: Callable[[], None]
) -> Iterator[Block]:
    """Yield mean probabilities over the windows of an image once it is resized to `size`."""
    assert looking.options.window is not None
    bands = image.bands()
    if size != image.size:
        bands = resized_image_rows(bands, image.size, size)

    def probabilities(pieces: Iterable[Tensor]) -> Iterator[Tensor]:
        for part in looking.probabilities(pieces):
            advance()
            yield part

    return window_blocks(bands, size, looking.options.window, probabilities)


def _looks_of_blocks(blocks: Iterator[Block]) -> Iterator[Look]:
    for _, row in groupby(blocks, key=lambda block: block.top):
        looks = [look_of(log_of_mean(block.values)) for block in row]
        yield Look(*(torch.cat(parts, 1) for parts in zip(*looks, strict=True)))


def _looks_of_scales(looking: Looking, image: Rows, advance: Callable[[], None]) -> Iterator[Look]:
    """Yield looks of some rows each; of every scale no more is held than the band that they lie in."""
    height = image.size[0]
    streams = []
    for scale in looking.options.scales:
        size = scaled_size(image.size, scale)
        bands = block_rows(_blocks(looking, image, size, advance))
        is_own = size == image.size
        streams.append(
            in_chunks(bands, height, CHUNK) if is_own else resized_map_rows(bands, size, image.size)
        )
    for first, *others in zip(*streams, strict=True):
        total = first.clone()
        for other in others:
            total.add_(other)
        yield look_of(log_of_mean(total.div_(len(streams))))
