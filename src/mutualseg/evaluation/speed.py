"""How long a network takes for one image."""

from __future__ import annotations

import time
from statistics import median

import torch

from mutualseg.evaluation.inference import ONCE, batch_logits
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.networks.segmenter import Segmenter

_LOOKS = 5
_MOST_SECONDS = 3.0


def milliseconds_per_image(
    network: Segmenter,
    size: tuple[int, int],
    *,
    device: str,
    precision: str,
    options: InferenceOptions = ONCE,
) -> float:
    """Return the median time for an image, of a few after one that is not counted.

    Args:
        network: on the device.
        size: (height, width) of the image.
        device: where it computes.
        precision: in what.
        options: how it looks at images.
    """
    image = torch.rand(network.channels, *size, generator=torch.Generator().manual_seed(0)).to(device)
    times: list[float] = []
    begun = time.perf_counter()
    for _ in range(1 + _LOOKS):
        started = time.perf_counter()
        logits = batch_logits(network, [image], device=device, precision=precision, options=options)
        logits[0].argmax(0).cpu()  # waits for the device
        times.append(time.perf_counter() - started)
        if time.perf_counter() - begun > _MOST_SECONDS:
            break
    return 1000 * median(times[1:] or times)


def parameter_count(network: Segmenter) -> int:
    """Return how many numbers of a network are learned."""
    return sum(parameter.numel() for parameter in network.parameters())
