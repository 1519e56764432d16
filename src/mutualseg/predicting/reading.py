"""Files to images of the network: decoded ahead in threads, large ones left for later, videos by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import numpy as np
from PIL import Image

from mutualseg.data.image_rows import to_planes
from mutualseg.data.images import image_size
from mutualseg.data.lookahead import look_ahead
from mutualseg.errors import ConfigError, ImageError
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.predicting.target import Target
from mutualseg.predicting.video import Video
from mutualseg.predicting.video_extra import require_video
from mutualseg.predicting.work import Item, Large
from mutualseg.predictor import Predictor

Enlarge = Callable[[int], None]
"""Told how many frames more than its one file a video has."""


def read_items(
    targets: Sequence[Target],
    predictor: Predictor,
    options: InferenceOptions,
    *,
    every: int,
    ahead: int,
    enlarge: Enlarge,
) -> Iterator[Item]:
    """Yield an item for each image, and for each frame of a video and its end, in the order of the targets.

    Args:
        targets: files.
        predictor: says how images are read, and which are too large to be looked at as a whole.
        options: how the network looks at images.
        every: of a video every so many-th frame is taken.
        ahead: images that are decoded at most before they are asked for.
        enlarge: called at the beginning of each video.
    """

    def read(target: Target) -> Item:
        return _read(target, predictor, options)

    for is_video, group in groupby(targets, key=lambda target: target.is_video):
        if not is_video:
            yield from look_ahead(read, group, ahead=ahead)
            continue
        for target in group:
            yield from _frames(target, predictor, every, enlarge)


def _read(target: Target, predictor: Predictor, options: InferenceOptions) -> Item:
    item = Item(target, target.name)
    try:
        size = image_size(target.source)
        cut = predictor.options_in_bands(size, options)
        if cut is not None:
            predictor.images.look(target.source)
            return item.now(image=Large(size, cut))
        return item.now(image=to_planes(predictor.images.read(target.source)))
    except ImageError as error:
        return item.now(problem=str(error))


def _frames(target: Target, predictor: Predictor, every: int, enlarge: Enlarge) -> Iterator[Item]:
    end = Item(target, target.name, is_end=True)
    try:
        require_video(target.source)
        video = Video(target.source)
    except (ImageError, ConfigError, OSError) as error:
        yield end.now(problem=_in_words(error, target))
        return
    try:
        enlarge(-(-(video.announced or 0) // every))
        for frame in video.frames(every):
            item = Item(target, f"{target.name}/{frame.number:06d}", rate=video.rate / every)
            pixels = predictor.images.from_image(Image.fromarray(np.asarray(frame.pixels)), target.source)
            yield item.now(image=to_planes(pixels))
    except ImageError as error:  # the network reads other images than films have
        yield end.now(problem=str(error))
        return
    finally:
        video.close()
    yield end.now(problem=video.problem())


def _in_words(error: Exception, target: Target) -> str:
    if isinstance(error, OSError):
        return f"{target.source} cannot be read ({error.strerror or error}); check path and rights."
    return str(error)
