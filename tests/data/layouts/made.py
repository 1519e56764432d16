"""Tiny public data sets under their true folder and file names.

Every builder returns the folder that `--data` takes. Masks have what `tests.command.made.draw` draws, two
halves and a disc, as three of the data set's classes, so that a network can learn it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mutualseg.data.catalog.camvid import LABELS
from mutualseg.data.catalog.coco import COCO, COCO_PANOPTIC
from mutualseg.data.catalog.voc import VOC
from tests.command.made import HEIGHT, WIDTH, Pixels, draw, write

COCO_IDS = [number for number in range(1, 91) if number not in {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}]
"""The 80 category ids of things, as COCO numbers them."""


def coded(name: str, values: Sequence[int], ignore: int = 255) -> Pixels:
    """Return the mask that `draw` draws, with the values of three classes."""
    table = np.full(256, ignore, np.uint8)
    table[:3] = values
    return table[draw(name)[1]]


def write_jpeg(path: Path, pixels: Pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=95)
    return path


def write_palette(path: Path, indices: Pixels, colors: Sequence[tuple[int, int, int]]) -> Path:
    """Write class indices as a palette PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(indices).convert("P")
    image.putpalette([part for color in colors for part in color])
    image.save(path)
    return path


VOC_TRAIN = [f"2007_{number:06d}" for number in (32, 39, 63, 68)]
VOC_VAL = [f"2007_{number:06d}" for number in (33, 42)]
VOC_ADDED = [f"2008_{number:06d}" for number in (2, 8, 15, 19)]
"""Images that only the augmented list has."""


def write_voc(root: Path, *, augmented: bool = False, own_masks: bool = True) -> Path:
    """Write VOC2012, with SBD's list and masks if `augmented`."""
    lists = {"train": VOC_TRAIN, "val": VOC_VAL, "trainval": sorted(VOC_TRAIN + VOC_VAL)}
    if augmented:
        lists["train_aug"] = sorted(VOC_TRAIN + VOC_ADDED)
    for name, names in lists.items():
        write_lines(root / f"ImageSets/Segmentation/{name}.txt", names)
    palette = [*(VOC.colors or ()), *[(0, 0, 0)] * 234, (224, 224, 192)]
    for name in VOC_TRAIN + VOC_VAL + VOC_ADDED:
        write_jpeg(root / f"JPEGImages/{name}.jpg", draw(name)[0])
        indices = coded(name, (0, 7, 15))
        if own_masks and name not in VOC_ADDED:
            write_palette(root / f"SegmentationClass/{name}.png", indices, palette)
        if augmented:
            write(root / f"SegmentationClassAug/{name}.png", indices)
    # Images for detection alone, which no list of segmentation names.
    write_jpeg(root / "JPEGImages/2012_004331.jpg", draw("2012")[0])
    write_lines(root / "Annotations/2012_004331.xml", ["<annotation></annotation>"])
    return root


def write_lines(path: Path, lines: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


CITIES = {"train": ("aachen", "bochum"), "val": ("frankfurt",), "test": ("berlin",)}
ROAD, BUILDING, CAR = 7, 11, 26
"""Label ids."""


def city_names(part: str, each: int = 3) -> list[str]:
    return [f"{city}/{city}_{index:06d}_000019" for city in CITIES[part] for index in range(each)]


def write_cityscapes(root: Path, *, train_ids: bool = False, extra: bool = False) -> Path:
    """Write Cityscapes; `train_ids` adds what its scripts make, `extra` some of train_extra."""
    for part in CITIES:
        for name in city_names(part):
            write(root / f"leftImg8bit/{part}/{name}_leftImg8bit.png", draw(name)[0])
            ids = coded(name, (ROAD, BUILDING, CAR), ignore=3)
            ids = np.full_like(ids, 3) if part == "test" else ids
            write(root / f"gtFine/{part}/{name}_gtFine_labelIds.png", ids)
            write(root / f"gtFine/{part}/{name}_gtFine_instanceIds.png", ids)
            write(root / f"gtFine/{part}/{name}_gtFine_color.png", draw(name)[0])
            if train_ids:
                write(root / f"gtFine/{part}/{name}_gtFine_labelTrainIds.png", coded(name, (0, 2, 13)))
    for index in range(2 if extra else 0):
        name = f"augsburg/augsburg_{index:06d}_000000"
        write(root / f"leftImg8bit/train_extra/{name}_leftImg8bit.png", draw(name)[0])
    return root


def write_ade20k(root: Path) -> Path:
    """Write ADEChallengeData2016: values from 1, 0 is everything else."""
    for folder, count, short in (("training", 4, "train"), ("validation", 2, "val")):
        for index in range(1, count + 1):
            name = f"ADE_{short}_{index:08d}"
            write_jpeg(root / f"images/{folder}/{name}.jpg", draw(name)[0])
            write(root / f"annotations/{folder}/{name}.png", coded(name, (1, 3, 150), ignore=0))
    write_lines(root / "objectInfo150.txt", ["Idx Ratio Train Val Stuff Name"])
    return root


def coco_names(part: str) -> list[str]:
    return [f"{number:012d}" for number in ((9, 25, 30, 34) if part == "train" else (139, 285))]


def write_coco_images(root: Path, *, inside: bool = True) -> Path:
    for part in ("train", "val"):
        for name in coco_names(part):
            folder = root / "images" if inside else root
            write_jpeg(folder / f"{part}2017/{name}.jpg", draw(name)[0])
    return root


def write_coco_stuff(root: Path, *, inside: bool = True) -> Path:
    """Write COCO-Stuff: pixels hold id - 1; here person (1), toothbrush (90) and wood (182)."""
    write_coco_images(root, inside=inside)
    for part in ("train", "val"):
        for name in coco_names(part):
            write(root / f"stuffthingmaps/{part}2017/{name}.png", coded(name, (0, 89, 181)))
    return root


def _coco_json(names: Sequence[str], categories: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    images = [
        {"id": int(name), "file_name": f"{name}.jpg", "height": HEIGHT, "width": WIDTH} for name in names
    ]
    return {"info": {}, "images": images, "annotations": [], "categories": list(categories)}


def write_json(path: Path, content: object) -> Path:
    return write_lines(path, [json.dumps(content)])


def square(left: int, top: int, side: int) -> list[int]:
    """Return the outline of a square, x and y in turn."""
    right, bottom = left + side, top + side
    return [left, top, right, top, right, bottom, left, bottom]


def write_coco_objects(root: Path) -> Path:
    """Write COCO's instances: a person of 20 x 20 pixels and a toothbrush in it; the last image has none."""
    write_coco_images(root)
    categories = [
        {"id": number, "name": name, "supercategory": "thing"}
        for number, name in zip(COCO_IDS, COCO.classes[1:], strict=True)
    ]
    for part in ("train", "val"):
        content = _coco_json(coco_names(part), categories)
        for name in coco_names(part)[:-1]:
            for category, outline in ((1, square(10, 10, 20)), (90, square(12, 12, 4))):
                content["annotations"].append(
                    {
                        "id": len(content["annotations"]) + 1,
                        "image_id": int(name),
                        "category_id": category,
                        "segmentation": [outline],
                        "iscrowd": 0,
                    }
                )
        write_json(root / f"annotations/instances_{part}2017.json", content)
    return root


def write_coco_panoptic(root: Path) -> Path:
    """Write COCO panoptic: persons, wood-like walls and rugs as segments; 0 is unknown."""
    write_coco_images(root)
    ids = [*COCO_IDS, *_MERGED_IDS]
    categories = [
        {"id": number, "name": name, "isthing": int(number < 91), "color": color}
        for number, name, color in zip(ids, COCO_PANOPTIC.classes, COCO_PANOPTIC.colors or (), strict=True)
    ]
    for part in ("train", "val"):
        content = _coco_json(coco_names(part), categories)
        for name in coco_names(part):
            segments = {70000: 1, 300: 199, 7: 200}  # segment: category
            table = np.zeros(256, np.int64)
            table[:3] = list(segments)
            numbers = table[draw(name)[1]]
            write(
                root / f"annotations/panoptic_{part}2017/{name}.png",
                np.stack([numbers % 256, numbers // 256 % 256, numbers // 65536], -1).astype(np.uint8),
            )
            content["annotations"].append(
                {
                    "image_id": int(name),
                    "file_name": f"{name}.png",
                    "segments_info": [{"id": s, "category_id": c, "iscrowd": 0} for s, c in segments.items()],
                }
            )
        write_json(root / f"annotations/panoptic_{part}2017.json", content)
    return root


_MERGED_IDS = [
    *(92, 93, 95, 100, 107, 109, 112, 118, 119, 122, 125, 128, 130, 133, 138, 141, 144, 145, 147, 148, 149),
    *(151, 154, 155, 156, 159, 161, 166, 168, 171, 175, 176, 177, 178, 180, 181, *range(184, 201)),
]

CAMVID_STILLS = {
    "train": ["0001TP_006690", "0001TP_008520", "0006R0_f00930", "0016E5_00390", "0016E5_08640"],
    "val": ["0016E5_07959", "0016E5_08159"],
    "test": ["0001TP_008550", "Seq05VD_f05100"],
}


def write_camvid(root: Path) -> Path:
    """Write CamVid as it was published: masks in colors, NAME_L.png, no lists."""
    write_lines(
        root / "label_colors.txt",
        [f"{' '.join(map(str, color))}\t\t{name}" for name, (color, _) in LABELS.items()],
    )
    colors = np.zeros((256, 3), np.uint8)
    colors[:3] = [LABELS[name][0] for name in ("LaneMkgsDriv", "Archway", "Child")]
    for name in (name for names in CAMVID_STILLS.values() for name in names):
        write(root / f"701_StillsRaw_full/{name}.png", draw(name)[0])
        write(root / f"LabeledApproved_full/{name}_L.png", colors[draw(name)[1]])
    return root


def write_camvid_segnet(root: Path) -> Path:
    """Write SegNet's edition of CamVid: indices, 11 is void."""
    for part, names in CAMVID_STILLS.items():
        for name in names:
            write(root / f"{part}/{name}.png", draw(name)[0])
            write(root / f"{part}annot/{name}.png", coded(name, (3, 1, 9), ignore=11))
        write_lines(root / f"{part}.txt", [f"/SegNet/CamVid/{part}/{name}.png" for name in names])
    return root


ACDC_SLICES = [f"patient{patient:03d}_frame01_slice_{index}" for patient in (1, 2, 3) for index in (1, 2)]


def write_acdc(root: Path) -> Path:
    """Write ACDC as SSL4MIS passes it on: slices to train on, volumes [3,H,W] to measure on."""
    write_lines(root / "train_slices.list", ACDC_SLICES)
    for name in ACDC_SLICES:
        write_h5(root / f"data/slices/{name}.h5", gray(name), coded(name, (0, 1, 3), ignore=2))
    for part, name in (("val", "patient011_frame01"), ("test", "patient021_frame02")):
        write_lines(root / f"{part}.list", [name])
        slices = [f"{name}/{index}" for index in range(3)]
        write_h5(
            root / f"data/{name}.h5",
            np.stack([gray(each) for each in slices]),
            np.stack([coded(each, (0, 1, 3), ignore=2) for each in slices]),
        )
    return root


def gray(name: str) -> npt.NDArray[np.float32]:
    """Return a gray picture [H,W] with values from 0 to 1."""
    picture: npt.NDArray[np.float32] = (draw(name)[0].mean(-1) / 255).astype(np.float32)
    return picture


def write_h5(path: Path, image: npt.NDArray[Any], label: npt.NDArray[Any] | None) -> Path:
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.create_dataset("image", data=image, compression="gzip")
        if label is not None:
            file.create_dataset("label", data=label, compression="gzip")
    return path


def write_huggingface(
    root: Path, counts: Mapping[str, int], columns: tuple[str, str] = ("image", "mask"), unlabeled: int = 0
) -> Path:
    """Write what `DatasetDict.save_to_disk` does; the last `unlabeled` rows of train have no mask."""
    import datasets

    source = root.with_name(f"{root.name}-source")
    splits = {}
    for split, count in counts.items():
        rows: dict[str, list[str | None]] = {columns[0]: [], columns[1]: []}
        for index in range(count):
            name = f"{split}-{index}"
            rows[columns[0]].append(str(write_jpeg(source / f"{name}.jpg", draw(name)[0])))
            bare = split == "train" and index >= count - unlabeled
            mask = None if bare else str(write(source / f"{name}.png", draw(name)[1]))
            rows[columns[1]].append(mask)
        made = datasets.Dataset.from_dict({**rows, "id": list(range(count))})
        for column in columns:
            made = made.cast_column(column, datasets.Image())
        splits[split] = made
    datasets.DatasetDict(splits).save_to_disk(str(root))
    return root


def labelme(label: str, outline: Sequence[int], name: str) -> dict[str, Any]:
    """Return LabelMe's JSON of one polygon."""
    return {
        "version": "5.4.1",
        "flags": {},
        "shapes": [
            {
                "label": label,
                "points": np.reshape(outline, (-1, 2)).tolist(),
                "group_id": None,
                "shape_type": "polygon",
                "flags": {},
            }
        ],
        "imagePath": f"{name}.png",
        "imageData": None,
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
    }


def coco_json(names: Sequence[str], label: str = "cell") -> dict[str, Any]:
    """Return COCO's JSON with one square in each image."""
    return {
        "images": [
            {"id": index, "file_name": f"{name}.png", "height": HEIGHT, "width": WIDTH}
            for index, name in enumerate(names, start=1)
        ],
        "annotations": [
            {"id": index, "image_id": index, "category_id": 4, "segmentation": [square(10, 10, 20)]}
            for index in range(1, len(names) + 1)
        ],
        "categories": [{"id": 4, "name": label}],
    }


def cvat_xml(names: Sequence[str], empty: Sequence[str] = ()) -> str:
    """Return CVAT's XML with one square in each image, and none in the empty ones."""
    points = "10,10;30,10;30,30;10,30"
    shape = f'<polygon label="cell" points="{points}" occluded="0" z_order="0"/>'
    images = "".join(
        f'<image id="{index}" name="{name}.png" width="{WIDTH}" height="{HEIGHT}">{body}</image>'
        for index, (name, body) in enumerate([*((n, shape) for n in names), *((n, "") for n in empty)])
    )
    labels = "<labels><label><name>cell</name><type>any</type></label></labels>"
    return f"<annotations><version>1.1</version><meta><task>{labels}</task></meta>{images}</annotations>"
