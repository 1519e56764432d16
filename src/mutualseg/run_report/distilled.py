"""What a run has taught: its small networks beside its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from mutualseg.data.file_names import printable
from mutualseg.errors import MutualSegError
from mutualseg.run_report.record import RunRecord
from mutualseg.runs import RunFolder
from mutualseg.shell_lines import resume_line


class NetworkRow(NamedTuple):
    """One deployed network."""

    name: str
    network: str
    """Architecture and encoder."""
    miou: float | None
    """None as long as it is not finished."""
    difference: float | None
    """Points from the run's own."""
    parameters: int | None
    bytes: int | None
    """Of its weights file."""
    milliseconds: float | None
    """For one image."""


class Distilled(NamedTuple):
    """The table of a run and of what it taught."""

    rows: Sequence[NetworkRow]
    """First the run's own network."""
    notes: Sequence[str]


def distilled_networks(record: RunRecord) -> Distilled | None:
    """Return the networks that a run has taught, as far as they lie in its folder; None if there are none."""
    folders = [folder for folder in record.folder.distilled() if folder.config.is_file()]
    if not folders or record.summary is None:
        return None
    miou = float(record.summary["miou"])
    rows, notes = [], []
    costs: dict[str, Any] = {}
    for folder in folders:
        try:
            config = folder.read_config()
            summary = folder.read_summary() if folder.is_finished() else {}
        except MutualSegError as error:
            notes.append(str(error))
            continue
        own = summary.get("miou")
        taught_by = summary.get("distilled_from", {})
        rows.append(
            NetworkRow(
                printable(folder.root.name),
                _network(config),
                own,
                None if own is None else own - miou,
                summary.get("parameters"),
                _bytes(folder),
                summary.get("milliseconds_per_image"),
            )
        )
        if own is None:
            notes.append(f"{folder.root} is not finished; go on with: {resume_line(folder.root)}")
            continue
        costs = taught_by
        if taught_by.get("miou") != miou:
            notes.append(
                f"{folder.root} was taught before this run went on, with mIoU {taught_by.get('miou')}."
            )
        height, width = summary["image_size"]
        notes.append(
            f"{printable(folder.root.name)}: times are for an image of {width} x {height} pixels on "
            f"{summary['device']}, where this run's takes {taught_by['milliseconds_per_image']:.0f} ms."
        )
    first = NetworkRow(
        "this run",
        _network(record.config),
        miou,
        None,
        costs.get("parameters"),
        _bytes(record.folder),
        costs.get("milliseconds_per_image"),
    )
    return Distilled([first, *rows], notes)


def in_millions(parameters: int | None) -> str:
    """Return a number of parameters as people say it."""
    return "–" if parameters is None else f"{parameters / 1e6:.2f} M"


def _network(config: Any) -> str:
    return f"{config.get('network')} on {config.get('encoder')}"


def _bytes(folder: RunFolder) -> int | None:
    return folder.weights.stat().st_size if folder.weights.is_file() else None
