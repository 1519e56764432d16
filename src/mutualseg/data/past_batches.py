"""Which files a batch was made of, and what it held: both follow from its place in the run alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from torch import Tensor

from mutualseg.data.collating import collate_labeled, collate_unlabeled
from mutualseg.data.datamodule import TwoStreams
from mutualseg.data.skipping import BadFile, content_of
from mutualseg.data.streams import LabeledStream, UnlabeledStream, sample_at


class BatchPlace(NamedTuple):
    """Where in a run a batch stands."""

    step: int
    """Optimizer steps finished before it."""
    micro_step: int
    """From 0 to below `accumulate`."""
    rank: int
    """Of the process that received it."""

    def positions(self, size: int, accumulate: int, processes: int) -> range:
        """Return the positions in a stream of which each process takes `size` at a time."""
        batch = (self.step * accumulate + self.micro_step) * processes + self.rank
        return range(batch * size, (batch + 1) * size)


def files_of(streams: TwoStreams, places: Iterable[BatchPlace]) -> dict[str, list[str]]:
    """Return the image files of batches, in order, below `labeled` and `unlabeled`."""
    found: dict[str, list[str]] = {"labeled": [], "unlabeled": []}
    for place in places:
        for kind, stream, positions in _looked_at(streams, place):
            count = len(stream.samples)
            samples = (stream.samples[sample_at(at, count, stream.seed, kind)] for at in positions)
            found[kind] += [str(sample.image) for sample in samples]
    return found


def tensors_of(streams: TwoStreams, place: BatchPlace) -> dict[str, Tensor]:
    """Return a batch, made again from its files, under names such as `labeled.images`.

    Files that can no longer be read are left out with their half of the batch.
    """
    found: dict[str, Tensor] = {}
    for kind, stream, positions in _looked_at(streams, place):
        views = [stream.views_at(position) for position in positions]
        batch = content_of(collate_labeled(views) if kind == "labeled" else collate_unlabeled(views))
        if batch is not None and not isinstance(batch, BadFile):
            parts = batch._asdict().items()
            found |= {f"{kind}.{name}": part for name, part in parts if isinstance(part, Tensor)}
    return found


def _looked_at(
    streams: TwoStreams, place: BatchPlace
) -> list[tuple[str, LabeledStream | UnlabeledStream, range]]:
    """Return (name, stream, positions) of each half of a batch that a network saw."""

    def positions(size: int) -> range:
        return place.positions(size, streams.accumulate, streams.processes)

    found: list[tuple[str, LabeledStream | UnlabeledStream, range]] = [
        ("labeled", streams.labeled, positions(streams.sizes.labeled))
    ]
    unlabeled, wanted = streams.unlabeled, positions(streams.sizes.unlabeled)
    if unlabeled is not None and (unlabeled.positions is None or wanted.start in unlabeled.positions):
        found.append(("unlabeled", unlabeled, wanted))
    return found
