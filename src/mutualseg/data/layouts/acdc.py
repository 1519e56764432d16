"""ACDC as semi-supervised papers pass it on (SSL4MIS): .h5 slices and volumes, unpacked once into the cache.

Images are gray with values from 0 to 1. They become 16-bit PNG, which is 1/65535 exact and finer than what
the scanners have measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mutualseg.data.cache_folder import unpacked
from mutualseg.data.catalog.acdc import ACDC
from mutualseg.data.folder import DataFolder
from mutualseg.data.layouts.extras import import_extra
from mutualseg.data.layouts.layout import Asked, Layout, Progress, assemble
from mutualseg.data.layouts.list_files import read_list
from mutualseg.data.listing import list_files
from mutualseg.data.pairing import index_files
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import PARTS, Part
from mutualseg.data.size_limit import refuse_huge
from mutualseg.errors import DataError, MaskError
from mutualseg.one_line import one_line

_GROUP = r"patient\d+"
_SLICES = "train_slices.list"


def _read(home: Path, asked: Asked) -> DataFolder:
    import_extra("h5py", "medical", f"The .h5 files of {home}")
    files = {f"train/{name}": home / "data" / "slices" / f"{name}.h5" for name in read_list(home / _SLICES)}
    for part in ("val", "test"):
        names = read_list(path) if (path := home / f"{part}.list").is_file() else []
        files |= {f"{part}/{name}": home / "data" / f"{name}.h5" for name in names}
    gone = [path for path in files.values() if not path.is_file()]
    if gone:
        raise DataError(
            f"{len(gone)} files that the lists of {home} name are missing ({gone[0]}); "
            "unpack the data set again."
        )
    folder = unpacked("acdc", files.values(), lambda fresh: _unpack(files, fresh, asked.progress))
    parts: Mapping[Part, SampleIndex] = {
        part: index_files(
            list_files(folder / "images" / part),
            f"{part}/",
            part,
            list_files(folder / "masks" / part).first_of_each(),
        )
        for part in PARTS
    }
    return assemble(
        "acdc",
        home,
        asked,
        ACDC,
        train=parts["train"],
        val=parts["val"],
        test=parts["test"],
        group=_GROUP,
    )


def _unpack(files: Mapping[str, Path], fresh: Path, progress: Progress | None) -> None:
    for done, (name, path) in enumerate(files.items(), start=1):
        image, label = _load(path)
        if image.ndim == 2:
            _save(fresh, name, image, label, path)
        for index in range(len(image) if image.ndim == 3 else 0):
            own = None if label is None else label[index]
            _save(fresh, f"{name}_slice_{index + 1}", image[index], own, path)
        if progress:
            progress(done, len(files))


def _load(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    h5py = import_extra("h5py", "medical", f"Files such as {path}")
    try:
        with h5py.File(path, "r") as file:
            image, label = (_array(file, name, path) for name in ("image", "label"))
    except DataError:
        raise
    except Exception as error:  # on broken bytes the library raises OSError, KeyError, RuntimeError
        raise DataError(
            f"{path} is no complete .h5 file ({one_line(error)}); unpack the data set again."
        ) from None
    if image is None or image.ndim not in (2, 3):
        raise DataError(
            f"{path} has no `image` of two or three dimensions; export slices or volumes as SSL4MIS does."
        )
    if label is not None and label.shape != image.shape:
        raise MaskError(
            f"{path} has a label of {list(label.shape)} for an image of {list(image.shape)}; export it again."
        )
    return image, label


def _array(file: Any, name: str, path: Path) -> npt.NDArray[Any] | None:
    """Return an array that the file itself holds: HDF5 can also name others to read it from.

    None where there is none. Its size is looked at before it is read.
    """
    h5py = import_extra("h5py", "medical", f"Files such as {path}")
    kind = file.get(name, getclass=True, getlink=True)
    if kind is None:
        return None
    held = None if kind is h5py.ExternalLink else file[name]
    if not isinstance(held, h5py.Dataset) or held.external or held.is_virtual or held.file != file:
        raise DataError(f"{path} does not hold its `{name}` itself; export it into the file.")
    if held.dtype.kind not in "buif" or not held.size:
        raise DataError(f"{path} has no numbers in `{name}`; export slices or volumes as SSL4MIS does.")
    refuse_huge(path, 1, 1, held.size * held.dtype.itemsize)
    return np.asarray(held)


def _save(
    fresh: Path, name: str, image: npt.NDArray[Any], label: npt.NDArray[Any] | None, source: Path
) -> None:
    if not (np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1):
        raise DataError(
            f"{source} has image values from {image.min():g} to {image.max():g}, and 0 to 1 is needed; "
            "scale each volume to that range."
        )
    _write(fresh / "images" / f"{name}.png", np.rint(image.astype(np.float64) * 65535).astype(np.uint16))
    if label is None:
        return
    indices = label.astype(np.uint8)
    if (indices != label).any():
        raise MaskError(f"{source} has labels that are no class indices from 0 to 255; export it again.")
    _write(fresh / "masks" / f"{name}.png", indices)


def _write(path: Path, pixels: npt.NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


ACDC_LAYOUT = Layout(
    "acdc",
    ((_SLICES, "data/slices"),),
    f"{_SLICES} and data/slices/NAME.h5 (with `image` and `label`), and for val.list and test.list "
    "data/NAME.h5",
    _read,
    ("", "ACDC"),
)
