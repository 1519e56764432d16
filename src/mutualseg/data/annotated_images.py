"""Which image of the folder an annotation means: its name there is seldom the whole path."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from mutualseg.data.file_names import last_part, stem_of
from mutualseg.data.samples import PARTS
from mutualseg.errors import MaskError

_PART = re.compile(rf"({'|'.join(PARTS)})[\W\d_]*")


class AnnotatedImages:
    """Images by the names that annotations call them."""

    def __init__(self, images: Iterable[str]) -> None:
        """Index images by their names: paths below the folder images/, with their suffixes."""
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for image in images:
            self._by_stem[last_part(stem_of(image))].append(image)

    def find(self, name: str, place: str) -> str | None:
        """Return the image that an annotation's name means, None if there is none.

        The last part of the name decides, its suffix only among several images; folders before it are
        compared from the back, as far as both names have them. What an annotation says of train/ is
        not taken for an image of val/ or test/.

        Args:
            name: With a suffix, such as "train2017/0001.jpg"; on Windows also with backslashes.
            place: The file and the entry, for the message.

        Raises:
            MaskError: Several images fit equally well.
        """
        parts = name.replace("\\", "/").strip("/").split("/")
        fitting = [image for image in self._by_stem.get(stem_of(parts[-1]), ()) if _same_part(parts, image)]
        if not fitting:
            return None
        scores = [_likeness(parts, image) for image in fitting]
        best = [image for image, score in zip(fitting, scores, strict=True) if score == max(scores)]
        if len(best) > 1:
            raise MaskError(
                f"{place} names the image {name!r}, which could be {best[0]} or {best[1]}; "
                "write the folder into the name, or give the images names of their own."
            )
        return best[0]


def check_annotated_size(stated: tuple[int, int], actual: tuple[int, int], place: str) -> None:
    """Raise a MaskError if annotations were made on an image of another (height, width)."""
    if stated == actual:
        return
    found = (
        f"{place} was annotated at {stated[1]}x{stated[0]} pixels, but its image is {actual[1]}x{actual[0]}"
    )
    if stated == actual[::-1]:
        raise MaskError(
            f"{found} when upright (an EXIF orientation counts); annotate the image as it is shown upright, "
            "or remove its EXIF orientation."
        )
    raise MaskError(f"{found}; put the image there that was annotated, or annotate this one.")


def check_unique(found: Mapping[str, object], image: str, place: str) -> None:
    """Raise a MaskError if an image already has annotations."""
    if image in found:
        raise MaskError(f"{place} is a second entry for the image {image}; keep one of the two.")


def none_found(images: Mapping[str, Path], name: str, place: str) -> MaskError:
    """Return the error for annotations of which no image is there."""
    return MaskError(
        f"{place} names none of the {len(images)} images (it begins with {name!r}); "
        "put the images there that were annotated, under their names."
    )


def _same_part(parts: list[str], image: str) -> bool:
    """Tell whether neither name is of another part of the data than the other; val2017 is val."""
    own, _, below = image.partition("/")
    named = [found[1] for folder in parts[:-1] if (found := _PART.fullmatch(folder))]
    return not below or own not in PARTS or not named or own == named[-1]


def _likeness(parts: list[str], image: str) -> tuple[int, bool]:
    """Return how many folders agree, from the back, and whether the file's name agrees with its suffix."""
    theirs = image.split("/")
    agreeing = 0
    for own, other in zip(reversed(parts[:-1]), reversed(theirs[:-1]), strict=False):
        if own != other:
            break
        agreeing += 1
    return agreeing, parts[-1] == theirs[-1]
