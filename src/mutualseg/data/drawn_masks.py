"""Annotations drawn once, as 8-bit masks in the user's cache; the user's folder is only read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from mutualseg.data.cache_folder import unpacked
from mutualseg.data.file_names import last_part, stem_of, without_suffix
from mutualseg.data.images import image_size
from mutualseg.errors import DataError

Draw = Callable[[int, int], npt.NDArray[np.uint8]]
"""Draws a mask, uint8 [H,W], of class indices (255: ignore), given the upright image's height and width."""

Progress = Callable[[int, int], None]
"""Is called with (masks drawn, masks in all)."""

_INDEX = "index.json"
_NAMED = "named.json"
_AT_ONCE = 256
"""Masks that are planned ahead."""


@dataclass(frozen=True)
class DrawnMasks:
    """Masks that were drawn from annotations; the images stay where they are."""

    classes: tuple[str, ...]
    """Names in index order."""
    masks: dict[str, Path]
    """The mask, an 8-bit PNG of class indices (255: ignore), of each annotated image, by the image's name."""
    absent: tuple[str, ...]
    """What the annotations call images that are not among those given."""
    empty: tuple[str, ...]
    """Images that the annotations list without any shape."""


class Plan(NamedTuple):
    """What is to be drawn."""

    classes: tuple[str, ...]
    absent: tuple[str, ...]
    empty: tuple[str, ...]
    found: Iterable[str]
    """Images that the annotations list and that are there, with shapes or without."""
    total: int
    """Number of jobs."""
    jobs: Iterable[tuple[str, Draw]]
    """An image's name and what draws its mask; taken one after the other, drawn several at a time."""


def draw_once(
    kind: str,
    sources: Iterable[Path],
    images: Mapping[str, Path],
    options: object,
    plan: Callable[[], Plan],
    progress: Progress | None = None,
) -> DrawnMasks:
    """Return the masks of annotations: those in the cache, if nothing has changed since they were drawn.

    Images that the annotations do not name may come and go.

    Args:
        kind: Begins the cache folder's name, such as "labelme".
        sources: The annotation files.
        images: Image files by name, the path below images/ with its suffix.
        options: Whatever else decides what is drawn; as JSON it becomes part of the cache folder's key.
        plan: Reads the annotations; called only if they have to be drawn.
        progress: Told how far the drawing is.

    Raises:
        DataError: The cache cannot be written, or two images have one name but for the suffix.
        MaskError: The annotations cannot be drawn.
        ImageError: An image's size cannot be read.
    """
    sources = list(sources)
    planned: list[Plan] = []
    named = _named_in(kind, sources, plan, planned)
    images = {name: path for name, path in images.items() if last_part(stem_of(name)) in named}
    places = {name: f"masks/{without_suffix(name)}.png" for name in images}
    _refuse_clash(places)

    def write(folder: Path) -> None:
        made = planned.pop() if planned else plan()
        drawn = _draw_all(made, images, {name: folder / place for name, place in places.items()}, progress)
        index = {
            "classes": made.classes,
            "masks": drawn,
            "absent": made.absent,
            "empty": made.empty,
        }
        (folder / _INDEX).write_text(json.dumps(index), encoding="ascii")

    folder = unpacked(
        kind, [*sources, *images.values()], write, json.dumps([options, sorted(images)], sort_keys=True)
    )
    index = json.loads((folder / _INDEX).read_text(encoding="ascii"))
    return DrawnMasks(
        classes=tuple(index["classes"]),
        masks={name: folder / places[name] for name in index["masks"]},
        absent=tuple(index["absent"]),
        empty=tuple(index["empty"]),
    )


def _named_in(
    kind: str, sources: Sequence[Path], plan: Callable[[], Plan], planned: list[Plan]
) -> frozenset[str]:
    """Return what annotations call images: last parts without suffix, the same whatever images are there.

    They are kept in the cache; where the annotations have to be read for them, `planned` receives the plan.
    """

    def write(folder: Path) -> None:
        planned.append(plan())
        named = {
            last_part(stem_of(name.replace("\\", "/"))) for name in (*planned[0].absent, *planned[0].found)
        }
        (folder / _NAMED).write_text(json.dumps(sorted(named)), encoding="ascii")

    folder = unpacked(f"{kind}-names", sources, write)
    return frozenset(json.loads((folder / _NAMED).read_text(encoding="ascii")))


def _draw_all(
    plan: Plan, images: Mapping[str, Path], places: Mapping[str, Path], progress: Progress | None
) -> list[str]:
    def draw(job: tuple[str, Draw]) -> str:
        name, draw_mask = job
        mask = draw_mask(*image_size(images[name]))
        places[name].parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(places[name], compress_level=1)
        return name

    drawn: list[str] = []
    jobs = iter(plan.jobs)
    with ThreadPoolExecutor() as pool:
        # By the batch: a pool that is given all jobs holds all outlines.
        while batch := list(islice(jobs, _AT_ONCE)):
            for name in pool.map(draw, batch):
                drawn.append(name)
                if progress:
                    progress(len(drawn), plan.total)
    return drawn


def _refuse_clash(places: Mapping[str, str]) -> None:
    first: dict[str, str] = {}
    for name, place in places.items():
        if other := first.get(place):
            raise DataError(
                f"The images {other} and {name} differ only in their suffix; keep one of the two."
            )
        first[place] = name
