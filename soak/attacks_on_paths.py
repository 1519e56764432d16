"""Attacks by paths: names in data sets and lists that lead out of the folders that were given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from attacked import SECRET, Place, write_json
from attacks_on_weights import Attack

_PATHS = ("../outside/secret.png", "../../outside/secret.png", "ABSOLUTE")


def attacks() -> Iterator[tuple[str, Attack]]:
    """Yield each attack by its name."""
    for path in (*_PATHS, "../../../../../../etc/passwd", "/etc/passwd"):
        yield f"--labeled list with {path}", partial(_labeled_list, path=path)
        yield f"split.json that is trained on {path}", partial(_split, key="labeled", path=path)
        yield f"split.json that is scored on {path}", partial(_split, key="val", path=path)
        yield f"COCO file with {path}", partial(_coco, path=path)
        yield f"COCO panoptic file with {path}", partial(_panoptic, path=path)
        yield f"LabelMe file with {path}", partial(_labelme, path=path)
        yield f"CVAT file with {path}", partial(_cvat, path=path)
        yield f"VOC list with {path}", partial(_voc, path=path)
        yield f"Hugging Face folder with {path}", partial(_arrow, path=path)
    yield "split.json with a text as an unlabeled image", _unlabeled_text
    yield "Hugging Face folder with a split elsewhere", _arrow_split
    yield "HDF5 with numbers from another file", _external_numbers
    yield "HDF5 with a link to another file", _external_link


def _full(place: Place, path: str) -> str:
    secret = place.outside / "secret.png"
    return str(secret) if path == "ABSOLUTE" else path


def _labeled_list(place: Place, *, path: str) -> str | None:
    file = place.root / "list.txt"
    file.write_text(f"0.png\n{_full(place, path)}\n", encoding="utf-8")
    words = ("--data", place.data, "--out", place.root / "out", "--labeled", file)
    return place.harm(place.command("train", *words), 2, says="list.txt")


def _split(place: Place, *, key: str, path: str) -> str | None:
    run = place.copy_of_run()
    split = json.loads((run / "split.json").read_text(encoding="utf-8"))
    split[key].append(_full(place, path))
    write_json(run / "split.json", split)
    words = ("--data", place.data, "--out", place.root / "out", "--labeled", run / "split.json")
    return place.harm(place.command("train", *words), 2, says="split.json") or place.harm(
        place.command("train", "--resume", run), 2, says="split.json"
    )


def _unlabeled_text(place: Place) -> str | None:
    run = place.copy_of_run()
    split = json.loads((run / "split.json").read_text(encoding="utf-8"))
    split["unlabeled_files"] = {"x": str(place.outside / "secret.txt")}
    write_json(run / "split.json", split)
    words = ("--data", place.data, "--out", place.root / "out", "--labeled", run / "split.json")
    return place.harm(place.command("train", *words), 2, says="secret.txt")


def _annotated(place: Place) -> Path:
    folder = place.root / "annotated"
    folder.mkdir()
    (place.data / "images/train").rename(folder / "images")
    return folder


def _checked(place: Place, folder: Path, layout: str, *codes: int) -> str | None:
    outcome = place.command("check", folder, "--layout", layout)
    found = place.harm(outcome, *codes)
    return f"it says {SECRET}" if SECRET in outcome.out + outcome.err else found


def _coco(place: Place, *, path: str) -> str | None:
    folder = _annotated(place)
    shape = {"id": 1, "category_id": 1, "segmentation": [[2, 2, 9, 2, 9, 9]]}
    names = ["0.png", _full(place, path)]
    content = {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(names)],
        "annotations": [{**shape, "image_id": number} for number in range(2)],
        "categories": [{"id": 1, "name": "thing"}],
    }
    write_json(folder / "a.json", content)
    return _checked(place, folder, "coco_json", 0, 2)


def _panoptic(place: Place, *, path: str) -> str | None:
    folder = place.root / "coco"
    for part in ("train", "val"):
        images = folder / f"{part}2017"
        images.parent.mkdir(exist_ok=True)
        (place.data / f"images/{part}").rename(images)
        (folder / f"annotations/panoptic_{part}2017").mkdir(parents=True)
        segment = {"id": 1 + 2 * 256 + 3 * 65536, "category_id": 1}
        content = {
            "images": [{"id": 1, "file_name": "0.png", "height": 32, "width": 40}],
            "annotations": [{"image_id": 1, "file_name": _full(place, path), "segments_info": [segment]}],
            "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "bicycle"}],
        }
        write_json(folder / f"annotations/panoptic_{part}2017.json", content)
    return _checked(place, folder, "coco_panoptic", 2)


def _labelme(place: Place, *, path: str) -> str | None:
    folder = _annotated(place)
    shape = {"label": "thing", "points": [[2, 2], [9, 2], [9, 9]], "shape_type": "polygon"}
    content = {"imagePath": _full(place, path), "shapes": [shape], "imageHeight": 32, "imageWidth": 40}
    write_json(folder / "0.json", content)
    write_json(folder / "1.json", {**content, "imageData": None})
    return _checked(place, folder, "labelme", 0, 2)


def _cvat(place: Place, *, path: str) -> str | None:
    folder = _annotated(place)
    shape = '<polygon label="thing" points="2,2;9,2;9,9" z_order="0"/>'
    images = "".join(
        f'<image id="{number}" name="{name}" width="40" height="32">{shape}</image>'
        for number, name in enumerate(("0.png", _full(place, path)))
    )
    (folder / "annotations.xml").write_text(f"<annotations>{images}</annotations>", encoding="utf-8")
    return _checked(place, folder, "cvat", 0, 2)


def _voc(place: Place, *, path: str) -> str | None:
    folder = place.root / "voc"
    folder.mkdir()
    for kind, name in (("images", "JPEGImages"), ("masks", "SegmentationClass")):
        (place.data / kind / "train").rename(folder / name)
    (place.data / "classes.txt").rename(folder / "classes.txt")
    lists = folder / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text(f"0\n1\n{_full(place, path).removesuffix('.png')}\n", encoding="utf-8")
    return _checked(place, folder, "voc_like", 2)


def _arrow_folder(place: Place) -> Path:
    import datasets

    datasets.disable_progress_bars()
    folder = place.root / "arrow"
    image, mask = (
        {"bytes": (place.data / f"{kind}/train/0.png").read_bytes(), "path": None}
        for kind in ("images", "masks")
    )
    kinds = datasets.Features({"image": datasets.Image(), "mask": datasets.Image()})
    rows = datasets.Dataset.from_dict({"image": [image, image], "mask": [mask, mask]}, features=kinds)
    datasets.DatasetDict({"train": rows}).save_to_disk(str(folder))
    return folder


def _arrow(place: Place, *, path: str) -> str | None:
    import pyarrow as pa

    folder = _arrow_folder(place)
    file = next(folder.glob("train/*.arrow"))
    table = pa.ipc.open_stream(file.read_bytes()).read_all()
    pictures = table.column("image").to_pylist()
    pictures[1] = {"bytes": None, "path": _full(place, path)}  # save_to_disk would have taken it along
    kind = table.schema.field("image")
    table = table.set_column(table.schema.names.index("image"), kind, pa.array(pictures, kind.type))
    with pa.ipc.new_stream(str(file), table.schema) as stream:
        stream.write_table(table)
    return _checked(place, folder, "huggingface", 2)


def _arrow_split(place: Place) -> str | None:
    folder = _arrow_folder(place)
    (folder / "train").rename(place.outside / "train")
    write_json(folder / "dataset_dict.json", {"splits": ["train", "../outside/train"]})
    (folder / "train").mkdir()
    return _checked(place, folder, "huggingface", 2)


def _slices(place: Place) -> Path:
    folder = place.root / "acdc"
    (folder / "data/slices").mkdir(parents=True)
    (folder / "train_slices.list").write_text("patient001_frame01_slice_1\n", encoding="utf-8")
    return folder / "data/slices/patient001_frame01_slice_1.h5"


def _external_numbers(place: Place) -> str | None:
    import h5py

    path = _slices(place)
    with h5py.File(path, "w") as file:
        secret = [(str(place.outside / "secret.txt"), 0, 16)]
        file.create_dataset("image", (4, 4), np.uint8, external=secret)
        file["label"] = np.zeros((4, 4), np.uint8)
    return _checked(place, path.parents[2], "acdc", 2)


def _external_link(place: Place) -> str | None:
    import h5py

    path = _slices(place)
    with h5py.File(place.outside / "other.h5", "w") as file:
        file["image"] = np.zeros((4, 4), np.float32)
    with h5py.File(path, "w") as file:
        file["image"] = h5py.ExternalLink(str(place.outside / "other.h5"), "/image")
        file["label"] = np.zeros((4, 4), np.uint8)
    return _checked(place, path.parents[2], "acdc", 2)
