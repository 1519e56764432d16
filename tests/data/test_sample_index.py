from __future__ import annotations

import pickle
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from mutualseg.data.collating import collate_unlabeled
from mutualseg.data.folder import read_folder
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import PARTS, Sample
from mutualseg.data.streams import Positions, UnlabeledStream
from mutualseg.types import UnlabeledBatch
from mutualseg.views.pipelines import UnlabeledViews
from tests.conftest import parts as parts_of

words = st.sampled_from(["a", "b.c", "é", "e\u0301", "12", "train", "\udce9", "x y", "7 z"])
parts = st.lists(words, min_size=1, max_size=3).map("/".join)


@st.composite
def samples(draw: st.DrawFn) -> tuple[Sample, ...]:
    """Return samples of a data folder, of `--unlabeled` folders, and of no folder at all."""
    made = []
    for number in range(draw(st.integers(0, 12))):
        path, kind = f"{draw(parts)}{number}", draw(st.sampled_from(["inside", "outside", "odd"]))
        name, image = f"train/{path}", f"data/images/train/{path}.png"
        if kind == "outside":
            name, image = f"photos/{path}.JPG", f"/other/{path}.JPG"
        elif kind == "odd":
            name, image = (
                path,
                draw(st.sampled_from(["x", "/x/y.png", "//x/y.png", f"{path}.", f"/{path}.tif"])),
            )
        mask = Path(f"masks/{path}.png") if draw(st.booleans()) else None
        made.append(Sample(Path(image), mask, name, draw(st.sampled_from(PARTS))))
    return tuple(made)


@settings(max_examples=150, deadline=None)
@given(made=samples(), data=st.data())
def test_it_is_the_tuple(made: tuple[Sample, ...], data: st.DataObject) -> None:
    index = SampleIndex.of(made)
    assert len(index) == len(made)
    assert index == made
    assert made == index
    assert index == SampleIndex.of(made)
    assert [index[place] for place in range(-len(made), len(made))] == [*made, *made]
    assert list(index.names()) == [sample.name for sample in made]
    assert list(index.files()) == [str(sample.image) for sample in made]
    assert list(index.facts()) == [(s.name, str(s.image), s.is_external) for s in made]
    assert index.labeled() == [sample for sample in made if sample.mask]
    assert index.without_masks() == [Sample(s.image, None, s.name, s.part) for s in made]
    part = data.draw(st.slices(len(made)))
    assert index[part] == made[part]
    assert index.sorted_by_name() == sorted(made, key=lambda sample: sample.name)
    assert index + index[part] == made + made[part]
    assert pickle.loads(pickle.dumps(index)) == made
    if made:
        assert index != made[1:]
        assert index != (*made[1:], Sample(Path("other"), None, "other", "train"))
        with pytest.raises(IndexError, match="there is no sample"):
            index[len(made)]


def test_a_sample_costs_little_more_than_its_path() -> None:
    names = [f"train/{number // 1000:03}/img_{number:06}" for number in range(5000)]
    made = tuple(Sample(Path(f"/data/images/{n}.jpg"), None, n, "train") for n in names)
    index = SampleIndex.of(made)
    assert len(index.heads) == 1
    # A zero after each path, an offset of 4 bytes (and two that begin the rows), a byte for the head.
    assert index.nbytes == len(made) * (len("000/img_000000.jpg") + 1 + 4 + 1) + 2 * 4
    assert len(pickle.dumps(index)) < index.nbytes + 1000


def test_it_cannot_be_changed() -> None:
    index = SampleIndex.of((Sample(Path("a.png"), None, "a", "train"),))
    with pytest.raises(ValueError, match="read-only"):
        index.head_of[0] = 1
    with pytest.raises(TypeError, match="unhashable"):
        hash(index)


def test_read_folder_gives_one(tiny_data: Path) -> None:
    train = read_folder(tiny_data).train
    assert isinstance(train, SampleIndex)
    assert [place for place, sample in zip(count(), train, strict=False) if sample.mask] == list(range(6))


@pytest.mark.slow
def test_a_spawned_worker_gets_it(tiny_data: Path) -> None:
    without = SampleIndex.of(read_folder(tiny_data).train)[6:]
    stream = UnlabeledStream(without, UnlabeledViews(16), seed=1)
    here: DataLoader[Any] = DataLoader(
        stream, batch_size=2, sampler=Positions(0, 4), collate_fn=collate_unlabeled
    )
    there: DataLoader[Any] = DataLoader(
        stream,
        batch_size=2,
        sampler=Positions(0, 4),
        num_workers=1,
        collate_fn=collate_unlabeled,
        multiprocessing_context="spawn",
    )
    pairs = list(zip(here, there, strict=True))
    assert len(pairs) == 2
    for own, received in pairs:
        assert isinstance(own, UnlabeledBatch)
        assert isinstance(received, UnlabeledBatch)
        assert all(torch.equal(one, two) for one, two in zip(parts_of(own), parts_of(received), strict=True))
