"""What the images of a folder are read as: found from headers, measured against whole arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from mutualseg.data import image_survey
from mutualseg.data.image_codes import RGB, ImageCode
from mutualseg.data.image_kinds import ImageKind, image_kind
from mutualseg.data.image_survey import find_code
from mutualseg.data.samples import Sample
from mutualseg.errors import ConfigError, ImageError

Array = npt.NDArray[Any]


def samples(root: Path, arrays: Mapping[str, Array]) -> list[Sample]:
    """Write arrays as files, TIFF by tifffile and PNG by Pillow."""
    found = []
    for name, array in arrays.items():
        path = root / name
        if path.suffix == ".tif":
            tifffile.imwrite(
                path, array, photometric="minisblack", planarconfig="contig" if array.ndim == 3 else None
            )
        else:
            Image.fromarray(array).save(path)
        found.append(Sample(path, None, path.stem, "train"))
    return found


def drawn(seed: int, *shape: int, high: int = 256, dtype: Any = np.uint8) -> Array:
    return np.random.default_rng(seed).integers(0, high, shape).astype(dtype)


def test_gray_color_palette_and_alpha_of_8_bits_are_rgb(tmp_path: Path) -> None:
    arrays = {"a.png": drawn(0, 5, 6), "b.png": drawn(1, 5, 6, 3), "c.png": drawn(2, 5, 6, 2)}
    code, notes = find_code(samples(tmp_path, arrays), ())
    assert code == RGB
    assert notes == [f"The alpha of 1 images is dropped ({tmp_path / 'c.png'})."]
    assert find_code(samples(tmp_path, arrays), (), 3) == (RGB, [])


def test_alpha_everywhere_may_be_a_band(tmp_path: Path) -> None:
    found = samples(tmp_path, {"a.png": drawn(0, 5, 6, 4), "b.png": drawn(1, 5, 6, 4)})
    code, notes = find_code(found, ())
    assert code == RGB
    assert notes[0].endswith("; --channels 4 reads it as a band.")
    code, _ = find_code(found, (), 4)
    assert (code.channels, code.kind, len(code.mean)) == (4, "8-bit", 4)


@pytest.mark.parametrize(
    ("largest", "high"), [(200, 255), (256, 1023), (4095, 4095), (4096, 16383), (60000, 65535)]
)
def test_16_bits_are_scaled_by_what_holds_their_largest(tmp_path: Path, largest: int, high: int) -> None:
    arrays = [drawn(seed, 5 + seed, 6, high=largest, dtype=np.uint16) for seed in range(3)]
    arrays[1][2, 3] = largest
    found = samples(tmp_path, {f"{place}.png": array for place, array in enumerate(arrays)})
    code, notes = find_code(found, ())
    assert (code.channels, code.kind, code.low, code.high) == (1, "16-bit", 0, high)
    assert notes == [f"Images are read as 1 band of 16 bits, 0 to {high}, normalized as measured on them."]
    everything = np.concatenate([array.ravel() for array in arrays]) / high
    assert code.mean == pytest.approx((everything.mean(),), rel=1e-5)
    assert code.std == pytest.approx((everything.std(),), rel=1e-5)


def test_bands_of_floats_are_measured_each(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = [(rng.normal((5, -300, 0), (1, 20, 0), (6, 7, 3))).astype(np.float32) for _ in range(4)]
    found = samples(tmp_path, {f"{place}.tif": array for place, array in enumerate(arrays)})
    code, _ = find_code(found, ())
    stacked = np.concatenate([array.reshape(-1, 3) for array in arrays]).astype(np.float64)
    assert (code.channels, code.kind) == (3, "float")
    assert (code.low, code.high) == (stacked.min(), stacked.max())
    unit = (stacked - code.low) / (code.high - code.low)
    assert code.mean == pytest.approx(unit.mean(0), rel=1e-5)
    assert code.std[:2] == pytest.approx(unit.std(0)[:2], rel=1e-5)
    assert code.std[2] == 1  # the same everywhere: no division by nothing
    read = np.stack([code.read(sample.image) for sample in found])
    assert (read.min(), read.max()) == (0, 1)


def test_val_is_looked_at_and_not_measured(tmp_path: Path) -> None:
    training = samples(tmp_path, {"a.png": drawn(0, 5, 6, high=900, dtype=np.uint16)})
    bright = samples(tmp_path, {"v.png": np.full((5, 6), 65535, np.uint16)})
    code, _ = find_code(training, bright)
    assert code == find_code(training, ())[0]
    assert code.read(bright[0].image).max() == pytest.approx(65535 / 1023)
    with pytest.raises(
        ImageError, match=r"different depths: 1 of 16 bits \(.*a\.png\) and 1 of 8 bits \(.*w\.png\)"
    ):
        find_code(training, samples(tmp_path, {"w.png": drawn(1, 5, 6)}))


def test_different_bands_are_named(tmp_path: Path) -> None:
    found = samples(
        tmp_path, {"a.tif": drawn(0, 7, 8, 5), "b.tif": drawn(1, 7, 8, 5), "c.tif": drawn(2, 7, 8, 4)}
    )
    with pytest.raises(
        ImageError,
        match=r"numbers of bands: 2 with 5 \(.*a\.tif\) and 1 with 4 \(.*c\.tif\); save all with the same",
    ):
        find_code(found, ())
    assert find_code(found[:2], ())[0].channels == 5


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_channels_that_files_do_not_have_are_named(tmp_path: Path, channels: int) -> None:
    found = samples(tmp_path, {"a.tif": drawn(0, 7, 8, 5)})
    with pytest.raises(
        ConfigError,
        match=rf"--channels {channels} does not fit .*a\.tif, which has 5 bands of 8 bits; give --channels 5",
    ):
        find_code(found, (), channels)
    assert find_code(found, (), 5) == find_code(found, ())


def test_gray_may_be_wanted_of_color_and_color_of_gray(tmp_path: Path) -> None:
    gray = samples(tmp_path, {"a.png": drawn(0, 5, 6, high=3000, dtype=np.uint16)})
    thrice, _ = find_code(gray, (), 3)
    once, _ = find_code(gray, ())
    assert thrice.mean == once.mean * 3
    color = samples(tmp_path, {"b.png": drawn(0, 5, 6, 3)})
    code, _ = find_code(color, (), 1)
    assert (code.channels, code.kind, len(code.std)) == (1, "8-bit", 1)


def test_of_many_images_some_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = samples(
        tmp_path, {f"{place:02d}.png": drawn(place, 5, 6, high=900, dtype=np.uint16) for place in range(30)}
    )
    seen: list[Path] = []
    measured: list[Path] = []
    read = ImageCode.read_unscaled

    def look(path: Path) -> ImageKind:
        seen.append(path)
        return image_kind(path)

    def measure(code: ImageCode, path: Path) -> Array:
        measured.append(path)
        return read(code, path)

    monkeypatch.setattr(image_survey, "LOOKED_AT", 10)
    monkeypatch.setattr(image_survey, "MEASURED", 5)
    monkeypatch.setattr(image_survey, "image_kind", look)
    monkeypatch.setattr(ImageCode, "read_unscaled", measure)
    find_code(found, found[:1])
    assert len(set(seen)) == 10
    assert len(seen) == 11
    assert len(measured) == 5
    assert {found[0].image, found[-1].image} <= set(measured)
