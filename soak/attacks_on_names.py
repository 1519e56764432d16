"""Attacks by names: of classes, files and folders, with markup, formulas and commands for a terminal."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from attacked import SMALL, Outcome, Place
from attacks_on_weights import Attack

_MARKUP = {
    "HTML": "<script>alert(1)</script>",
    "an image of HTML": "<img src=x onerror=alert(1)>",
    "a template": "{{ 7*7 }}{% for x in y %}",
    "rich's markup": "[red]x[/red][/][/x]",
    "rich's link": "[link=http://e]y[/link]",
    "a formula": r"$\frac{$",
    "another formula": "$x^2$",
    "a cell's formula": "=cmd|'/c calc'!A1",
    "a row of Markdown": "a | b ![x](http://e/x.png)",
    "an underscore": "_hidden",
}
_COMMANDS = {
    "a title for the window": "a\x1b]0;evil\x07b",
    "a cleared screen": "a\x1b[2Jb",
    "an escape of one character": "a\x9b2Jb",
    "a backspace": "a\x08\x08b",
    "a turned direction": "a\u202egnp.exe",
    "a line of its own": "a\nmutualseg: all is well",
    "a carriage return": "a\rb",
}


def attacks() -> Iterator[tuple[str, Attack]]:
    """Yield each attack by its name."""
    for name, text in _MARKUP.items():
        yield f"class name with {name}, in check", partial(_class_in_check, text=text)
    yield "class names with all markup, in train, evaluate and predict", _classes_in_a_run
    yield "class names with all markup, in compare and its table", _classes_in_compare
    for name, text in _COMMANDS.items():
        yield f"class name with {name}, in check", partial(_command_in_check, text=text)
        yield f"label of COCO with {name}, in check", partial(_command_in_coco, text=text)
    for name, text in (_MARKUP | _COMMANDS).items():
        safe = text.replace("/", "∕")  # no file name can hold the true one
        yield f"file name with {name}, in check", partial(_file_in_check, text=safe)
        yield f"file name with {name}, in predict", partial(_file_in_predict, text=safe)
        yield f"folder name with {name}, in train", partial(_folder_in_train, text=safe)
    yield "file name that is no UTF-8, in predict", partial(_file_in_predict, text="a\udcff")
    yield "option with a command for the terminal", _option
    yield "run folder with a command for the terminal", _run_folder


def _name_classes(place: Place, *names: str) -> None:
    (place.data / "classes.txt").write_text("\n".join(names) + "\n", encoding="utf-8")


def _class_in_check(place: Place, *, text: str) -> str | None:
    _name_classes(place, text, "disc", "box")
    outcome = place.command("check", place.data)
    data = json.loads(place.command("check", place.data, "--json").out)
    wrong = None if text in json.dumps(data, ensure_ascii=False).replace("\\\\", "\\") else "lost in the JSON"
    return wrong or place.harm(outcome, 0, says=" ".join(text.split())[:20])


def _command_in_check(place: Place, *, text: str) -> str | None:
    content = json.dumps({"classes": [text, "disc", "box"]})  # JSON is YAML, with escapes
    (place.data / "classes.txt").unlink()
    (place.data / "dataset.yaml").write_text(content, encoding="utf-8")
    return place.harm(place.command("check", place.data), 2, says="dataset.yaml")


def _command_in_coco(place: Place, *, text: str) -> str | None:
    folder = place.root / "annotated"
    folder.mkdir()
    (place.data / "images/train").rename(folder / "images")
    shape = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[2, 2, 9, 2, 9, 9]]}
    content = {
        "images": [{"id": 1, "file_name": "0.png"}],
        "annotations": [shape],
        "categories": [{"id": 1, "name": text}],
    }
    (folder / "a.json").write_text(json.dumps(content), encoding="utf-8")
    return place.harm(place.command("check", folder, "--layout", "coco_json"), 2, says="a.json")


def _classes_in_a_run(place: Place) -> str | None:
    names = [text for text in _MARKUP.values() if len(text) < 30]
    _name_classes(place, *names)
    run = place.root / "run"
    outcomes = [
        place.command("train", "--data", place.data, "--out", run, *SMALL),
        place.command("evaluate", run),
        place.command("predict", run, place.data / "images/val", "--out", place.root / "masks"),
    ]
    found = [harm for outcome in outcomes if (harm := place.harm(outcome, 0))]
    scores = json.loads(place.command("evaluate", run, "--json").out)
    if list(scores["per_class_iou"]) != names:
        found.append("names changed in the JSON")
    found += [f"{name} lost" for name in names if name not in _joined(outcomes[1])]
    with (run / "monitor.csv").open(newline="", encoding="utf-8") as file:
        header = next(csv.reader(file))
    found += [f"'{cell}' is a formula to a spreadsheet" for cell in header if cell[0] in "=+-@"]
    return "; ".join(found) or None


def _joined(outcome: Outcome) -> str:
    return outcome.out + outcome.err


def _classes_in_compare(place: Place) -> str | None:
    _name_classes(place, *_MARKUP.values())
    out = place.root / "compared"
    words = ("--data", place.data, "--out", out, "--methods", "labels_only", "--labeled", "3", "--seeds", "0")
    shrunk = SMALL[: SMALL.index("--method")]
    outcome = place.command("compare", *words, *shrunk)
    text = (out / "table.md").read_text(encoding="utf-8") if (out / "table.md").is_file() else ""
    found = [
        mark
        for mark in ("<script", "<img", "![x](", "a | b", "[link=")
        if mark in text.replace("\\[", "").replace("\\|", "")
    ]
    if "&lt;script" not in text:
        found.append("the name itself is not there")
    return place.harm(outcome, 0) or ("; ".join(f"table.md: {mark}" for mark in found) or None)


def _file_in_check(place: Place, *, text: str) -> str | None:
    for kind in ("images", "masks"):
        (place.data / kind / "train/0.png").rename(place.data / kind / f"train/{text}.png")
    (place.data / f"images/train/{text}2.png").write_bytes(b"no image")
    outcome = place.command("check", place.data)
    json.loads(place.command("check", place.data, "--json").out)
    return place.harm(outcome, 2)


def _file_in_predict(place: Place, *, text: str) -> str | None:
    folder = place.root / "photos"
    folder.mkdir()
    (folder / "good.png").write_bytes((place.data / "images/val/0.png").read_bytes())
    (folder / f"{text}.png").write_bytes(b"no image")
    words = ("predict", place.run, folder, "--out", place.root / "masks")
    outcome, as_json = place.command(*words), place.command(*words, "--json")
    found = [place.harm(outcome, 1), place.harm(as_json, 1)]
    if len(json.loads(as_json.out)["skipped"]) != 1:
        found.append("not counted")
    return "; ".join(harm for harm in found if harm) or None


def _folder_in_train(place: Place, *, text: str) -> str | None:
    folder = place.data.rename(place.root / text)
    outcome = place.command("train", "--data", folder, "--out", place.root / "out", "--crop", "4096")
    return place.harm(outcome, 2)


def _option(place: Place) -> str | None:
    return place.harm(place.command("train", "--data", place.data, "--\x1b[2J", "1"), 2)


def _run_folder(place: Place) -> str | None:
    return place.harm(place.command("evaluate", Path("a\x1b]0;evil\x07b")), 2)
