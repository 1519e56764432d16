"""Folders that Hugging Face's `datasets` has saved (save_to_disk), unpacked once into the cache."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mutualseg.data.cache_folder import unpacked
from mutualseg.data.class_files import read_class_file
from mutualseg.data.file_names import last_part, without_suffix
from mutualseg.data.folder import DataFolder, read_folder
from mutualseg.data.image_opening import identified
from mutualseg.data.inside import is_inside
from mutualseg.data.json_files import read_json
from mutualseg.data.layouts.extras import import_extra
from mutualseg.data.layouts.layout import Asked, Layout, Progress
from mutualseg.data.listing import walk_files
from mutualseg.errors import DataError, ImageError, MaskError
from mutualseg.one_line import one_line

_PLACES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("unlabeled", "unlabelled", "unsupervised"), "train/unlabeled"),
}
"""Where the images of a split go."""
_IMAGES = ("image", "img", "pixel_values", "picture", "photo", "scan")
_MASKS = ("mask", "label", "annotation", "segmentation", "semantic", "target", "gt", "seg")
_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "TIFF": ".tif"}


def _read(home: Path, asked: Asked) -> DataFolder:
    datasets = import_extra("datasets", "datasets", f"The Arrow files of {home}")
    folder = unpacked(
        "datasets", list(walk_files(home)), lambda fresh: _unpack(datasets, home, fresh, asked.progress)
    )
    found = read_folder(folder, ignore=asked.ignore, images=asked.images)
    return replace(found, root=home, layout="huggingface")


def _unpack(datasets: Any, home: Path, fresh: Path, progress: Progress | None) -> None:
    _refuse_foreign_files(home)
    try:
        loaded = datasets.load_from_disk(str(home))
    except Exception as error:  # the library raises nearly anything on a damaged folder
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"{home} cannot be opened by datasets ({reason}); save it again with save_to_disk."
        ) from error
    splits = dict(loaded) if isinstance(loaded, datasets.DatasetDict) else {"train": loaded}
    known = {name: split for name, split in splits.items() if name.lower() in _PLACES}
    if not known:
        raise DataError(
            f"{home} has the splits {', '.join(splits)}, and train, validation and test are read; "
            "rename them."
        )
    total, done = sum(len(split) for split in known.values()), 0
    for name, split in known.items():
        image, mask = _columns(datasets, split, f"{home}, split {name}")
        place = _PLACES[name.lower()]
        if mask is None and place != "train/unlabeled":
            raise DataError(
                f"{home}, split {name} has no column of masks beside {image!r}; add one, such as 'mask'."
            )
        kept = [column for column in (image, mask) if column is not None]
        rows = split.select_columns(kept)
        for column in kept:
            rows = rows.cast_column(column, datasets.Image(decode=False))
        stems = _stems(rows, image)
        for stem, row in zip(stems, rows, strict=True):
            where = f"{home}, split {name}, row {done}"
            _save(row[image], fresh / "images" / place / stem, home, where)
            if mask is not None and row[mask] is not None and place != "train/unlabeled":
                _save(row[mask], fresh / "masks" / place / stem, home, where)
            done += 1
            if progress:
                progress(done, total)
    names = _class_names(home)
    if names:
        (fresh / "classes.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def _refuse_foreign_files(home: Path) -> None:
    """Raise DataError if the folder's own lists lead datasets to Arrow files elsewhere."""
    for listing in (path for path in walk_files(home) if path.name in ("dataset_dict.json", "state.json")):
        content = read_json(listing)
        entries = content.optional("splits" if listing.name == "dataset_dict.json" else "_data_files")
        for entry in () if entries is None else entries.entries():
            name = (entry if listing.name == "dataset_dict.json" else entry.entry("filename")).text()
            if not is_inside(name, listing.parent):
                raise DataError(
                    f"{listing} leads to {name!r}, outside of its folder, which is not read; save the data "
                    "set again with save_to_disk."
                )


def _columns(datasets: Any, split: Any, where: str) -> tuple[str, str | None]:
    """Return the columns of images and masks: both hold pictures, and their names tell them apart."""
    pictures = [name for name, feature in split.features.items() if isinstance(feature, datasets.Image)]
    masks = [name for name in pictures if _named(name, _MASKS)]
    others = [name for name in pictures if name not in masks]
    images = [name for name in others if _named(name, _IMAGES)] or others
    if len(images) == 1 and len(masks) <= 1:
        unsure = not masks and len(others) > 1
        if not unsure:
            return images[0], masks[0] if masks else None
        left = [name for name in others if name != images[0]]
        if len(left) == 1:
            return images[0], left[0]
    raise DataError(
        f"{where} has the picture columns {', '.join(map(repr, pictures)) or '(none)'}, and one of images "
        "and one of masks are needed; name them 'image' and 'mask', and remove the others."
    )


def _named(column: str, words: tuple[str, ...]) -> bool:
    return any(word in column.lower() for word in words)


def _stems(rows: Any, image: str) -> list[str]:
    """Return the images' own names where they have some that differ, else their numbers."""
    paths = [(picture or {}).get("path") or "" for picture in rows[image]]
    stems = [without_suffix(last_part(path.replace("\\", "/"))) for path in paths]
    if "" in stems or len({stem.casefold() for stem in stems}) < len(stems):
        return [f"{index:06d}" for index in range(len(stems))]
    return stems


def _save(picture: Mapping[str, Any] | None, target: Path, home: Path, where: str) -> None:
    """Write a picture byte for byte, or as PNG where its format is none that is read."""
    content = picture and picture.get("bytes")
    path = picture and picture.get("path")
    if not content and path and not is_inside(path, home):
        raise ImageError(
            f"{where} only names a picture outside of the folder ({path}), which is not read; save the data "
            "set again with its pictures."
        )
    try:
        content = content or (home / (path or "")).read_bytes()
        with identified(io.BytesIO(content), where) as image:
            suffix = _SUFFIXES.get(image.format or "")
            target.parent.mkdir(parents=True, exist_ok=True)
            # Appended: a name may hold dots.
            if suffix is None:
                image.save(target.with_name(f"{target.name}.png"))
            else:
                target.with_name(f"{target.name}{suffix}").write_bytes(content)
    except ImageError:
        raise
    except Exception as error:  # on broken bytes decoders raise nearly anything
        raise ImageError(
            f"{where} holds no picture that can be read ({one_line(error)}); save the data set again with "
            "its pictures."
        ) from None


def _class_names(home: Path) -> list[str]:
    """Return the names of id2label.json or classes.txt, should one lie beside the data."""
    if (home / "classes.txt").is_file():
        named = read_class_file(home)
        return list(named.names) if named is not None else []
    path = home / "id2label.json"
    if not path.is_file():
        return []
    try:
        content: Any = read_json(path).value
        names = {int(number): " ".join(str(name).split()) for number, name in content.items()}
    except (ValueError, AttributeError, MaskError):
        names = {}
    if sorted(names) != list(range(len(names))) or not names:
        raise DataError(f"{path} does not name the classes 0, 1, 2, ...; correct or remove it.")
    return [names[index] for index in range(len(names))]


HUGGINGFACE_LAYOUT = Layout(
    "huggingface",
    (("dataset_dict.json",), ("dataset_info.json", "state.json")),
    "a folder that datasets wrote with save_to_disk (dataset_dict.json, or dataset_info.json and "
    "state.json), with a column of images and one of masks",
    _read,
)
