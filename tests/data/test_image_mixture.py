"""`check` and `train` agree on which images one run can read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mutualseg.data.any_image import any_reader
from mutualseg.data.doctor import inspect
from mutualseg.data.image_mixture import kind_name, misfits
from mutualseg.data.image_survey import find_code
from mutualseg.data.samples import Sample
from mutualseg.errors import MutualSegError
from tests.data.made import write_folder, write_png

SHAPES = [(1, False), (1, True), (3, False), (3, True), (4, False), (4, True), (2, False), (5, False)]
"""Colors, and whether there is alpha."""
DEPTHS = ["u1", "u2", "i2", "u4", "f4", "f8"]


def tiff(path: Path, colors: int, has_alpha: bool, dtype: str) -> None:
    numbers = np.random.default_rng(0).integers(0, 100, (6, 8, colors + has_alpha)).astype(dtype)
    tifffile.imwrite(
        path,
        numbers,
        photometric="rgb" if colors == 3 else "minisblack",
        planarconfig="contig" if colors + has_alpha > 1 else None,
        extrasamples=["unspecified"] * (colors - 1 if colors != 3 else 0) + ["unassalpha"] * has_alpha,
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return a file of each shape and depth, and such as Pillow writes."""
    root = tmp_path_factory.mktemp("kinds")
    found = []
    for colors, has_alpha in SHAPES:
        for dtype in DEPTHS:
            found.append(root / f"{colors}{'a' * has_alpha}_{dtype}.tif")
            tiff(found[-1], colors, has_alpha, dtype)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        found.append(root / f"{mode.replace(';', '_')}.png")
        Image.new(mode, (8, 6)).save(found[-1])
    for bands in (1, 2, 3, 4):
        found.append(write_png(root / f"deep{bands}.png", np.zeros((6, 8, bands), np.uint16)))
    return found


@given(data=st.data())
def test_a_mixture_fits_exactly_if_a_run_reads_it(files: list[Path], data: st.DataObject) -> None:
    channels = data.draw(st.sampled_from([None, None, 1, 3, 4, 5]))
    # Few kinds at a time, or none would ever fit.
    some = data.draw(st.lists(st.sampled_from(files), min_size=1, max_size=3))
    if data.draw(st.booleans()):
        some = [path for path in files if path.stem.split("_")[-1] == some[0].stem.split("_")[-1]]
    samples = [Sample(path, None, path.stem, "train") for path in some]
    try:
        find_code(samples, (), channels)
        is_read = True
    except MutualSegError:
        is_read = False
    read = any_reader(channels)
    try:
        fits = not misfits(Counter(read(path).kind for path in some))
    except MutualSegError:
        fits = False
    assert fits == is_read


@pytest.mark.parametrize(
    ("depth", "colors", "name"),
    [
        ("8-bit", 1, "8-bit gray"),
        ("8-bit", 3, "8-bit RGB"),
        ("16-bit", 1, "16-bit gray"),
        ("float", 1, "floating-point gray"),
        ("8-bit", 4, "8-bit with 4 channels"),
    ],
)
def test_names(depth: Any, colors: int, name: str) -> None:
    assert kind_name(depth, colors) == name


def test_four_bands_are_no_rgb_and_all_numbers_with_a_sign_are_one_depth(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "bands", ["train/a", "train/b", "val/c"], ["train/u"])
    tiff(root / "images/train/four.tif", 4, False, "u1")
    Image.new("RGBA", (8, 6)).save(root / "images/train/alpha.png")
    report = inspect(root)
    assert dict(report.kinds) == {"8-bit RGB": 5, "8-bit with 4 channels": 1}
    assert not report.ok
    root = write_folder(tmp_path / "floats", ["train/a", "train/b", "val/c"])
    for place, name in enumerate(["train/a", "train/b", "val/c"]):
        (root / f"images/{name}.png").unlink()
        tiff(root / f"images/{name}.tif", 1, False, ("f4", "f8", "i2")[place])
    report = inspect(root)
    assert dict(report.kinds) == {"floating-point gray": 3}
    assert not [found for found in report.findings if "another kind" in found.what]
