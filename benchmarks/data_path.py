"""The way of the images to the networks at four sizes of folder: start-up, memory, loading.

    python benchmarks/data_path.py --largest 1000000 --json out.json

Folders of 10^3 to 10^6 small JPEGs, each file different from all others, are made in a temporary
folder (in memory where /dev/shm exists); making them is timed apart. Each size is measured in a
process of its own.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mutualseg import resolving
from mutualseg.data.datamodule import StreamSizes, TwoStreams
from mutualseg.data.encoding import PLAIN
from mutualseg.data.folder import DataFolder, read_folder
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Split
from mutualseg.data.split_file import write_split
from mutualseg.data.splits import make_split
from mutualseg.views.pipelines import UnlabeledViews

SIZES = (1_000, 10_000, 100_000, 1_000_000)
CROP = 32
DRAWN = 100
_MEGA = 2**20


def make_folder(root: Path, count: int, *, inside: bool) -> None:
    """Write a data folder of four labeled images and `count` unlabeled ones.

    Args:
        root: where DIR ("data") and the unlabeled folder ("photos") are made.
        count: of unlabeled images.
        inside: put them into DIR/images/train instead of a folder for `--unlabeled`.
    """
    for name in ("train/a", "train/b", "val/c", "val/d"):
        for kind in ("images", "masks"):
            (root / "data" / kind / name).parent.mkdir(parents=True, exist_ok=True)
        shade = 40 * ord(name[-1]) % 256
        Image.new("RGB", (64, 64), (shade, 90, 200)).save(root / "data" / "images" / f"{name}.png")
        Image.fromarray(np.eye(64, dtype=np.uint8)).save(root / "data" / "masks" / f"{name}.png")
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (90, 140, 40)).save(buffer, "JPEG")
    photos = root / "data/images/train" if inside else root / "photos"
    photos.mkdir(exist_ok=True)
    for number in range(count):
        # What follows a JPEG's end is not read: it makes content and size differ.
        content = buffer.getvalue() + f"{number:09}".encode() + bytes(number % 1000)
        (photos / f"photo_{number:07}.jpg").write_bytes(content)


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note the wall seconds of a block, and the processor's beside them: they agree on an idle machine."""
    wall, processor = time.perf_counter(), time.process_time()
    yield
    seconds[name] = round(time.perf_counter() - wall, 2)
    seconds[f"{name}_cpu"] = round(time.process_time() - processor, 2)


def start_up(root: str, inside: bool) -> dict[str, Any]:
    """Do what `train` does with the data before its first step; return seconds and memory."""
    seconds: dict[str, float] = {}
    before = _kilobytes("/proc/self/status", "VmRSS")
    with timed(seconds, "list_and_split"):
        folder = read_folder(Path(root, "data"))
        split = make_split(folder, unlabeled=[] if inside else [Path(root, "photos")])
    with timed(seconds, "check"):
        resolving.refuse_bad_files(split, folder.num_classes, PLAIN)
        resolving.resolve_crop(CROP, split, "cpu")
    with timed(seconds, "write_split"):
        write_split(split, folder.root, Path(root, "split.json"))
    index = SampleIndex.of(split.unlabeled)
    return {
        **seconds,
        "index_bytes_per_image": round(index.nbytes / len(index), 1),
        "resident_mb": round(_kilobytes("/proc/self/status", "VmRSS") / 1024, 1),
        "resident_growth_mb": round((_kilobytes("/proc/self/status", "VmRSS") - before) / 1024, 1),
        "worker_uss_mb": round(worker_unique_megabytes(folder, split), 1),
    }


def worker_unique_megabytes(folder: DataFolder, split: Split) -> float:
    """Return the memory that one loader process shares with no other, once it has drawn `DRAWN` images."""
    streams = TwoStreams(
        split.labeled,
        split.unlabeled,
        views=UnlabeledViews(CROP),
        sizes=StreamSizes(2, 10),
        total_steps=DRAWN // 10,
        num_classes=folder.num_classes,
        seed=0,
        unlabeled_steps=range(DRAWN // 10),
        workers=1,
    )
    batches = iter(streams.train_dataloader().iterables["unlabeled"])
    for _ in range(DRAWN // 10 - 1):  # the last is loaded ahead and waits: its worker is still there
        next(batches)
    time.sleep(1)
    rollup = f"/proc/{batches._workers[0].pid}/smaps_rollup"
    return sum(_kilobytes(rollup, f"Private_{kind}") for kind in ("Clean", "Dirty")) / 1024


def _kilobytes(file: str, key: str) -> int:
    """Return one line's number; 0 where the system has no such file."""
    try:
        lines = Path(file).read_text().splitlines()
    except FileNotFoundError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{key}:")), 0)


def measure(count: int, *, inside: bool) -> dict[str, Any]:
    """Return the row of one size."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as root:
        making = time.perf_counter()
        make_folder(Path(root), count, inside=inside)
        making = time.perf_counter() - making
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
            row = fresh.submit(start_up, root, inside).result()
    return {"images": count, "where": "DIR" if inside else "--unlabeled", "making": round(making, 1), **row}


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print rows as a table."""
    keys = list(rows[0])
    print(" | ".join(keys))
    for row in rows:
        print(" | ".join(f"{row[key]!s:>{len(key)}}" for key in keys))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="leave out larger folders")
    parser.add_argument("--smallest", type=int, default=SIZES[0], help="leave out smaller folders")
    parser.add_argument("--inside", action="store_true", help="in DIR/images, not a folder of --unlabeled")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    options = parser.parse_args()
    sizes = [count for count in SIZES if options.smallest <= count <= options.largest]
    rows = [measure(count, inside=options.inside) for count in sizes]
    print_table(rows)
    if options.json:
        options.json.write_text(json.dumps({"rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
