"""What a user can get wrong: one sentence, exit code 2, no traceback, nothing written."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command.conftest import Command
from tests.command.made import HEIGHT, WIDTH, Break, draw, files_below, flags, write, write_data


@dataclass(frozen=True)
class Case:
    """One mistake."""

    name: str
    said: tuple[str, ...]
    """Parts of the sentence that refuses it."""
    words: str = "train --data {data} --out {out}"
    """{data}: the data folder, {out}: a run folder to write, {run}: a finished one, {here}: a folder."""
    spoil: Break = lambda root: root
    options: str = ""
    """Further words; they come after those that shrink a run."""
    small: bool = True
    """Whether the words that shrink a run are given, which only `train` takes."""


def _remove(*below: str) -> Break:
    def spoil(root: Path) -> None:
        for path in below:
            shutil.rmtree(root / path)

    return spoil


def _empty(root: Path) -> None:
    shutil.rmtree(root)
    root.mkdir()


def _mask(path: str, *, height: int = HEIGHT, width: int = WIDTH, value: int = 1) -> Break:
    return lambda root: write(root / "masks" / path, np.full((height, width), value, np.uint8))


def _image(path: str, content: bytes = b"no image") -> Break:
    return lambda root: (root / "images" / path).write_bytes(content)


def _file(name: str, content: str) -> Break:
    return lambda root: (root.parent / name).write_text(content, encoding="utf-8")


def _label_all(root: Path) -> None:
    for image in (root / "images/train").iterdir():
        write(root / "masks/train" / image.name, draw(image.name)[1])


def _only_binary_masks(root: Path) -> None:
    for path in (root / "masks").rglob("*.png"):
        write(path, np.where(draw(path.name)[1] == 1, 255, 0).astype(np.uint8))


def _color_mask(root: Path) -> None:
    write(root / "masks/train/00.png", draw("color")[0])


def _image_twice(root: Path) -> None:
    Image.fromarray(draw("again")[0]).save(root / "images/train/00.jpg")


DATA = (
    Case("data folder missing", ("nowhere", "does not exist"), "train --data {here}/nowhere --out {out}"),
    Case("data folder empty", ("is empty", "images"), spoil=_empty),
    Case("no images folder", ("no folder images/",), spoil=_remove("images")),
    Case("no labeled image", ("no labeled", "masks"), spoil=_remove("masks/train")),
    Case("no unlabeled image", ("no unlabeled image", "--method labels_only"), spoil=_label_all),
    Case(
        "mask of other size", ("masks/train/01.png", "40x64", "80x64"), spoil=_mask("train/01.png", width=40)
    ),
    Case(
        "mask of other size in val",
        ("masks/val/01.png", "40x64", "80x64"),
        spoil=_mask("val/01.png", width=40),
    ),
    Case(
        "class outside", ("masks/train/01.png", "7", "3 classes", "255"), spoil=_mask("train/01.png", value=7)
    ),
    Case("class outside in val", ("masks/val/00.png", "7", "3 classes"), spoil=_mask("val/00.png", value=7)),
    Case("masks of 0 and 255 for 3 classes", ("only 0 and 255", "--ignore 255"), spoil=_only_binary_masks),
    Case("mask in colors", ("masks/train/00.png", "color image", "as the other masks"), spoil=_color_mask),
    Case(
        "unreadable labeled image", ("images/train/02.png", "is not an image"), spoil=_image("train/02.png")
    ),
    Case("unreadable unlabeled image", ("images/train/09.png", "not an image"), spoil=_image("train/09.png")),
    Case("unreadable val image", ("images/val/02.png", "is not an image"), spoil=_image("val/02.png")),
    Case("empty image file", ("images/train/09.png", "empty file"), spoil=_image("train/09.png", b"")),
    Case("mask without image", ("masks/train/zz.png", "no image"), spoil=_mask("train/zz.png")),
    Case("two images of one name", ("00.jpg", "00.png", "keep one"), spoil=_image_twice),
    Case(
        "unlabeled folder missing",
        ("--unlabeled", "nowhere", "not a folder"),
        options="--unlabeled {here}/nowhere",
    ),
    Case(
        "unlabeled folder empty",
        ("--unlabeled", "holds no image"),
        options="--unlabeled {here}/none",
        spoil=lambda root: (root.parent / "none").mkdir(),
    ),
)

OPTIONS = (
    Case("data missing", ("--data", "generated"), "train --out {out}"),
    Case("overwrite without out", ("--out is missing", "name a folder"), "train --data {data} --overwrite"),
    Case("steps and budget", ("--steps", "--budget", "exclude each other"), options="--budget 20min"),
    Case("resume and overwrite", ("--resume", "--overwrite", "exclude"), options="--resume --overwrite"),
    Case("no verb of that name", ("'trian'", "did you mean 'train'"), "trian --data {data}", small=False),
    Case("no option of that name", ("--budgt", "did you mean --budget?"), options="--budgt 3min"),
    Case(
        "no method option of that name",
        ("--method.treshold", "--method.threshold?"),
        options="--method.treshold 1",
    ),
    Case(
        "no view option of that name",
        ("--views.cutmix", "did you mean --views.cutmix"),
        options="--views.cutmix 2",
    ),
    Case("no method of that name", ("'mutuall'", "did you mean 'mutual'"), options="--method mutuall"),
    Case(
        "no network of that name", ("'deeplab'", "did you mean 'deeplabv3plus'"), options="--network deeplab"
    ),
    Case("no encoder of that name", ("'resnet5O'", "resnet50"), options="--encoder resnet5O"),
    Case("no device of that name", ("'gpu'", "cuda"), options="--device gpu"),
    Case("device not here", ("'mps'", "--device cpu"), options="--device mps"),
    Case("no precision of that name", ("'16'", "bf16"), options="--precision 16"),
    Case("steps not a number", ("--steps", "many", "a whole number"), options="--steps many"),
    Case("steps not whole", ("--steps", "2.5", "a whole number"), options="--steps 2.5"),
    Case("no step", ("--steps 0", "at least 1"), options="--steps 0"),
    Case("batch of one", ("--batch 1", "at least 2"), options="--batch 1"),
    Case("unlabeled batch of one", ("--unlabeled-batch 1", "at least 2"), options="--unlabeled-batch 1"),
    Case("seed not a number", ("--seed", "x", "a whole number"), options="--seed x"),
    Case("workers negative", ("--workers -1", "at least 0"), options="--workers=-1"),
    Case("switch not a truth", ("--quiet", "true or false"), options="--quiet=maybe"),
    Case("choice unknown", ("--select", "one of last, best"), options="--select first"),
    Case(
        "budget nonsense",
        ("--budget soon", "20min"),
        "train --data {data} --out {out} --budget soon",
        small=False,
    ),
    Case("budget zero", ("--budget 0s", "20min"), "train --data {data} --out {out} --budget 0s", small=False),
    Case(
        "checkpoint interval nonsense",
        ("--checkpoint-every often", "20min"),
        options="--checkpoint-every often",
    ),
    Case("evaluation interval zero", ("--evaluate-every 0", "at least 1"), options="--evaluate-every 0"),
    Case("crop too large", ("--crop 200", "at most 128"), options="--crop 200"),
    Case("crop zero", ("--crop 0", "at least 1"), options="--crop 0"),
    Case("labeled nonsense", ("--labeled some", "1/16"), options="--labeled some"),
    Case("labeled of none", ("--labeled 1/0", "1/16"), options="--labeled 1/0"),
    Case("labeled of too many", ("--labeled 99", "5 labeled images"), options="--labeled 99"),
    Case("group no pattern", ("--group", "regular expression"), options="--group ("),
    Case("share above one", ("--method.threshold", "0 to 1"), options="--method.threshold 3"),
    Case("method value not a number", ("--method.ramp", "slow", "a number"), options="--method.ramp slow"),
    Case("scale reversed", ("scale",), options="--views.scale [2.0,0.5]"),
    Case("rate negative", ("rates must not be negative",), options="--optimization.encoder_rate=-1"),
    Case(
        "optimizer unknown",
        ("--optimization.optimizer", "adamw, sgd"),
        options="--optimization.optimizer adam",
    ),
    Case("weights missing", ("no weights file", "none.pth"), options="--weights none.pth"),
    Case(
        "weights broken",
        ("weights file", "cannot be read"),
        options="--weights {here}/w.safetensors",
        spoil=_file("w.safetensors", "not tensors"),
    ),
    Case(
        "weights of another",
        ("missing from", "choose the encoder"),
        options="--weights {run}/weights/deployed.safetensors --encoder resnet18",
    ),
    Case("weights not here", ("could not be downloaded", "--weights none"), options="--weights imagenet"),
    Case(
        "pair that cannot be",
        ("'vit_small_patch16_224'", "'upernet'", "encoders that fit"),
        options="--network upernet --encoder vit_small_patch16_224",
    ),
    Case(
        "init of another network",
        ("--init", "choose the same"),
        options="--init {run} --encoder mobilenetv3_large_100",
    ),
    Case("init of no run", ("no weights at",), options="--init {here}/nowhere"),
    Case("stray word", ("stray",), options="stray"),
)
FILES = (
    Case(
        "preset unknown", ("mkd_referense", "did you mean 'mkd_reference'?"), options="--config mkd_referense"
    ),
    Case("configuration missing", ("no configuration file", "c.yaml"), options="--config c.yaml"),
    Case(
        "configuration not YAML",
        ("c.yaml", "no plain YAML", "line 2"),
        options="--config {here}/c.yaml",
        spoil=_file("c.yaml", "steps: 3\n\tseed: 0\n"),
    ),
    Case(
        "configuration with code",
        ("c.yaml", "no plain YAML"),
        options="--config {here}/c.yaml",
        spoil=_file(
            "c.yaml",
            "seed: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [touched]]\n",
        ),
    ),
    Case(
        "configuration a list",
        ("c.yaml", "options and their values"),
        options="--config {here}/c.yaml",
        spoil=_file("c.yaml", "- steps\n"),
    ),
    Case(
        "configuration empty",
        ("c.yaml", "options and their values"),
        options="--config {here}/c.yaml",
        spoil=_file("c.yaml", ""),
    ),
    Case(
        "key unknown",
        ("key 'step'", "did you mean 'steps'?"),
        options="--config {here}/c.yaml",
        spoil=_file("c.yaml", "step: 3\n"),
    ),
    Case(
        "method key unknown",
        ("key 'method.treshold'", "did you mean 'method.threshold'?"),
        options="--config {here}/c.yaml",
        spoil=_file("c.yaml", "method: {{treshold: 0.9}}\n".replace("{{", "{").replace("}}", "}")),
    ),
    Case(
        "method in file unknown",
        ("'mutuall'", "did you mean 'mutual'"),
        options="--config {here}/c.yaml",
        spoil=_file("c.yaml", "method: mutuall\n"),
    ),
    Case(
        "value in file of wrong type",
        ("seed", "x", "a whole number"),
        options="--config {here}/c.yaml",
        spoil=_file("c.yaml", "seed: x\n"),
    ),
    Case(
        "both lengths in file",
        ("--steps", "--budget", "exclude each other"),
        "train --data {data} --out {out} --config {here}/c.yaml",
        small=False,
        spoil=_file("c.yaml", "steps: 3\nbudget: 3min\n"),
    ),
    Case(
        "list of unknown names",
        ("names.txt", "'000'", "nearest name"),
        options="--labeled {here}/names.txt",
        spoil=_file("names.txt", "00\n000\n"),
    ),
    Case(
        "split file broken",
        ("s.json", "not valid JSON"),
        options="--labeled {here}/s.json",
        spoil=_file("s.json", "{"),
    ),
)

RUNS = (
    Case("out not empty", ("is not empty", "--resume", "--overwrite"), "train --data {data} --out {run}"),
    Case("out is a file", ("is a file",), "train --data {data} --out {data}/classes.txt"),
    Case(
        "overwrite no run",
        ("no run", "--overwrite leaves it alone"),
        "train --data {data} --out {data} --overwrite",
    ),
    Case("resume without a run", ("no run folder",), "train --resume {here}/nowhere", small=False),
    Case(
        "resume of out without a run", ("no run folder",), "train --out {here}/nowhere --resume", small=False
    ),
    Case("resume without out", ("--out is missing",), "train --resume", small=False),
    Case("evaluate nothing", ("no run or weights file",), "evaluate {here}/nowhere", small=False),
    Case("evaluate a data folder", ("no run folder",), "evaluate {data}", small=False),
    Case("evaluate without a run", ("evaluate needs RUN",), "evaluate", small=False),
    Case(
        "evaluate an unknown part",
        ("--split", "one of val, test"),
        "evaluate {run} --split train",
        small=False,
    ),
    Case("predict without images", ("predict needs",), "predict {run}", small=False),
    Case("predict without out", ("predict needs --out",), "predict {run} {data}/images", small=False),
    Case(
        "predict nothing",
        ("no image or folder", "nowhere"),
        "predict {run} {here}/nowhere --out {out}",
        small=False,
    ),
    Case(
        "predict by nothing",
        ("no run or weights file",),
        "predict {here}/nowhere {data}/images --out {out}",
        small=False,
    ),
    Case(
        "predict by an image",
        ("no complete safetensors",),
        "predict {data}/classes.txt {data}/images --out {out}",
        small=False,
    ),
    Case("split without data", ("split needs --data",), "split --out s.json", small=False),
    Case("check without data", ("check needs --data",), "check", small=False),
    Case("split to a folder", ("ends in .json",), "split {data} --out {here}/folder", small=False),
    Case("check nothing", ("nowhere", "does not exist"), "check {here}/nowhere", small=False),
)


@pytest.mark.parametrize(
    "case", [*DATA, *OPTIONS, *FILES, *RUNS], ids=lambda case: case.name.replace(" ", "-")
)
def test_mistake_is_refused_in_one_sentence(
    case: Case, tmp_path: Path, finished: Path, command: Command
) -> None:
    root = write_data(tmp_path / "data")
    case.spoil(root)
    places = {"data": root, "out": tmp_path / "out", "run": finished, "here": tmp_path}
    words = [word.format(**places) for word in case.words.split()]
    if case.small:
        words += flags()
    before, run_before = files_below(tmp_path), files_below(finished)
    outcome = command(*words, *(word.format(**places) for word in case.options.split()))
    assert outcome.code == 2, outcome
    print(outcome.err)
    assert outcome.out == ""
    assert outcome.err.startswith("mutualseg: ")
    assert outcome.err.count("\n") == 1, outcome.err
    assert [word for word in case.said if word not in outcome.err] == [], outcome.err
    assert "Traceback" not in outcome.err
    assert files_below(tmp_path) == before
    assert files_below(finished) == run_before
