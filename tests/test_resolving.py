from __future__ import annotations

from pathlib import Path

import pytest

from mutualseg import resolving
from mutualseg.data.encoding import PLAIN
from mutualseg.data.folder import read_folder
from mutualseg.data.splits import make_split
from mutualseg.errors import ImageError


def test_of_very_many_unlabeled_files_evenly_spaced_ones_are_opened(
    tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = make_split(read_folder(tiny_data))
    assert len(split.unlabeled) == 6
    split.unlabeled[1].image.write_bytes(b"no image")
    with pytest.raises(ImageError, match=str(split.unlabeled[1].image)):
        resolving.refuse_bad_files(split, 3, PLAIN)
    monkeypatch.setattr(resolving, "CHECKED_UNLABELED", 3)  # the first, the third and the last
    resolving.refuse_bad_files(split, 3, PLAIN)
    split.unlabeled[5].image.write_bytes(b"no image")
    with pytest.raises(ImageError, match=str(split.unlabeled[5].image)):
        resolving.refuse_bad_files(split, 3, PLAIN)
