"""`predict`: from files to files, with decoding, the network and writing at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from mutualseg.data.image_rows import rows_of
from mutualseg.data.lookahead import look_ahead
from mutualseg.errors import ImageError
from mutualseg.evaluation.inference import BATCH
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.evaluation.large_images import LARGEST_LOGITS, Look, count_windows, look_of
from mutualseg.predicting.pictures import Painter
from mutualseg.predicting.reading import read_items
from mutualseg.predicting.saved_kinds import overlay_video
from mutualseg.predicting.target import Target
from mutualseg.predicting.video import OverlayVideo
from mutualseg.predicting.work import Item, Large
from mutualseg.predicting.writing import write_item, write_large
from mutualseg.predictor import Predictor
from mutualseg.reporting.progress import FileProgress, file_progress


@dataclass(frozen=True)
class Predictions:
    """What `predict` did."""

    written: tuple[Path, ...]
    """All files, in the order of the images."""
    skipped: tuple[tuple[Path, str], ...]
    """Files that could not be read, or not to their end, with the reason."""
    kinds: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    """The files that were written of each kind that was asked for."""


def predict_targets(
    predictor: Predictor,
    targets: Sequence[Target],
    out: Path,
    *,
    kinds: Sequence[str],
    options: InferenceOptions,
    every: int,
    quiet: bool,
) -> Predictions:
    """Segment images and videos; see `mutualseg.predict`.

    Args:
        predictor: the network.
        targets: what is segmented; checked before.
        out: the output folder.
        kinds: what is written of each.
        options: how images are looked at.
        every: of a video every so many-th frame is taken.
        quiet: show no progress.

    Raises:
        OSError: a file cannot be written.
    """
    painter = Painter(predictor.classes, predictor.colors)
    size = BATCH[predictor.device]
    found: dict[str, list[Path]] = {kind: [] for kind in kinds}
    written: list[Path] = []
    skipped: list[tuple[Path, str]] = []
    with file_progress("predicting", quiet=quiet) as bar, ExitStack() as videos:
        progress = _Progress(bar, len(targets))

        def look_and_write(item: Item, image: Large) -> Item:
            progress.begin(item, image)
            try:
                return write_large(item, out, kinds, predictor, painter, progress.advance)
            except ImageError as error:
                return item.now(problem=str(error))

        items = read_items(targets, predictor, options, every=every, ahead=2 * size, enlarge=progress.enlarge)
        batches = _batches(items, size, len(predictor.classes))
        looked = _looked(predictor, batches, options, look_and_write, sure="confidence" in kinds)
        write = partial(write_item, out=out, kinds=kinds, painter=painter)
        for item in _with_overlay_videos(look_ahead(write, looked, ahead=2 * size), out, videos):
            for kind, path in item.written:
                found[kind].append(path)
                written.append(path)
            if item.problem is not None:
                skipped.append((item.target.source, item.problem))
            progress.advance()
    return Predictions(tuple(written), tuple(skipped), {kind: tuple(paths) for kind, paths in found.items()})


class _Progress:
    """Counts images, windows of large images and frames."""

    def __init__(self, bar: FileProgress, total: int) -> None:
        self._bar, self._done, self._total = bar, 0, total

    def begin(self, item: Item, image: Large) -> None:
        """Say that an image is large."""
        windows = count_windows(image.size, image.options)
        self.enlarge(windows)
        self._bar.say(
            f"{item.target.source} is large ({image.size[1]} x {image.size[0]}): looked at in {windows} "
            f"windows of {image.options.window}"
        )

    def enlarge(self, more: int) -> None:
        """Expect more."""
        self._total += more

    def advance(self) -> None:
        """Count one."""
        self._done += 1
        self._bar(self._done, max(self._done, self._total))


def _batches(items: Iterable[Item], most: int, num_classes: int) -> Iterator[list[Item]]:
    """Yield items in order, as many images at a time as go through the network; a large image by itself."""
    batch: list[Item] = []
    taken, count = 0, 0
    for item in items:
        if isinstance(item.image, Large):
            if batch:
                yield batch
            yield [item]
            batch, taken, count = [], 0, 0
            continue
        batch.append(item)
        if item.image is not None:
            count += 1
            taken += 4 * num_classes * item.image.shape[-2] * item.image.shape[-1]
        if count == most or taken * 2 > LARGEST_LOGITS or item.image is None:
            yield batch
            batch, taken, count = [], 0, 0
    if batch:
        yield batch


def _looked(
    predictor: Predictor,
    batches: Iterable[list[Item]],
    options: InferenceOptions,
    look_and_write: Callable[[Item, Large], Item],
    *,
    sure: bool,
) -> Iterator[Item]:
    """Yield items with what the network says of them; `sure`: with its confidence."""
    for batch in batches:
        if isinstance(batch[0].image, Large):
            yield look_and_write(batch[0], batch[0].image)
            continue
        looks = iter(
            _looks(predictor, [i.image for i in batch if isinstance(i.image, Tensor)], options, sure)
        )
        yield from (item if item.image is None else item.now(look=next(looks)) for item in batch)


def _looks(
    predictor: Predictor, images: Sequence[Tensor], options: InferenceOptions, sure: bool
) -> Iterator[Look]:
    if any(predictor.options_in_bands((i.shape[1], i.shape[2]), options) is not None for i in images):
        for image in images:  # frames of a film as large as that are decoded all the same
            yield predictor.look_at(rows_of(image.permute(1, 2, 0).numpy()), options)
    elif sure:
        yield from map(look_of, predictor.logits(images, options))
    else:
        yield from (Look(found, torch.empty(0)) for found in predictor.segment(images, options))


def _with_overlay_videos(items: Iterable[Item], out: Path, open_videos: ExitStack) -> Iterator[Item]:
    """Pass items on; overlays of frames become a video, which belongs to the item at its end."""
    video: OverlayVideo | None = None
    for item in items:
        if item.overlay is not None:
            if video is None:
                place = overlay_video(out, item.target.name)
                video = open_videos.enter_context(OverlayVideo(place, item.rate))
            video.add(item.overlay)
        if item.is_end and video is not None:
            open_videos.pop_all().close()
            item = item.now(written=(("overlay", video.path),))
            video = None
        yield item.now(overlay=None)
