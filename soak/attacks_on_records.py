"""Attacks by the records in a run folder, which a run that goes on reads before it writes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tensorboard.summary.writer.record_writer import RecordWriter

from attacked import Place
from attacks_on_weights import Attack


def attacks() -> Iterator[tuple[str, Attack]]:
    """Yield each attack by its name."""
    for name, spoil in _SPOILED.items():
        yield f"run folder with {name}, resumed", partial(_resumed, spoil=spoil)


def _append(name: str, content: bytes) -> Callable[[Path], None]:
    def spoil(run: Path) -> None:
        (path,) = run.glob(name)
        path.write_bytes(path.read_bytes() + content)

    return spoil


def _list(row: str) -> Callable[[Path], None]:
    def spoil(run: Path) -> None:
        (run / "skipped.csv").write_text(f"file,part,reason,step\n{row}\n", encoding="utf-8")

    return spoil


def _name(name: str) -> Callable[[Path], object]:
    return lambda run: (run / name).write_bytes(b"")


def _record(content: bytes) -> bytes:
    """Return a record of an event file with right checksums, whatever it holds."""
    file = io.BytesIO()
    RecordWriter(file).write(content)
    return file.getvalue()


_SPOILED: dict[str, Callable[[Path], object]] = {
    "a metrics.csv that is no text": _append("metrics.csv", b"2,\xff\xfe\n"),
    "a step in raised digits": _append("timing.csv", "\u00b2,1,1\n".encode()),
    "a step of 5000 digits": _append("metrics.csv", b"9" * 5000 + b",1\n"),
    "a field of a megabyte": _append("metrics.csv", b"2," + b"1" * 2**20 + b"\n"),
    "an event that is none": _append("events.out.tfevents.*", _record(b"\xff\xff\xff")),
    "a skipped file of a megabyte": _list(f"{'x' * 2**20},val,gone,1"),
    "a skipped file's step in raised digits": _list("x,val,gone,\u00b2"),
    "a picture's step in raised digits": _name("pseudo_labels/step_\u00b2.png"),
}


def _resumed(place: Place, *, spoil: Callable[[Path], object]) -> str | None:
    run = place.copy_of_run()
    spoil(run)
    return place.harm(place.command("train", "--resume", run), 0, 2)
