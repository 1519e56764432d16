"""A run's network on its val images: scored once, and the pictures that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from mutualseg.comparison.on_test import counted_network_of
from mutualseg.engine.summary import counted_network
from mutualseg.errors import DataError, MutualSegError, RunError
from mutualseg.one_line import one_line
from mutualseg.predictor import Predictor
from mutualseg.reporting.display import as_rgb
from mutualseg.reporting.pictures import Pixels
from mutualseg.run_report.chosen_images import ChosenImage
from mutualseg.run_report.record import RunRecord
from mutualseg.run_report.tiles import Tile, class_tile, error_map, error_tile, photo_tile
from mutualseg.run_report.val_images import ValImages, ValScores, open_val, predict_mask, score_val
from mutualseg.terminal import shown


@dataclass(frozen=True)
class Looked:
    """A run whose network has looked at its val images."""

    record: RunRecord
    val: ValImages
    predictor: Predictor
    found: ValScores
    role: str
    """Of the network that looked."""
    instead: str | None = None
    """Why it is the deployed network, though another one counts."""


class PictureRow(NamedTuple):
    """One val image in all its pictures."""

    caption: str
    tiles: Sequence[Tile]


def look(
    record: RunRecord,
    data: str | None,
    *,
    device: str,
    advance: Callable[[int, int], None],
    role: str | None = None,
) -> Looked:
    """Score a network of a finished run on its val images.

    Args:
        record: of the run.
        data: the data folder, if it is elsewhere than it was.
        device: where to compute.
        role: of the network; the deployed one if not given, or if its weights are gone.
        advance: called with (images done, images in all).

    Raises:
        MutualSegError: the run has no network yet, or its data are not there.
    """
    if record.summary is None:
        raise RunError(f"{record.root} is not finished and has no network yet to look with.")
    val = open_val(record, data)
    predictor = Predictor.load(record.root, device=device)
    if predictor.classes != record.classes:
        raise DataError(f"The network in {record.root} has other classes than its classes.txt; restore both.")
    role, instead = role or record.deployed, None
    if role != record.deployed:
        try:
            predictor = _with_network(predictor, role, record)
        except MutualSegError as error:
            role, instead = record.deployed, one_line(error)
    return Looked(record, val, predictor, score_val(predictor, val, advance), role, instead)


def twin_predictor(looked: Looked) -> Predictor | None:
    """Return the labels-only network that counts; None without one, or if its weights are gone."""
    twin = looked.record.twin
    if twin is None or twin.summary is None:
        return None
    counted = counted_network("labels_only", twin.summary["networks"], twin.deployed)
    try:
        return _with_network(looked.predictor, counted, twin)
    except MutualSegError:
        return None


def _with_network(predictor: Predictor, role: str, record: RunRecord) -> Predictor:
    """Return one that predicts with another network, by its role in a finished run."""
    network, _ = counted_network_of({"counted": role, "deployed": record.deployed}, record.folder)
    return replace(predictor, network=network.to(predictor.device).to(memory_format=torch.channels_last))


def own_pictures(looked: Looked, chosen: Sequence[ChosenImage]) -> list[PictureRow]:
    """Return image, truth, labels-only network, deployed network and error map of each chosen image."""
    twin = twin_predictor(looked)
    return [_own_row(looked, twin, image) for image in chosen]


def _own_row(looked: Looked, twin: Predictor | None, chosen: ChosenImage) -> PictureRow:
    look = _Look(looked, chosen)
    before = None if twin is None else look.indices_of(twin)
    tiles = look.given()
    if before is not None:
        tiles.append(look.of_classes("labels only", before))
    return PictureRow(
        look.caption(), [*tiles, look.of_classes(looked.record.method, look.own), look.errors(before)]
    )


def shared_pictures(several: Sequence[Looked], chosen: Sequence[ChosenImage]) -> list[PictureRow]:
    """Return image, truth, and each run's labels and errors, of images that all of the runs have."""
    rows = []
    for image in chosen:
        looks = [_Look(looked, image) for looked in several]
        tiles = looks[0].given()
        for each in looks:
            name = each.looked.record.name
            tiles += [each.of_classes(name, each.own), each.errors(None, name)]
        rows.append(PictureRow(f"{image.kind}: {image.name}", tiles))
    return rows


class _Look:
    """One val image, opened, with what a run's network makes of it."""

    def __init__(self, looked: Looked, chosen: ChosenImage) -> None:
        self.looked, self.chosen = looked, chosen
        samples = looked.val.samples
        sample = next(each for each in samples if each.name == chosen.name)
        self.image, mask = looked.val.load(sample)
        self.picture: Pixels = as_rgb(self.image.permute(1, 2, 0).numpy())
        self.truth: Pixels = mask.numpy()
        self.own = self.indices_of(looked.predictor)
        self.score = next(each for each in looked.found.images if each.name == chosen.name)

    def indices_of(self, predictor: Predictor) -> Pixels:
        indices: Pixels = predict_mask(predictor, self.image).numpy()
        return indices

    def caption(self) -> str:
        return (
            f"{self.chosen.kind}: {self.chosen.name}, mIoU {self.score.miou:.1f}, "
            f"{self.score.accuracy:.1f} % of the pixels right"
        )

    def given(self) -> list[Tile]:
        name = self.chosen.name
        return [
            photo_tile("image", self.picture, f"The val image {shown(name)}."),
            self.of_classes("truth", self.truth, "its mask, drawn by people"),
        ]

    def of_classes(self, title: str, indices: Pixels, what: str | None = None) -> Tile:
        record, colors = self.looked.record, self.looked.val.colors
        said = what or f"the classes that {title} names"
        text = f"{shown(self.chosen.name)}: {said}. {_shares(indices, record.classes)}"
        return class_tile(title, indices, len(record.classes), colors, text)

    def errors(self, before: Pixels | None, of: str = "") -> Tile:
        judged = error_map(self.truth, self.own, before)
        known = max(int((self.truth != 255).sum()), 1)
        wrong = int(((self.own != self.truth) & (self.truth != 255)).sum())
        name = shown(self.chosen.name)
        text = f"{name}: where {of or 'the network'} is wrong, {wrong / known:.1%} of the pixels"
        if before is not None:
            was_wrong = int(((before != self.truth) & (self.truth != 255)).sum())
            text += f"; labels only is wrong in {was_wrong / known:.1%}"
        return error_tile(f"errors of {of}" if of else "errors", self.picture, judged, f"{text}.")


def _shares(indices: Pixels, classes: Sequence[str]) -> str:
    """Return the most common classes of a mask in words."""
    counts: Mapping[int, int] = {
        index: int((indices == index).sum()) for index in range(len(classes)) if (indices == index).any()
    }
    most = sorted(counts, key=lambda index: -counts[index])[:4]
    return ", ".join(f"{shown(classes[index])} {counts[index] / indices.size:.0%}" for index in most) + "."
