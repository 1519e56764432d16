"""Records that a run wrote after its checkpoint: on resume they are cut, for they will be written again."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

from mutualseg.atomic_files import faults_naming, sync
from mutualseg.runs import RunFolder

_LENGTH = struct.Struct("<QI")
"""Of a record: its bytes, and the checksum of that number."""
_CHECKSUM = struct.Struct("<I")


def cut_records(folder: RunFolder, last_step: int) -> None:
    """Drop rows, TensorBoard events and pictures of steps after `last_step`, and what a crash cut short."""
    for path in (folder.metrics, folder.monitor, folder.timing):
        folder.cut_rows(path, last_step)
    for path in folder.root.glob("events.out.tfevents.*"):
        cut_events(path, last_step)
    for picture in folder.pseudo_labels.glob("step_*.png"):
        step = picture.stem.removeprefix("step_")
        if step.isdigit() and int(step) > last_step:
            picture.unlink()


def cut_events(path: Path, last_step: int) -> None:
    """Drop the events of an event file that stand after a step; the others stay byte for byte."""
    kept = b"".join(
        record for step, record in _records(path.read_bytes()) if step <= last_step
    )  # some 100 bytes a scalar
    if len(kept) < path.stat().st_size:
        partial = path.with_name("events.partial")  # not a name that TensorBoard reads
        with faults_naming(path):
            partial.write_bytes(kept)
            sync(partial)
            partial.replace(path)


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
        yield int(Event.FromString(held).step), content[start:end]
        start = end
