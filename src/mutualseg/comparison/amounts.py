"""How many images are labeled: each amount that is compared, with its split, made before any training."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from mutualseg import resolving
from mutualseg.data.folder import DataFolder
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Sample
from mutualseg.data.splits import Split, make_split, require_unlabeled
from mutualseg.errors import ConfigError

_AT_ONCE = 65536


@dataclass(frozen=True)
class Amount:
    """A number of labeled images, and which ones they are."""

    given: str | int | None
    """As `train --labeled` takes it."""
    split: Split

    @property
    def images(self) -> int:
        """How many images are labeled."""
        return len(self.split.labeled)

    def facts(self) -> dict[str, Any]:
        """Return what must not change between calls."""
        return {
            "images": digest(self.split.labeled),
            "unlabeled": len(self.split.unlabeled),
            "unlabeled_images": digest(self.split.unlabeled),
            "masks": mask_digest(self.split.labeled),
        }


def make_amounts(
    source: DataFolder,
    given: Sequence[str | int | None],
    *,
    unlabeled: Sequence[Path],
    split_seed: int,
    group: str | None,
    needs_unlabeled: bool,
) -> list[Amount]:
    """Return the amounts, each number once, after a look at the files that they need.

    Raises:
        MutualSegError: a split cannot be made, a file is bad, or two amounts would be mixed up.
    """
    amounts: dict[int, Amount] = {}
    for one in given:
        split = make_split(source, labeled=one, unlabeled=unlabeled, split_seed=split_seed, group=group)
        if needs_unlabeled:
            require_unlabeled(split)
        amount = Amount(one, split)
        same = amounts.setdefault(amount.images, amount)
        if same is not amount and same.facts() != amount.facts():
            raise ConfigError(
                f"--labeled {same.given} and {one} are {amount.images} different images each; "
                "compare them in two folders."
            )
        if same is amount:
            resolving.refuse_bad_files(split, source.num_classes, source.encoding)
    found = list(amounts.values())
    if any(digest(amount.split.val) != digest(found[0].split.val) for amount in found):
        raise ConfigError("The --labeled files hold out different val images; make them with one split seed.")
    return found


def digest(samples: Iterable[Sample]) -> str:
    """Return a short text that tells whether samples are the same."""
    names = samples.names() if isinstance(samples, SampleIndex) else (sample.name for sample in samples)
    found, between = hashlib.sha256(), ""
    while piece := list(islice(names, _AT_ONCE)):  # the texts of a million images never all exist at once
        found.update((between + "\n".join(piece)).encode("utf-8", "surrogateescape"))
        between = "\n"
    return found.hexdigest()[:16]


def mask_digest(samples: Iterable[Sample]) -> str:
    """Return a short text that tells whether the masks of samples are the same, byte for byte."""
    found = hashlib.sha256()
    for sample in samples:
        assert sample.mask is not None
        with sample.mask.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()[:16]
