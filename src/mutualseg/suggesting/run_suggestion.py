"""`suggest`: from a run, or weights, to a folder of what to label next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mutualseg.data.regular_files import real_path
from mutualseg.errors import ConfigError
from mutualseg.reporting.progress import file_progress
from mutualseg.suggesting.candidates import find_candidates
from mutualseg.suggesting.examining import Examined, examine
from mutualseg.suggesting.next_steps import next_steps
from mutualseg.suggesting.out_folder import appearing, check_out
from mutualseg.suggesting.selection import Choice, select
from mutualseg.suggesting.starting_point import Start, start_from
from mutualseg.suggesting.suggestions import Suggestion, line_of
from mutualseg.suggesting.target_names import Targets
from mutualseg.suggesting.writing import Package
from mutualseg.terminal import is_shown_as_it_is


@dataclass(frozen=True)
class Suggestions:
    """What `suggest` did."""

    out: Path
    suggestions: tuple[Suggestion, ...]
    """The best first."""
    looked_at: int
    """Unlabeled images that were compared."""
    unlabeled: int
    """Unlabeled images in all."""
    networks: tuple[str, ...]
    """Which were asked."""
    notes: tuple[str, ...]
    """Sentences for the user."""
    next_steps: tuple[str, ...]
    """What to do with what was written."""
    skipped: tuple[tuple[Path, str], ...]
    """Unlabeled images that could not be read, with the reason."""


def suggest_images(
    run: Path,
    *,
    count: int,
    out: Path | None,
    data: str | None,
    unlabeled: Sequence[Path],
    look_at: int,
    formats: tuple[str, ...],
    overwrite: bool,
    quiet: bool,
) -> Suggestions:
    """Choose and write; see `mutualseg.suggest`."""
    target = _target(run, out)
    given = [path for path in unlabeled if path.is_dir()]
    own_run = run if run.is_dir() else None
    check_out(target, run=own_run, read_only=given, overwrite=overwrite)
    start = start_from(run, data, unlabeled, quiet=quiet)
    check_out(target, run=own_run, read_only=[start.source.root, *given], overwrite=overwrite)
    candidates = find_candidates(start.source, start.split, unlabeled, look_at)
    branches = start.branches.ready()
    with file_progress("looking", quiet=quiet) as progress:
        examined = examine(
            branches,
            start.split.labeled,
            candidates.samples,
            start.source.encoding,
            start.source.num_classes,
            progress,
        )
    choices = select(examined.pool, examined.labeled, count)
    notes = [*branches.notes, *start.notes, *candidates.notes, *_notes(choices, count)]
    heading = (
        f"{real_path(run).name}: {len(choices)} of {len(examined.samples)} unlabeled images to label next"
    )
    with appearing(target) as folder, file_progress("writing", quiet=quiet) as progress:
        package = Package(folder, start.source, branches, formats)
        written = package.write(
            _suggestions(start, examined, choices),
            examined.label_shares,
            [
                line_of(sample.image, start.source.root)
                for sample in start.split.labeled
                if is_shown_as_it_is(str(sample.image))
            ],
            heading,
            lambda done: progress(done, len(choices)),
        )
    return Suggestions(
        target,
        written,
        len(examined.samples),
        candidates.total,
        tuple(branches.networks),
        tuple(notes),
        next_steps(target, start.source, written, formats, needs_list=start.needs_list),
        tuple((sample.image, reason) for sample, reason in examined.skipped),
    )


def _target(run: Path, out: Path | None) -> Path:
    if out is not None:
        return out
    if run.is_file():
        raise ConfigError("--out is missing; name a folder for what is suggested by a weights file.")
    return run / "suggested"


def _suggestions(start: Start, examined: Examined, choices: Sequence[Choice]) -> Iterator[Suggestion]:
    names = Targets(start.source)
    for rank, choice in enumerate(choices, start=1):
        sample = names.own(examined.samples[choice.place])
        yield Suggestion(
            rank=rank,
            image=sample.image,
            line=line_of(sample.image, start.source.root),
            target=names.of(sample),
            is_outside=sample.is_external,
            score=choice.score,
            coverage=choice.coverage,
            classes=choice.classes,
            uncertainty=float(examined.pool.uncertainty[choice.place]),
            differing=examined.looks[choice.place],
            rare=(),
            look_alike=choice.look_alike,
        )


def _notes(choices: Sequence[Choice], count: int) -> Iterator[str]:
    if len(choices) < count:
        yield f"There are {len(choices)} unlabeled images to choose from, fewer than --count {count}."
    alike = sum(choice.look_alike for choice in choices)
    if alike:
        yield (
            f"{alike} of {len(choices)} look like labeled images or better ones of the list, as nothing else "
            "is left."
        )
