"""Pictures of val images during a run: the same ones at each evaluation, beside their truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from mutualseg.atomic_files import faults_naming
from mutualseg.data.encoding import Encoding
from mutualseg.data.loading import load_image, load_mask
from mutualseg.data.samples import Sample
from mutualseg.evaluation.inference import batch_logits
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.networks.segmenter import Segmenter
from mutualseg.reporting.display import as_rgb
from mutualseg.reporting.pictures import Colors, Pixels, narrowed, overlay, sheet

_IMAGES = 4
_WIDTH = 320
"""Pixels that a picture is narrowed to."""


@torch.no_grad()
def draw_val_predictions(
    network: Segmenter,
    samples: Sequence[Sample],
    classes: Sequence[str],
    path: Path,
    *,
    encoding: Encoding,
    device: str,
    precision: str,
    options: InferenceOptions,
    colors: Colors | None = None,
) -> None:
    """Write rows of a val image, its truth and what a network says of it.

    Args:
        network: on the device; it is left as it was.
        samples: val images, of which four are drawn, evenly spaced.
        classes: names in index order.
        path: PNG file.
        encoding: how their files are read.
        device: where the network is.
        precision: `32` or `bf16`.
        options: how it looks at an image, as in the evaluation.
        colors: of the classes.

    Raises:
        DataError: an image or mask cannot be used.
        OSError: the picture cannot be written.
    """
    count = min(_IMAGES, len(samples))
    rows = []
    for sample in (samples[place * len(samples) // count] for place in range(count)):
        image = load_image(sample, encoding)
        mask = load_mask(sample, encoding, (image.shape[1], image.shape[2]), len(classes))
        (logits,) = batch_logits(network, [image], device=device, precision=precision, options=options)
        said = logits.argmax(0).to("cpu")
        picture = as_rgb(image.permute(1, 2, 0).numpy())
        painted = [_painted(picture, each, len(classes), colors) for each in (mask, said)]
        rows.append([narrowed(each, _WIDTH) for each in (picture, *painted)])
    with faults_naming(path):
        sheet(rows, ["val image", "truth", "prediction"], classes, colors).save(path)


def _painted(picture: Pixels, labels: Tensor, num_classes: int, colors: Colors | None) -> Pixels:
    return overlay(picture, labels.to(torch.uint8).numpy(), num_classes, opacity=0.75, colors=colors)
