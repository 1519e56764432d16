"""Which val images several runs have in common, and whether their scores are of the same ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mutualseg.data.split_file import val_names
from mutualseg.errors import MutualSegError
from mutualseg.run_report.chosen_images import scores_by_name
from mutualseg.run_report.looking import Looked
from mutualseg.run_report.record import RunRecord


def scores_in_common(several: Sequence[Looked]) -> list[dict[str, float]]:
    """Return each run's scores by name of those val images that are the same in all: image, mask and name."""
    contents = [{image.name: image.content for image in each.found.images} for each in several]
    if not contents:
        return []
    same = {
        name
        for name, content in contents[0].items()
        if all(other.get(name) == content for other in contents[1:])
    }
    return [
        {name: score for name, score in scores_by_name(each.found.images).items() if name in same}
        for each in several
    ]


def different_val(records: Sequence[RunRecord], looked: Sequence[Looked | None]) -> str | None:
    """Return a warning if the runs were not scored on the same val images.

    Args:
        records: of the runs.
        looked: what their networks saw; where one could not look, the names in the split files decide.
    """
    able = [each for each in looked if each is not None]
    if len(able) == len(looked):
        seen = [Counter(image.content for image in each.found.images) for each in able]
        common = seen[0]
        for other in seen[1:]:
            common = common & other
        if all(own == common for own in seen):
            return None
        counts = [f"{each.record.name} has {own.total():,}" for each, own in zip(able, seen, strict=True)]
        many = f"{common.total():,} of them are" if common.total() != 1 else "1 of them is"
        return (
            f"The runs were scored on different val images, so their scores do not compare: "
            f"{', '.join(counts)}; {many if common else 'none of them is'} the same in all."
        )
    names = {_names(record) for record in records} - {None}
    if len(names) > 1:
        return "The runs name different val images, so their scores do not compare."
    return None


def _names(record: RunRecord) -> tuple[str, ...] | None:
    try:
        return tuple(sorted(val_names(record.folder.split)))
    except MutualSegError:
        return None
