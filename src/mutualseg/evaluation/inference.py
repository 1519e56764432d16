"""Networks on whole images: class probabilities, class indices, scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from mutualseg.data.samples import Sample
from mutualseg.data.streams import load_image, load_mask
from mutualseg.devices import autocast
from mutualseg.evaluation.metrics import ConfusionMatrix, Scores
from mutualseg.networks.segmenter import Segmenter

TEACHERS_MEAN = "teachers_mean"
"""Name of the mean of both teachers' probabilities, where there are two: reported, never deployed."""

_TEACHERS = ("teacher_a", "teacher_b")


@torch.no_grad()
def class_logits(network: Segmenter, image: Tensor, *, device: str, precision: str) -> Tensor:
    """Return logits [K,H,W] float32, on the device, of one uint8 image [3,H,W] at its own size."""
    was_training = network.training
    network.eval()
    try:
        batch = image.to(device)[None].float().div(255).contiguous(memory_format=torch.channels_last)
        with autocast(device, precision):
            return network.segment(batch)[0]
    finally:
        network.train(was_training)


def evaluate_networks(
    networks: Mapping[str, Segmenter],
    samples: Sequence[Sample],
    num_classes: int,
    *,
    device: str,
    precision: str,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, Scores]:
    """Score networks on whole images at the masks' own size, each image loaded once.

    Args:
        networks: by role; with both teachers among them their mean is scored as `teachers_mean`.
        samples: with masks.
        num_classes: K.
        device: where the networks are.
        precision: `32` or `bf16`.
        advance: called after each image, for a progress bar.

    Returns:
        Scores by role.

    Raises:
        DataError: an image or mask cannot be used.
    """
    matrices = {role: ConfusionMatrix(num_classes) for role in networks}
    with_mean = all(role in networks for role in _TEACHERS)
    if with_mean:
        matrices[TEACHERS_MEAN] = ConfusionMatrix(num_classes)
    for sample in samples:
        image = load_image(sample)
        mask = load_mask(sample, (image.shape[1], image.shape[2]), num_classes).to(device)
        mean: Tensor | None = None
        for role, network in networks.items():
            logits = class_logits(network, image, device=device, precision=precision)
            matrices[role].update(logits.argmax(0), mask)
            if with_mean and role in _TEACHERS:
                probabilities = logits.softmax(0)
                mean = probabilities if mean is None else mean + probabilities
        if mean is not None:
            matrices[TEACHERS_MEAN].update(mean.argmax(0), mask)
        advance()
    return {role: matrix.scores() for role, matrix in matrices.items()}
