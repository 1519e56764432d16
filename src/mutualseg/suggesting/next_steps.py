"""How to go on from suggestions to a training with more labels, in words."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from mutualseg.data.folder import DataFolder
from mutualseg.data.sample_index import SampleIndex
from mutualseg.shell_lines import shell_line
from mutualseg.suggesting.suggestions import Suggestion

_WHERE = {
    "png": "masks/",
    "labelme": "labelme/ (in LabelMe)",
    "cvat": "annotations.xml (in CVAT, for a task of images/)",
}


def next_steps(
    out: Path,
    source: DataFolder,
    suggestions: Sequence[Suggestion],
    formats: Sequence[str],
    *,
    needs_list: bool,
) -> tuple[str, ...]:
    """Return sentences on what to do with what was written.

    Args:
        out: where it was written.
        source: the data folder of the run.
        suggestions: what was suggested.
        formats: of the masks that were written.
        needs_list: whether another training must be told which images are labeled.
    """
    correct = _correct(out, formats)
    if source.class_source == "weights":
        last = "Put images and corrected masks into a data folder, and train on it."
        return tuple(filter(None, (correct, last)))
    again = "train again"
    if needs_list:
        again += f" with --labeled {shlex.quote(str(out / 'labeled.txt'))}"
    masked = {sample.name for sample in SampleIndex.of(source.train).labeled()}
    stems = {Path(one.target).with_suffix("").as_posix() for one in suggestions if not one.is_outside}
    there = len(masked & stems)
    if there == len(suggestions):
        kept = (
            f"All have a mask in {source.root} that the run did not use; do not replace them by predictions."
        )
        return kept, f"{again[0].upper()}{again[1:]}."
    kept = (
        f"{there} have a mask in {source.root} that the run did not use; do not replace those."
        if there
        else ""
    )
    copied = "images/ and masks/" if any(one.is_outside for one in suggestions) else "masks/"
    where = str(source.root) if source.layout == "folder" else f"where {source.root} has its own"
    return tuple(filter(None, (correct, kept, f"Copy the corrected {copied} to {where}, and {again}.")))


def _correct(out: Path, formats: Sequence[str]) -> str:
    """Say what to correct, and how annotations become masks."""
    if not formats:
        return ""
    text = f"Correct {' or '.join(_WHERE[name] for name in formats)} in {out}."
    drawn = [name for name in formats if name != "png"]
    if drawn:
        command = shell_line("check", out, "--layout", drawn[0], "--fix", "corrected")
        text += f" Of {drawn[0]}, `{command}` makes masks."
    return text
