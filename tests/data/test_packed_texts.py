from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutualseg.data.packed_texts import PackedTexts

# Any bytes but 0 as Python gives them in a file name: those that are not UTF-8 as lone surrogates.
file_names = st.binary(max_size=12).map(lambda raw: raw.replace(b"\0", b"/").decode(errors="surrogateescape"))


@given(texts=st.lists(file_names, max_size=30), data=st.data())
def test_they_are_the_texts(texts: list[str], data: st.DataObject) -> None:
    packed = PackedTexts.pack(texts)
    assert len(packed) == len(texts)
    assert list(packed) == [packed[place] for place in range(len(texts))] == texts
    places = data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=40)) if texts else []
    assert list(packed.select(np.array(places, np.int64))) == [texts[place] for place in places]
    assert list(packed + PackedTexts.pack(["x", *texts])) == [*texts, "x", *texts]
    assert list(pickle.loads(pickle.dumps(packed))) == texts


def test_many_are_packed_and_read_in_pieces() -> None:
    texts = [str(number) for number in range(140_000)]
    assert list(PackedTexts.pack(iter(texts))) == texts


def test_no_file_name_holds_a_zero() -> None:
    with pytest.raises(ValueError, match="leave it out"):
        PackedTexts.pack(["a", "b\0c"])
