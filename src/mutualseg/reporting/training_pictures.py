"""`views.png` and the pseudo-label pictures of a run: the same images from start to end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mutualseg.atomic_files import faults_naming
from mutualseg.data.datamodule import TwoStreams
from mutualseg.data.skipping import BadFile
from mutualseg.devices import autocast
from mutualseg.errors import UnusableFileError
from mutualseg.evaluation.network_scores import TEACHERS, TEACHERS_MEAN
from mutualseg.losses.pseudo_label import keep_confident
from mutualseg.methods.base import Method
from mutualseg.pixel_values import to_unit
from mutualseg.reporting.display import Range, as_rgb, display_range
from mutualseg.reporting.pictures import Colors, Pixels, hide, overlay, sheet
from mutualseg.types import IGNORE_INDEX
from mutualseg.views import cutmix

_IMAGES = 4


def draw_views(
    streams: TwoStreams, classes: Sequence[str], path: Path, *, colors: Colors | None = None
) -> None:
    """Write what the networks see of the first images of each stream.

    Columns: labeled crop, its mask, then the weak view, the strong view, the strong view after CutMix
    and its valid area.
    """
    labeled = _load(streams.labeled.views_at)
    rows = [
        [
            _pixels(image),
            hide(overlay(_pixels(image), _indices(mask), len(classes), colors=colors), valid.numpy()),
        ]
        for image, mask, valid in labeled
    ]
    titles = ["labeled crop", "its mask"]
    if streams.unlabeled is not None:
        weak, strong, valid, keep = (
            torch.stack(column) for column in list(zip(*_load(streams.unlabeled.views_at), strict=True))[:4]
        )
        partner = cutmix.partner(len(weak))
        mixed = cutmix.mix(strong, keep, partner)
        mixed_valid = cutmix.mix(valid, keep, partner)
        titles += ["unlabeled, weak", "strong", "strong, CutMix", "valid (gray)"]
        for index, row in enumerate(rows):
            area = mixed_valid[index].numpy()
            shown = display_range(_bands(weak[index]))  # the same for all three, or their colors looked equal
            row += [_pixels(each[index], shown) for each in (weak, strong, mixed)]
            row.append(hide(np.full((*area.shape, 3), 120, np.uint8), area))
    with faults_naming(path):
        sheet(rows, titles, classes, colors).save(path)


@torch.no_grad()
def draw_pseudo_labels(
    method: Method,
    streams: TwoStreams,
    classes: Sequence[str],
    path: Path,
    *,
    device: str,
    precision: str,
    colors: Colors | None = None,
) -> None:
    """Write the labels that teach of the first unlabeled crops, all and those that are sure enough."""
    source = streams.unlabeled
    if source is None:
        return
    roles = TEACHERS if method.labels_from == TEACHERS_MEAN else (method.labels_from,)
    networks = [method.networks()[role] for role in roles]
    were_training = [network.training for network in networks]
    for network in networks:
        network.eval()
    rows = []
    for weak, _, valid, *_ in _load(source.views_at):
        image = to_unit(weak[None].to(device))
        with autocast(device, precision):
            probabilities = [network.segment(image)[0].float().softmax(0) for network in networks]
        confidence, labels = torch.stack(probabilities).mean(0).max(0)
        kept = labels.where(keep_confident(confidence, method.label_threshold(), labels), IGNORE_INDEX)
        picture, area = _pixels(weak), valid.numpy()
        drawn = [
            hide(overlay(picture, _indices(each.cpu()), len(classes), colors=colors), area)
            for each in (labels, kept)
        ]
        rows.append([picture, *drawn])
    for network, was_training in zip(networks, were_training, strict=True):
        network.train(was_training)
    titles = ["unlabeled, weak", "pseudo-labels", "sure enough to teach"]
    with faults_naming(path):
        sheet(rows, titles, classes, colors).save(path)


def _load(at: Callable[[int], tuple[Tensor, ...] | BadFile]) -> list[tuple[Tensor, ...]]:
    items = []
    for item in map(at, range(_IMAGES)):
        if isinstance(item, BadFile):
            raise UnusableFileError(item.message)
        items.append(item)
    return items


def _pixels(image: Tensor, shown: Range | None = None) -> Pixels:
    return as_rgb(_bands(image), shown)


def _bands(image: Tensor) -> npt.NDArray[Any]:
    return image.permute(1, 2, 0).numpy()


def _indices(labels: Tensor) -> Pixels:
    return labels.to(torch.uint8).numpy()
