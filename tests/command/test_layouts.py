"""The real command on tiny public data sets."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from mutualseg.cli import main
from mutualseg.data.catalog.cityscapes import CITYSCAPES
from mutualseg.data.catalog.voc import VOC
from mutualseg.opened_data import reopen_data
from mutualseg.settings import Settings
from tests.command.made import SMALL, draw, files_below, flags, write
from tests.data.layouts.made import (
    VOC_ADDED,
    VOC_TRAIN,
    VOC_VAL,
    city_names,
    coco_json,
    write_acdc,
    write_ade20k,
    write_camvid_segnet,
    write_cityscapes,
    write_coco_objects,
    write_huggingface,
    write_json,
    write_voc,
)

SHORT = {**SMALL, "steps": 2, "evaluate_every": 2}


def run(words: list[str]) -> None:
    assert main(words) == 0


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_voc_from_train_to_predict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = write_voc(tmp_path / "VOCdevkit/VOC2012", augmented=True), tmp_path / "run"
    before = files_below(tmp_path / "VOCdevkit")
    run(["train", *flags(SHORT, data=tmp_path, out=out, labeled=2)])
    config = read(out / "config.yaml")
    assert config["layout"] == "voc_fine"
    split = json.loads((out / "split.json").read_text(encoding="utf-8"))
    assert len(split["labeled"]) == 2
    assert set(split["labeled"]) < set(VOC_TRAIN)
    assert sorted(split["labeled"] + split["unlabeled"]) == sorted(VOC_TRAIN + VOC_ADDED)
    assert split["val"] == VOC_VAL
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert list(summary["per_class_iou"]) == list(VOC.classes)

    run(["predict", str(out), str(data / f"JPEGImages/{VOC_VAL[0]}.jpg"), "--out", str(tmp_path / "masks")])
    with Image.open(tmp_path / f"masks/{VOC_VAL[0]}.png") as mask:
        palette = np.array(mask.getpalette()).reshape(-1, 3)
    assert palette[:21].tolist() == [list(color) for color in VOC.colors or ()]

    # A run stays what it was, whatever is found in the folder later.
    capsys.readouterr()
    run(["evaluate", str(out)])
    assert "2 images" in capsys.readouterr().err
    run(["train", "--resume", str(out), "--quiet"])
    settings = replace(Settings.from_dict(config, "config.yaml"), layout="voc")
    assert reopen_data(settings).layout == "voc"
    assert files_below(tmp_path / "VOCdevkit") == before


@pytest.mark.slow
def test_cityscapes_with_train_ids_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = write_cityscapes(tmp_path / "cityscapes", extra=True), tmp_path / "run"
    run(["train", *flags(SHORT, data=data, out=out)])
    assert read(out / "config.yaml")["layout"] == "cityscapes"
    split = json.loads((out / "split.json").read_text(encoding="utf-8"))
    assert split["labeled"] == [f"train/{name}" for name in city_names("train")]
    assert len(split["unlabeled"]) == 2
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert list(summary["per_class_iou"]) == list(CITYSCAPES.classes)
    found = {name for name, iou in summary["per_class_iou"].items() if iou is not None}
    assert found == {"road", "building", "car"}
    # The same images with masks that are mapped already have the same score.
    other = write_cityscapes(tmp_path / "mapped", train_ids=True)
    scores = []
    for folder in (data, other):
        capsys.readouterr()
        run(["evaluate", str(out), "--data", str(folder)])
        scores.append(capsys.readouterr().out.partition("mIoU")[2])
    assert scores[0] == scores[1] != ""


@pytest.mark.slow
def test_drawn_masks_train(tmp_path: Path) -> None:
    out = tmp_path / "run"
    run(["train", *flags(SHORT, data=write_coco_objects(tmp_path / "coco"), out=out, labeled=2)])
    assert read(out / "config.yaml")["layout"] == "coco"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("write", "name", "classes"),
    [
        (write_acdc, "acdc", ["background", "right ventricle", "myocardium", "left ventricle"]),
        (partial(write_huggingface, counts={"train": 6, "validation": 2}, unlabeled=2), "huggingface", None),
        (write_ade20k, "ade20k", None),
        (write_camvid_segnet, "camvid", None),
    ],
)
def test_other_layouts_train(
    write: Callable[[Path], Path], name: str, classes: list[str] | None, tmp_path: Path
) -> None:
    data, out = write(tmp_path / "data"), tmp_path / "run"
    before = files_below(data)
    run(["train", *flags(SHORT, data=data, out=out, labeled=2)])
    config = read(out / "config.yaml")
    assert config["layout"] == name
    assert config["channels"] == (1 if name == "acdc" else 3)  # 16-bit gray slices
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert classes is None or list(summary["per_class_iou"]) == classes
    assert summary["miou"] > 0
    assert main(["check", str(data), "--quiet"]) == 0
    assert files_below(data) == before


@pytest.mark.slow
def test_annotations_that_number_their_categories_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names, out = list("abcdefgh"), tmp_path / "run"
    for folder, numbers in (("own", {"cell": 1, "nucleus": 2}), ("other", {"nucleus": 3, "cell": 7})):
        for name in names:
            write(tmp_path / folder / f"images/{name}.png", draw(name)[0])
        content = coco_json(names)
        content["categories"] = [{"id": number, "name": name} for name, number in numbers.items()]
        for index, thing in enumerate(content["annotations"]):
            thing["category_id"] = numbers["cell" if index % 2 else "nucleus"]
        write_json(tmp_path / folder / "annotations.json", content)
    run(["train", *flags(SHORT, data=tmp_path / "own", out=out, labeled=2)])
    scores = []
    for folder in ("own", "other"):
        capsys.readouterr()
        run(["evaluate", str(out), "--data", str(tmp_path / folder)])
        scores.append(capsys.readouterr().out.partition("mIoU")[2])
    assert scores[0] == scores[1] != ""


def test_split_keeps_patients_together(tmp_path: Path) -> None:
    out = tmp_path / "split.json"
    run(["split", str(write_acdc(tmp_path / "ACDC")), "--labeled", "2", "--out", str(out)])
    split = json.loads(out.read_text(encoding="utf-8"))
    assert split["group"] == r"patient\d+"
    assert len({name[:16] for name in split["labeled"]}) == 1


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("vok", "There is no --layout vok; did you mean 'voc'?"),
        ("cityscapes", "leftImg8bit/train is missing; --layout cityscapes expects leftImg8bit/"),
        ("folder", "has no folder images/"),
    ],
)
def test_a_layout_that_is_not_here(
    tmp_path: Path, layout: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_voc(tmp_path / "data")
    words = flags(SHORT, data=tmp_path / "data", out=tmp_path / "run", layout=layout)
    assert main(["train", *words]) == 2
    printed = " ".join(capsys.readouterr().err.split())
    assert said in printed
    assert "Traceback" not in printed
    assert not (tmp_path / "run").exists()
