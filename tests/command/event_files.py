"""What trackers wrote, read with as little of their own libraries as there is."""

from __future__ import annotations

import importlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

_BLOCK = 2**15


def tensorboard_of(run: Path) -> EventAccumulator:
    """Return all scalars and pictures of a run's event files."""
    found = EventAccumulator(str(run), size_guidance={"images": 0, "scalars": 0, "tensors": 0})
    return found.Reload()


def wandb_records(run: Path) -> Iterator[tuple[str, Any]]:
    """Yield (kind, record) of each record of W&B's offline files, in the order of their making.

    Such a file is a log as LevelDB writes it, after seven bytes that name the format.
    """
    record_of: Any = importlib.import_module("wandb.proto.wandb_internal_pb2").Record.FromString
    for path in sorted(run.glob("wandb/offline-run-*/*.wandb")):
        content, at, held = path.read_bytes(), 7, b""
        while at + 7 <= len(content):
            if _BLOCK - at % _BLOCK < 7:  # no room for a head
                at += _BLOCK - at % _BLOCK
                continue
            _, length, kind = struct.unpack_from("<IHB", content, at)
            held += content[at + 7 : at + 7 + length]
            at += 7 + length
            if kind in (1, 4):  # whole, or the last part
                record = record_of(held)
                held = b""
                name = str(record.WhichOneof("record_type"))
                yield name, getattr(record, name)


def plain_items(items: Any) -> dict[str, Any]:
    """Return the items of a record of W&B by name."""
    return {"/".join(each.nested_key) or each.key: json.loads(each.value_json) for each in items}
