"""What the doctor finds in images one by one: turned, misnamed, tiny, of other kinds, of unlike sizes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mutualseg.data.file_heads import true_suffix
from mutualseg.data.file_names import suffix_of
from mutualseg.data.findings import Finding, make_finding
from mutualseg.data.folder_survey import FolderSurvey

SMALL = 32
"""Pixels of a side, below which an image holds less than one cell of most encoders."""
_MUCH_LARGER = 4
"""Times the pixels of the smallest image that the largest may have without a word."""


def image_findings(survey: FolderSurvey) -> Iterator[Finding]:
    """Yield what is odd about the images of a survey."""
    turned = np.flatnonzero(survey.readable & (survey.orientation != 1))
    if len(turned):
        yield make_finding(
            "warning",
            "image is stored turned or mirrored, with an EXIF orientation tag; it is read upright, "
            "and its mask must be upright too",
            "look at --sheet FILE.png; --fix OUT writes upright copies without the tag",
            survey.images(turned),
        )
    yield from _suffix_findings(survey)
    small = np.flatnonzero(survey.readable & (survey.size.min(axis=1) < SMALL))
    if len(small):
        yield make_finding(
            "warning",
            f"image is smaller than {SMALL} pixels on a side, too small for most encoders",
            "take larger images, or remove it",
            survey.images(small),
        )
    yield from image_kind_findings(_by_kind(survey))
    yield from _size_findings(survey)


def image_kind_findings(kinds: Mapping[str, Sequence[Path]]) -> Iterator[Finding]:
    """Yield a warning if images are of more than one kind; an error if `train` refuses the mixture.

    Args:
        kinds: The images of each kind by its name, such as "8-bit RGB" and "16-bit gray".
    """
    present = sorted((kind for kind in kinds if kinds[kind]), key=lambda kind: -len(kinds[kind]))
    if len(present) < 2:
        return
    listed = ", ".join(f"{len(kinds[kind])} {kind}" for kind in present)
    odd = [path for kind in present[1:] for path in kinds[kind]]
    is_refused = _is_refused(present)
    cure = f"save all images in one kind, such as {present[0]}"
    yield make_finding(
        "error" if is_refused else "warning",
        f"image is of another kind than most ({listed} images): channels or bit depths are mixed",
        f"{cure}, or leave these out"
        if is_refused
        else f"{cure}, unless images to be segmented are mixed too",
        odd,
    )


def _is_refused(kinds: Sequence[str]) -> bool:
    """Tell whether kinds differ in depth, or in channels other than gray and RGB, which may be mixed."""
    depths = {kind.partition(" ")[0] for kind in kinds}
    return len(depths) > 1 or any("channels" in kind for kind in kinds)


def _suffix_findings(survey: FolderSurvey) -> Iterator[Finding]:
    misnamed: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for known in np.unique(survey.formats[survey.readable]).tolist():
        samples = survey.samples.select(np.flatnonzero(survey.readable & (survey.formats == known)))
        for file in samples.files():
            if true_suffix(known, file) is not None:
                misnamed[known, suffix_of(file)].append(Path(file))
    for (known, suffix), paths in sorted(misnamed.items()):
        yield make_finding(
            "warning",
            f"image is a {known} file, though its name ends in {suffix}",
            "rename it; --fix OUT does so in a copy",
            paths,
        )


def _by_kind(survey: FolderSurvey) -> dict[str, Sequence[Path]]:
    if len(survey.kind_names) < 2:
        return {}
    return {
        name: survey.images(np.flatnonzero(survey.kinds == number))
        for number, name in enumerate(survey.kind_names)
    }


def _size_findings(survey: FolderSurvey) -> Iterator[Finding]:
    pixels = survey.size[survey.readable].astype(np.int64).prod(axis=1)
    if not len(pixels) or pixels.max() < _MUCH_LARGER * pixels.min():
        return
    places = np.flatnonzero(survey.readable)[[pixels.argmin(), pixels.argmax()]]
    (low, short), (high, long) = ((w, h) for h, w in survey.size[places].tolist())
    yield Finding(
        "note",
        f"images differ much in size, from {low}x{short} to {high}x{long}: objects may differ in scale",
        1,
        tuple(survey.images(places)),
        "crops are cut at the images' own scale; resize images if things look larger in some",
    )
