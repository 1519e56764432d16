from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mutualseg.data.doctor import examine
from mutualseg.data.value_counts import GrowingCounts
from tests.data.made import write_folder

HISTOGRAMS = st.lists(
    st.dictionaries(st.integers(0, 255), st.integers(1, 2**32 - 1), max_size=256), max_size=5
)


@given(histograms=HISTOGRAMS, data=st.data())
def test_against_whole_histograms(histograms: list[dict[int, int]], data: st.DataObject) -> None:
    whole = np.zeros((len(histograms), 256), np.int64)
    growing = GrowingCounts()
    for row, pixels in enumerate(histograms):
        whole[row, list(pixels)] = list(pixels.values())
        growing.add(3 * row + 1, whole[row])
    counts = growing.done()
    wanted = np.array(data.draw(st.lists(st.booleans(), min_size=256, max_size=256)))
    places = data.draw(st.sets(st.integers(0, 15)))
    rows = [row for row in range(len(whole)) if 3 * row + 1 in places]
    some = counts.among(np.array(sorted(places), np.int64))
    assert len(counts) == len(whole)
    assert some.places.tolist() == [3 * row + 1 for row in rows]
    for found, expected in ((counts, whole), (some, whole[rows])):
        assert (found.total() == expected.sum(axis=0)).all()
        assert (found.masks() == (expected > 0).sum(axis=0)).all()
        held = (expected[:, wanted] > 0).any(axis=1)
        assert found.holding(wanted).tolist() == found.places[held].tolist()


def test_a_survey_keeps_few_bytes_of_a_mask(tmp_path: Path) -> None:
    root = write_folder(tmp_path, [f"train/{number}" for number in range(20)])
    counts = examine(root).survey.value_counts
    assert len(counts) == 20
    assert counts.total()[[0, 1, 2, 255]].tolist() == [20 * 12] * 4
    arrays = (counts.places, counts.sizes, counts.values, counts.pixels)
    assert sum(sys.getsizeof(array) for array in arrays) < 20 * 64
