"""TensorBoard's event file, written at once and by this thread alone.

PyTorch's writer leaves it to a thread of its own, where a full disk ends in a traceback that nobody asked
for and in records that are lost without a word.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from mutualseg.atomic_files import faults_naming, sync, sync_folder
from mutualseg.engine.agreement import is_leader
from mutualseg.reporting.kept_pictures import small_jpeg

_VERSION = "brain.Event:2"
"""What the first record of a file says, and TensorBoard asks for."""


class EventFile:
    """Scalars and pictures by step in a new file of a folder, which appears with the first of them.

    Args:
        folder: where the file will be.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append values by name.

        Raises:
            OSError: they cannot be written.
        """
        if not is_leader():
            return
        self._start()
        values = [Summary.Value(tag=name, simple_value=float(value)) for name, value in metrics.items()]
        self._append(Event(wall_time=time.time(), step=step or 0, summary=Summary(value=values)))

    def log_picture(self, name: str, path: Path, step: int) -> None:
        """Append a picture, made smaller where it is large: runs have many, and all of them stay.

        Raises:
            OSError: it cannot be read or written.
        """
        if not is_leader():
            return
        encoded, width, height = small_jpeg(path)
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=encoded)
        self._start()
        held = Summary(value=[Summary.Value(tag=name, image=image)])
        self._append(Event(wall_time=time.time(), step=step, summary=held))

    def save(self) -> None:
        """Have the system put the records on the disk now."""
        if self._path is not None:
            with faults_naming(self._path):
                sync(self._path)

    def _start(self) -> None:
        if self._path is None:
            self._path = _free_path(self._folder)
            self._append(Event(wall_time=time.time(), file_version=_VERSION))
            sync_folder(self._folder)

    def _append(self, event: Any) -> None:
        assert self._path is not None
        record = BytesIO()
        RecordWriter(record).write(event.SerializeToString())
        with faults_naming(self._path), self._path.open("ab") as file:
            file.write(record.getvalue())


def has_event(folder: Path, step: int, tag: str) -> bool:
    """Whether the event files of a folder hold a tag at a step; they end with whole records."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    return any(
        event.step == step and any(value.tag == tag for value in event.summary.value)
        for path in folder.glob("events.out.tfevents.*")
        for event in EventFileLoader(str(path)).Load()
    )


def _free_path(folder: Path) -> Path:
    """Return a name as TensorBoard expects it, which no file of a run that is gone on with has."""
    start = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}"
    return next(path for number in count() if not (path := folder / f"{start}.{number}").exists())
