"""Splits and batches follow from seeds alone: not from hash seeds, file order, threads or processes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from mutualseg.data.collating import collate_unlabeled
from mutualseg.data.datamodule import StreamSizes, TwoStreams
from mutualseg.data.folder import read_folder
from mutualseg.data.samples import Sample
from mutualseg.data.skipping import BadFile, WithSkipped
from mutualseg.data.splits import make_split
from mutualseg.data.streams import UnlabeledStream
from mutualseg.types import UnlabeledBatch, UnlabeledCrop
from mutualseg.views.pipelines import UnlabeledViews
from tests.command.made import write_data, write_photos
from tests.conftest import parts

SIZES, STEPS = StreamSizes(2, 2), 4
PHOTOS = tuple(f"photo_{number}.png" for number in range(9))


def streams(root: Path, processes: int = 1) -> TwoStreams:
    folder = read_folder(root / "data")
    split = make_split(folder, labeled=3, unlabeled=[root / "photos"])
    return TwoStreams(
        split.labeled,
        split.unlabeled,
        views=UnlabeledViews(24, strong_views=2),
        sizes=SIZES,
        total_steps=STEPS,
        num_classes=3,
        seed=5,
        unlabeled_steps=range(STEPS),
        workers=0,
        processes=processes,
    )


def digest(root: Path) -> str:
    """Return one text for the split of a folder, and for all batches: crops, colors and CutMix masks."""
    folder = read_folder(root / "data")
    split = make_split(folder, labeled=3, unlabeled=[root / "photos"])
    hashed = hashlib.sha256()
    for samples in (split.labeled, split.unlabeled, split.val, split.test):
        hashed.update("\n".join(sample.name for sample in samples).encode() + b"\n\n")
    loaders = streams(root).train_dataloader()
    for batch, _, _ in loaders:
        for name in ("labeled", "unlabeled"):
            for part in parts(batch[name]):
                hashed.update(part.numpy().tobytes())
    return hashed.hexdigest()


_ELSEWHERE = """
import os, sys
from pathlib import Path

class Backwards:  # a file system that lists its folders in another order
    def __init__(self, entries):
        with entries:
            self.entries = sorted(entries, key=lambda entry: entry.name, reverse=True)
    def __enter__(self):
        return self
    def __exit__(self, *_):
        self.close()
    def __iter__(self):
        return iter(self.entries)
    def __next__(self):
        return self.entries.pop(0)
    def close(self):
        pass

scandir, listdir = os.scandir, os.listdir
os.scandir = lambda *path: Backwards(scandir(*path))
os.listdir = lambda *path: sorted(listdir(*path), reverse=True)
import torch
torch.set_num_threads(3)
from tests.data.test_same_everywhere import digest
print(digest(Path(sys.argv[1])))
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*LeafSpec.* is deprecated:FutureWarning")
def test_splits_and_batches_are_the_same_in_another_process(tmp_path: Path) -> None:
    """Of another hash seed, number of threads and order of files."""
    write_data(tmp_path / "data", labeled=8)
    write_photos(tmp_path / "photos", PHOTOS)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _ELSEWHERE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONHASHSEED": "12345"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [digest(tmp_path)]


@pytest.fixture
def many_threads() -> Iterator[None]:
    """Let this process compute with three threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_views_do_not_depend_on_the_threads_of_the_process_that_loads(
    many_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sum over a large image of float32 is divided among threads, and rounded accordingly."""
    images = torch.rand(4, 3, 600, 600, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr("mutualseg.data.streams.load_image", lambda sample, *others: images[int(sample.name)])
    samples = [Sample(Path(f"{number}.png"), None, str(number), "train") for number in range(4)]
    stream = UnlabeledStream(samples, UnlabeledViews(512), seed=0)

    def made() -> list[tuple[Tensor, ...]]:
        found = []
        for position in range(8):
            item = stream[position]
            assert item is not None
            assert not isinstance(item, BadFile | UnlabeledCrop | WithSkipped)
            found.append(item)
        return found

    loaded_here = made()
    assert torch.get_num_threads() == 3
    torch.set_num_threads(1)  # as a loader process has
    for one, two in zip(loaded_here, made(), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(parts(one), parts(two), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_cutmix_is_the_same_however_loaders_are_started(method: str, tmp_path: Path) -> None:
    write_data(tmp_path / "data", labeled=8)
    write_photos(tmp_path / "photos", PHOTOS)
    stream = streams(tmp_path).unlabeled
    assert stream is not None
    here = [collate_unlabeled([stream[2 * step], stream[2 * step + 1]]) for step in range(STEPS)]
    loader: DataLoader[Any] = DataLoader(
        stream,
        batch_size=2,
        num_workers=1,
        sampler=range(2 * STEPS),
        collate_fn=collate_unlabeled,
        multiprocessing_context=method,
    )
    for expected, batch in zip(here, loader, strict=True):
        assert isinstance(expected, UnlabeledBatch)
        assert all(torch.equal(a, b) for a, b in zip(parts(expected), parts(batch), strict=True))
