"""Annotation files with the key names of the programs that write them."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import numpy.typing as npt
from PIL import Image

HEIGHT, WIDTH = 12, 16


def made_images(root: Path, *names: str, size: tuple[int, int] = (HEIGHT, WIDTH)) -> dict[str, Path]:
    """Write gray images below root/images, by name."""
    found = {}
    for name in names:
        path = root / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size[::-1], "gray").save(path)
        found[name] = path
    return found


def read(path: Path) -> npt.NDArray[np.uint8]:
    """Read a drawn mask, and check its encoding."""
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("PNG", "L")
        return np.array(image)


def blank(value: int = 0) -> npt.NDArray[np.uint8]:
    return np.full((HEIGHT, WIDTH), value, np.uint8)


def state_of(root: Path) -> dict[str, tuple[int, bytes]]:
    """Return all files below a folder with their times and contents, to see that nothing was written."""
    return {
        str(path.relative_to(root)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in root.rglob("*")
    }


# Run lengths, written slowly


def runs_of(pixels: Iterable[bool]) -> list[int]:
    runs, inside = [0], False
    for pixel in pixels:
        if bool(pixel) != inside:
            runs.append(0)
            inside = not inside
        runs[-1] += 1
    return runs


def compressed(runs: Sequence[int]) -> str:
    """Write run lengths as COCO's string, one number and one character after the other."""
    text = ""
    for index, run in enumerate(runs):
        number = run - runs[index - 2] if index > 2 else run
        while True:
            five, number = number % 32, number // 32  # floor: the sign stays in what is left
            done = number == (-1 if five >= 16 else 0)
            text += chr(48 + five + (0 if done else 32))
            if done:
                break
    return text


# LabelMe


def labelme_shape(label: str, kind: str, points: Sequence[Sequence[float]], **more: Any) -> dict[str, Any]:
    return {
        "label": label,
        "points": [list(point) for point in points],
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {},
        "mask": None,
        **more,
    }


def labelme(*shapes: dict[str, Any], image: str = "a.png", **more: Any) -> dict[str, Any]:
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": image,
        "imageData": None,
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
        **more,
    }


def png_text(pixels: npt.NDArray[np.bool_]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


# COCO


def coco_object(number: int, image: int, category: int, segmentation: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": segmentation,
        "area": 1.0,
        "bbox": [0, 0, 1, 1],
        "iscrowd": 0,
        **more,
    }


def coco(
    names: Sequence[str], annotations: Sequence[dict[str, Any]], categories: dict[int, str]
) -> dict[str, Any]:
    """Write images with the ids 1, 2, ..."""
    return {
        "info": {"description": "made"},
        "licenses": [],
        "images": [
            {"id": index, "file_name": name, "height": HEIGHT, "width": WIDTH, "license": 1}
            for index, name in enumerate(names, 1)
        ],
        "annotations": list(annotations),
        "categories": [
            {"id": number, "name": name, "supercategory": "thing"} for number, name in categories.items()
        ],
    }


def box(x0: float, y0: float, x1: float, y1: float) -> list[float]:
    return [x0, y0, x1, y0, x1, y1, x0, y1]


def rle(mask: npt.NDArray[Any], *, as_text: bool) -> dict[str, Any]:
    runs = runs_of(mask.T.ravel().tolist())
    return {"size": list(mask.shape), "counts": compressed(runs) if as_text else runs}


# CVAT


def cvat(*images: str, labels: Sequence[str] = (), before: str = "") -> str:
    declared = "".join(f"<label><name>{label}</name><type>any</type></label>" for label in labels)
    meta = f"<meta><task><id>1</id><labels>{declared}</labels></task></meta>" if labels else ""
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n{before}<annotations>\n<version>1.1</version>\n{meta}'
        + "".join(images)
        + "</annotations>\n"
    )


def cvat_image(name: str, *shapes: str, number: int = 0, height: int = HEIGHT, width: int = WIDTH) -> str:
    return f'<image id="{number}" name="{name}" width="{width}" height="{height}">{"".join(shapes)}</image>\n'


def cvat_shape(kind: str, label: str, z_order: int = 0, **attributes: Any) -> str:
    written = {"label": label, "source": "manual", "occluded": "0", **attributes, "z_order": z_order}
    return f"<{kind} {' '.join(f'{key}={quoteattr(str(value))}' for key, value in written.items())}></{kind}>"


def write_json(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
