"""Score networks on labeled images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice

import torch
from torch import Tensor

from mutualseg.data.encoding import PLAIN, Encoding
from mutualseg.data.loading import load_image, load_mask
from mutualseg.data.lookahead import look_ahead
from mutualseg.data.samples import Sample
from mutualseg.evaluation.inference import BATCH, ONCE, batch_logits
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.evaluation.metrics import ConfusionMatrix, Scores
from mutualseg.evaluation.pseudo_label_monitor import PseudoLabelMonitor
from mutualseg.networks.segmenter import Segmenter

TEACHERS_MEAN = "teachers_mean"
"""Name of the mean of both teachers' probabilities, where there are two: reported, never deployed."""

TEACHERS = ("teacher_a", "teacher_b")


@torch.no_grad()
def evaluate_networks(
    networks: Mapping[str, Segmenter],
    samples: Sequence[Sample],
    num_classes: int,
    *,
    encoding: Encoding = PLAIN,
    device: str,
    precision: str,
    options: InferenceOptions = ONCE,
    advance: Callable[[], None] = lambda: None,
    complete: Callable[[], None] = lambda: None,
    total: Callable[[Tensor], Tensor] = lambda counts: counts,
    monitor: PseudoLabelMonitor | None = None,
) -> dict[str, Scores]:
    """Score networks on images at the masks' own size, each image loaded once, while others are computed.

    Args:
        networks: by role; with both teachers among them their mean is scored as `teachers_mean`.
        samples: with masks.
        num_classes: K.
        encoding: how their files are read.
        device: where the networks are.
        precision: `32` or `bf16`.
        options: see `batch_logits`.
        advance: called after each image, for a progress bar.
        complete: called once all images are looked at, before counts are summed; may refuse.
        total: from this process's counts, int64, such as [R,K,K] of R networks, to those of all processes.
        monitor: looks at the labels too, and at how sure one network is of them.

    Returns:
        Scores by role.

    Raises:
        DataError: an image or mask cannot be used.
    """
    matrices = {role: ConfusionMatrix(num_classes) for role in networks}
    with_mean = all(role in networks for role in TEACHERS)
    if with_mean:
        matrices[TEACHERS_MEAN] = ConfusionMatrix(num_classes)

    def load(sample: Sample) -> tuple[Tensor, Tensor]:
        image = load_image(sample, encoding)
        return image, load_mask(sample, encoding, (image.shape[1], image.shape[2]), num_classes)

    size = BATCH[device]
    loaded = look_ahead(load, samples, ahead=2 * size)
    while pairs := list(islice(loaded, size)):
        images = [image for image, _ in pairs]
        masks = [mask.to(device) for _, mask in pairs]
        means: list[Tensor] = []
        named: list[dict[str, Tensor]] = [{} for _ in pairs]
        sure: list[Tensor] = []
        for role, network in networks.items():
            logits = batch_logits(network, images, device=device, precision=precision, options=options)
            for own, mask, labels in zip(logits, masks, named, strict=True):
                labels[role] = own.argmax(0)
                matrices[role].update(labels[role], mask)
            if monitor is not None and role == monitor.guide:
                sure = [own.softmax(0).amax(0) for own in logits]
            if with_mean and role in TEACHERS:
                probabilities = [own.softmax(0) for own in logits]
                means = [a + b for a, b in zip(means, probabilities, strict=True)] if means else probabilities
        if with_mean:
            for mean, mask, labels in zip(means, masks, named, strict=True):
                labels[TEACHERS_MEAN] = mean.argmax(0)
                matrices[TEACHERS_MEAN].update(labels[TEACHERS_MEAN], mask)
            if monitor is not None and monitor.guide == TEACHERS_MEAN:
                sure = [mean.amax(0) / len(TEACHERS) for mean in means]
        if monitor is not None:
            for labels, own, mask in zip(named, sure, masks, strict=True):
                monitor.update(labels, own, mask)
        for _ in pairs:
            advance()
    complete()
    counts = total(torch.stack([matrix.counts for matrix in matrices.values()]))
    if monitor is not None:
        monitor.gather(total)
    for matrix, own in zip(matrices.values(), counts, strict=True):
        matrix.counts = own
    return {role: matrix.scores() for role, matrix in matrices.items()}
