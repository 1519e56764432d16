"""Records that a run wrote after its checkpoint: on resume they are cut, for they will be written again."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytorch_lightning as pl
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

from mutualseg.atomic_files import replacing
from mutualseg.runs import RunFolder
from mutualseg.step_numbers import step_of
from mutualseg.step_rows import cut_rows

_LENGTH = struct.Struct("<QI")
"""Of a record: its bytes, and the checksum of that number."""
_CHECKSUM = struct.Struct("<I")


class RecordCutting(pl.Callback):
    """Cut the records of a run once, when its checkpoint has been taken in: before, it may not fit.

    Comes before what records anything itself.

    Args:
        folder: of the run.
        leads: whether this process writes there.
    """

    def __init__(self, folder: RunFolder, *, leads: bool) -> None:
        self.folder = folder
        self._is_due = leads

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Cut them after the step that the run goes on from; 0 if it begins."""
        self.cut(trainer.global_step)

    def cut(self, step: int) -> None:
        """Cut what stands after a step, unless that has been done."""
        if self._is_due:
            self._is_due = False
            cut_records(self.folder, step)


def cut_records(folder: RunFolder, last_step: int) -> None:
    """Drop rows, events, pictures and bad batches of steps after `last_step`, and what a crash cut short."""
    for path in (folder.metrics, folder.monitor, folder.timing, folder.losses):
        cut_rows(path, last_step)
    for path in folder.root.glob("events.out.tfevents.*"):
        cut_events(path, last_step)
    pictures = (*folder.pseudo_labels.glob("step_*.png"), *folder.val_predictions.glob("step_*.png"))
    for path in (*pictures, *folder.bad_batches.glob("step_*.*")):
        step = step_of(path.name.partition(".")[0].removeprefix("step_"))
        if step is not None and step > last_step:
            path.unlink()


def cut_events(path: Path, last_step: int) -> None:
    """Drop the events of an event file that stand after a step; the others stay byte for byte."""
    kept = b"".join(
        record for step, record in _records(path.read_bytes()) if step <= last_step
    )  # some 100 bytes a scalar
    if len(kept) < path.stat().st_size:
        # Written under a name that TensorBoard does not read.
        with replacing(path, path.with_name("events.partial")) as partial:
            partial.write_bytes(kept)


def _records(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (step, bytes) of each whole record of an event file; what follows a broken one is lost anyway."""
    start = 0
    while start + _LENGTH.size <= len(content):
        length, checksum = _LENGTH.unpack_from(content, start)
        first, after = start + _LENGTH.size, start + _LENGTH.size + length
        if masked_crc32c(content[start : start + 8]) != checksum or after + _CHECKSUM.size > len(content):
            return
        held = content[first:after]
        if _CHECKSUM.unpack_from(content, after)[0] != masked_crc32c(held):
            return
        end = after + _CHECKSUM.size
        try:
            step = int(Event.FromString(held).step)
        except Exception:  # protobuf's own error: a whole record, but of something else
            return
        yield step, content[start:end]
        start = end
