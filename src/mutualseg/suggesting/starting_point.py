"""What `suggest` starts from: a run with its data, or a weights file with the images that the user names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mutualseg.data.encoding import Encoding
from mutualseg.data.folder import DataFolder
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Split
from mutualseg.data.split_file import read_split
from mutualseg.engine.checked_settings import read_settings
from mutualseg.errors import ConfigError
from mutualseg.opened_data import read_data, refuse_other_classes, reopen_run_data
from mutualseg.runs import RunFolder
from mutualseg.skipped_list import read_skipped
from mutualseg.suggesting.branches import Branches, branches_of_run, branches_of_weights


@dataclass(frozen=True)
class Start:
    """Networks, data and which images of them are labeled."""

    branches: Branches
    source: DataFolder
    split: Split
    chosen_labels: bool = False
    """Whether the run was told which masks to use, so that it did not use all there are."""
    notes: tuple[str, ...] = ()
    """Sentences for the user."""

    @property
    def needs_list(self) -> bool:
        """Whether another training must be told which images are labeled.

        It would choose among all masks else, or hold out other images as val: scores would not compare.
        """
        return self.chosen_labels or self.split.val_from == "held out"


def start_from(run: Path, data: str | None, unlabeled: Sequence[Path], *, quiet: bool) -> Start:
    """Return what a run folder or a weights file has to start from.

    Args:
        run: a run folder, or a weights file.
        data: where the run's data folder is now; beside a weights file the folder whose labels count.
        unlabeled: of `--unlabeled`.
        quiet: show no progress.

    Raises:
        MutualSegError: the run, the weights or the data cannot be used.
    """
    if run.is_file():
        return _of_weights(run, data, unlabeled, quiet=quiet)
    folder = RunFolder(run)
    settings = read_settings(folder)
    source = reopen_run_data(folder, settings, data, quiet=quiet)
    lost = [row.skipped.file for row in read_skipped(folder.skipped)]
    # What is gone of the run's unlabeled images is not asked for if others are to be looked at.
    may_lack = bool(unlabeled) or settings.on_bad_image == "skip"
    split = read_split(folder.split, source, lost=lost if may_lack else None)
    branches = branches_of_run(folder, settings, source)
    chosen_labels = settings.labeled is not None
    notes: tuple[str, ...] = ()
    if not chosen_labels:
        split, notes = _with_later_labels(split, source)
    return Start(branches, source, split, chosen_labels, notes)


def _with_later_labels(split: Split, source: DataFolder) -> tuple[Split, tuple[str, ...]]:
    """Return the split with what has a mask by now among the labeled: the run used all masks there were."""
    unlabeled = SampleIndex.of(split.unlabeled)
    names = set(unlabeled.names())
    later = [sample for sample in SampleIndex.of(source.train).labeled() if sample.name in names]
    if not later:
        return split, ()
    note = f"{len(later)} images have got a mask since the run was started, and count as labeled."
    masked = {sample.name for sample in later}
    kept = [place for place, name in enumerate(unlabeled.names()) if name not in masked]
    return replace(split, labeled=(*split.labeled, *later), unlabeled=unlabeled.select(kept)), (note,)


def _of_weights(run: Path, data: str | None, unlabeled: Sequence[Path], *, quiet: bool) -> Start:
    branches, classes, colors = branches_of_weights(run)
    if data is not None:
        source = read_data(data, images=branches.images, classes=classes, quiet=quiet)
        refuse_other_classes(source, classes)
    elif unlabeled:
        source = DataFolder(
            root=unlabeled[0] if unlabeled[0].is_dir() else unlabeled[0].parent,
            train=(),
            val=(),
            test=(),
            classes=classes,
            class_source="weights",
            colors=colors,
            encoding=Encoding(branches.images),
        )
    else:
        raise ConfigError(
            f"A weights file knows no images; name those to look at with --unlabeled DIR, or give '{run}' "
            "with the --data that it learned from."
        )
    train = SampleIndex.of(source.train)
    split = Split(
        labeled=source.labeled,
        unlabeled=train.without({sample.name for sample in source.labeled}),
        val=source.val,
        test=source.test,
        split_seed=0,
        val_from="part",
    )
    return Start(branches, source, split)
