"""The same val images under each method, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mutualseg.atomic_files import replacing
from mutualseg.comparison.on_test import counted_network_of
from mutualseg.data.encoding import Encoding
from mutualseg.data.samples import Sample
from mutualseg.errors import WeightsError
from mutualseg.predictor import Predictor
from mutualseg.reporting.display import as_rgb
from mutualseg.reporting.pictures import Colors, Pixels, narrowed, overlay, sheet
from mutualseg.runs import RunFolder

_PICTURES = 4
_WIDTH = 320
"""Wider pictures are made smaller."""


def draw_samples(
    record: Mapping[str, Any],
    val: Sequence[Sample],
    classes: Sequence[str],
    out: Path,
    path: Path,
    *,
    encoding: Encoding,
    colors: Colors | None = None,
) -> None:
    """Write rows of image, truth and each method's prediction, all of one number of labels and one seed.

    Args:
        record: content of comparison.json.
        val: images to choose from, evenly spaced.
        classes: their names.
        out: folder of the comparison.
        path: the picture to write.
        encoding: how the images' files are read.
        colors: of the classes.
    """
    runs = shown_runs(record["runs"])
    if not runs:
        return
    count = min(_PICTURES, len(val))
    chosen = [val[place * len(val) // count] for place in range(count)]
    images = [as_rgb(encoding.images.read(sample.image)) for sample in chosen]
    columns = [
        images,
        [
            _truth(sample, image, len(classes), encoding, colors)
            for sample, image in zip(chosen, images, strict=True)
        ],
    ]
    labels = []
    for row in runs:
        try:
            predictor = _counted(row, RunFolder(out / row["run"]), record["settings"]["device"])
        except WeightsError:  # its folder was deleted since
            continue
        labels.append(row["label"])
        columns.append(
            [
                overlay(image, predictor.predict(sample.image), len(classes), opacity=0.75, colors=colors)
                for sample, image in zip(chosen, images, strict=True)
            ]
        )
    if not labels:
        return
    rows = [[narrowed(picture, _WIDTH) for picture in pictures] for pictures in zip(*columns, strict=True)]
    with replacing(path) as partial:
        sheet(rows, ["image", "truth", *labels], classes, colors).save(partial, format="PNG")


def _counted(row: Mapping[str, Any], folder: RunFolder, device: str) -> Predictor:
    """Return a predictor of the network whose score the row has."""
    deployed = Predictor.load(folder.root, device=device)
    if row["counted"] == row["deployed"]:
        return deployed
    network, _ = counted_network_of(row, folder)
    network = network.to(deployed.device).to(memory_format=torch.channels_last)
    return replace(deployed, network=network)


def shown_runs(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return one finished run per label, all of one amount and seed.

    It is where most labels have one; of such, the fewest labeled images and the lowest seed.
    """
    finished = [row for row in rows if row["status"] == "finished"]
    counts = Counter((row["labeled_images"], row["seed"]) for row in finished)
    place = min(counts, key=lambda place: (-counts[place], place), default=None)
    return [row for row in finished if (row["labeled_images"], row["seed"]) == place]


def _truth(sample: Sample, image: Pixels, classes: int, encoding: Encoding, colors: Colors | None) -> Pixels:
    assert sample.mask is not None  # val images have one
    return overlay(image, encoding.masks.read(sample.mask), classes, opacity=0.75, colors=colors)
