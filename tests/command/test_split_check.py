"""`mutualseg split` and `mutualseg check`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

import mutualseg
from tests.command.conftest import Command
from tests.command.made import HEIGHT, SMALL, WIDTH, draw, flags, write, write_data


def test_split_made_ahead_is_the_run_s(data: Path, tmp_path: Path, command: Command) -> None:
    outcome = command("split", data, "--labeled", "2", "--split-seed", "3", "--out", "chosen/split.json")
    assert outcome.code == 0, outcome
    assert outcome.out == (
        "                                    labeled            chosen               val\n"
        "class                       images   pixels   images   pixels   images   pixels\n"
        "left                             5   36.98%        2   37.58%        3   42.75%\n"
        "right                            5   50.50%        2   49.90%        3   44.73%\n"
        "disc                             5   12.52%        2   12.52%        3   12.52%\n"
        "\n"
        "2 labeled, 8 unlabeled, 3 val, 2 test -> chosen/split.json\n"
    )
    words = flags(steps=1, method="labels_only", labeled="chosen/split.json")
    assert command("train", "--data", data, "--out", "run", *words).code == 0
    made, used = (json.loads(Path(path).read_text()) for path in ("chosen/split.json", "run/split.json"))
    for part in ("labeled", "unlabeled", "val", "test"):
        assert made[part] == used[part]
    again = mutualseg.split(str(data), out="again.json", labeled=2, split_seed=3)
    assert [sample.name for sample in again.labeled] == made["labeled"]
    assert Path("again.json").read_bytes() == Path("chosen/split.json").read_bytes()


def test_split_as_json(data: Path, command: Command) -> None:
    shown = json.loads(command("split", "--data", data, "--out", "s.json", "--json").out)
    classes = shown.pop("classes")
    assert list(classes) == ["left", "right", "disc"]
    assert classes["disc"] == {
        "labeled": {"images": 5, "share": 12.5202},
        "chosen": {"images": 5, "share": 12.5202},
        "val": {"images": 3, "share": 12.5202},
    }
    assert shown == {"out": "s.json", "labeled": 5, "unlabeled": 5, "val": 3, "test": 2, "notes": []}


def test_groups_stay_together(tmp_path: Path, command: Command) -> None:
    root = tmp_path / "data"
    for video in "abcdef":
        for frame in range(3):
            image, mask = draw(f"{video}{frame}")
            write(root / f"images/{video}_{frame}.png", image)
            write(root / f"masks/{video}_{frame}.png", mask)
    outcome = command("split", root, "--group", "^(.)_", "--labeled", "1/3", "--out", "s.json")
    assert outcome.code == 0, outcome
    assert "held out as val" in outcome.out
    made = json.loads(Path("s.json").read_text())
    videos = {part: {name[0] for name in made[part]} for part in ("labeled", "unlabeled", "val")}
    assert sorted(video for part in videos.values() for video in part) == list("abcdef")
    assert len(made["val"]) % 3 == len(made["labeled"]) % 3 == 0


def write_rare(root: Path) -> None:
    """Write 40 training images, of which 23 alone holds class 2."""
    for index in range(40):
        mask = np.arange(64, dtype=np.uint8).reshape(8, 8) % 2
        mask[0, 0] = 2 if index == 23 else 0
        write(root / f"images/train/{index:02}.png", draw(f"{index}")[0][:8, :8])
        write(root / f"masks/train/{index:02}.png", mask)
    write(root / "images/val/0.png", draw("val")[0][:8, :8])
    write(root / "masks/val/0.png", np.arange(64, dtype=np.uint8).reshape(8, 8) % 2)
    (root / "classes.txt").write_text("left\nright\nboat\n")


def test_a_rare_class_is_kept(tmp_path: Path, command: Command) -> None:
    write_rare(tmp_path / "data")
    outcome = command("split", "data", "--labeled", "1/8", "--out", "s.json")
    assert outcome.code == 0, outcome
    assert outcome.out.splitlines()[4].split() == ["boat", "1", "0.04%", "1", "0.31%", "0", "0.00%"]
    said = "1 of the 5 labeled images was swapped in"
    assert said in outcome.out
    assert "they lacked boat" in outcome.out
    made = json.loads(Path("s.json").read_text())
    assert "train/23" in made["labeled"]
    assert len(made["labeled"]) == 5
    assert said in made["notes"][0]

    blind = command("split", "data", "--labeled", "1/8", "--stratify", "false", "--out", "blind.json")
    assert blind.out == "5 labeled, 35 unlabeled, 1 val, 0 test -> blind.json\n"
    spread = json.loads(Path("blind.json").read_text())["labeled"]
    assert len(set(spread) - set(made["labeled"])) == 1

    tiny = command("split", "data", "--labeled", "1", "--out", "one.json")
    assert json.loads(Path("one.json").read_text())["labeled"] == ["train/23"]
    assert "absent" not in tiny.out


def test_train_looks_at_no_dropped_mask(tmp_path: Path, command: Command) -> None:
    """Only a split made ahead is stratified: `train --labeled 1/8` spreads blindly."""
    write_rare(tmp_path / "data")
    words = flags(steps=1, method="labels_only", labeled="1/8", crop=16)
    outcome = command("train", "--data", "data", "--out", "run", *words)
    assert outcome.code == 0, outcome
    command("split", "data", "--labeled", "1/8", "--stratify", "false", "--out", "blind.json")
    used, blind = (json.loads(Path(name).read_text()) for name in ("run/split.json", "blind.json"))
    assert used["labeled"] == blind["labeled"]


def test_lists_of_pairs_and_of_unlabeled_images(data: Path, tmp_path: Path, command: Command) -> None:
    """As UniMatch writes them: labeled.txt and unlabeled.txt of `image mask` lines."""
    Path("lists").mkdir()
    pair = "images/train/{0}.png masks/train/{0}.png"
    Path("lists/labeled.txt").write_text("\n".join(pair.format(n) for n in ("00", "02", "04")) + "\n")
    write(tmp_path / "lists/more/x.png", draw("x")[0])
    listed = ["01", "02", "07", "08"]
    lines = [*(pair.format(n) for n in listed), "images/val/00.png masks/val/00.png", "more/x.png"]
    Path("lists/unlabeled.txt").write_bytes("\r\n".join(lines).encode())
    asked = ("--unlabeled", "lists/unlabeled.txt", "--labeled", "lists/labeled.txt")

    outcome = command("split", data, *asked, "--out", "s.json")
    assert outcome.code == 0, outcome
    assert "1 images of lists/unlabeled.txt are labeled, and not used again" in outcome.out
    assert "1 images of lists/unlabeled.txt are in val or test and were dropped" in outcome.out
    assert "4 training images are neither labeled nor on an --unlabeled list" in outcome.out

    words = flags(steps=2, method="fixmatch", evaluate_every=2)
    outcome = command("train", "--data", data, *asked, "--out", "run", *words)
    assert outcome.code == 0, outcome
    made, used = (json.loads(Path(name).read_text()) for name in ("s.json", "run/split.json"))
    for part in (made, used):
        assert part["labeled"] == ["train/00", "train/02", "train/04"]
        assert part["unlabeled"] == ["train/01", "train/07", "train/08"]
        assert part["unlabeled_files"] == {"more/x.png": str(tmp_path / "lists/more/x.png")}
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    assert config["unlabeled"] == [str(tmp_path / "lists/unlabeled.txt")]

    Path("lists/unlabeled.txt").unlink()  # a run that goes on needs its split.json alone
    assert command("train", "--resume", "run").code == 0


@pytest.mark.slow
def test_compare_reads_lists(data: Path, tmp_path: Path, command: Command) -> None:
    Path("unlabeled.txt").write_text("07\n08\n01\n")
    Path("two.txt").write_text("images/train/00.png masks/train/00.png\ntrain/01\n")
    words = flags(
        {**SMALL, "steps": 2, "evaluate_every": 2}, seeds="0", methods="fixmatch", labeled="two.txt"
    )
    asked = ("compare", "--data", data, "--unlabeled", "unlabeled.txt", "--out", "cmp", "--quiet", *words)
    assert command(*asked).code == 0
    (run,) = Path("cmp/runs").iterdir()
    made = json.loads((run / "split.json").read_text())
    assert (made["labeled"], made["unlabeled"]) == (["train/00", "train/01"], ["train/07", "train/08"])
    settings = yaml.safe_load((run / "config.yaml").read_text())
    assert settings["unlabeled"] == [str(tmp_path / "unlabeled.txt")]
    assert settings["labeled"] == str(tmp_path / "two.txt")
    assert command(*asked).code == 0  # the same call again repeats nothing
    Path("unlabeled.txt").write_text("07\n")
    outcome = command(*asked)
    assert outcome.code == 2
    assert "made with other unlabeled images" in outcome.err


def test_check_reads_lists_of_unlabeled_images(data: Path, tmp_path: Path, command: Command) -> None:
    write(tmp_path / "more/x.png", draw("x")[0])
    (tmp_path / "more/bad.png").write_bytes(b"no image")
    Path("list.txt").write_text("train/07\nmore/x.png\nval/01\n")
    outcome = command("check", data, "--unlabeled", "list.txt")
    assert outcome.code == 0, outcome
    assert "--unlabeled          1" in outcome.out
    assert "list.txt lists is one of val or test and will be dropped" in " ".join(outcome.out.split())
    Path("list.txt").write_text("more/bad.png\n")
    outcome = command("check", data, "--unlabeled", "list.txt")
    assert outcome.code == 2
    assert "bad.png" in outcome.out
    Path("list.txt").write_text("07\n071\n")
    outcome = command("check", data, "--unlabeled", "list.txt")
    assert outcome.code == 2
    said = " ".join(outcome.out.split())
    assert "1 of its 2 names is unknown, line 2: neither an image of" in said
    assert "cure: correct the list" in said


def test_check_reports_everything_at_once(tmp_path: Path, command: Command) -> None:
    root = write_data(tmp_path / "data")
    write(root / "masks/train/00.png", np.full((HEIGHT, 40), 1, np.uint8))
    write(root / "masks/train/01.png", np.full((HEIGHT, WIDTH), 7, np.uint8))
    write(root / "masks/train/zz.png", draw("zz")[1])
    (root / "images/train/08.png").write_bytes(b"no image")
    (root / "images/val/00.png").write_bytes((root / "images/val/01.png").read_bytes()[:800])
    outcome = command("check", root)
    assert outcome.code == 2
    assert outcome.err == ""
    for said in ("00.png", "40x64", "7", "zz.png", "08.png", "not an image", "val/00.png", "cut short"):
        assert said in outcome.out
    assert outcome.out.count("cure: ") >= 5
    for name in ("left", "right", "disc"):
        (row,) = (line for line in outcome.out.splitlines() if f" {name} " in line)
        assert int(row.split()[2]) > 0, row
    assert "5 errors" in outcome.out

    shown = json.loads(command("check", root, "--json").out)
    assert shown["ok"] is False
    assert len([finding for finding in shown["findings"] if finding["severity"] == "error"]) == 5


def test_check_finds_no_fault(data: Path, command: Command) -> None:
    outcome = command("check", "--data", data)
    assert (outcome.code, outcome.err) == (0, "")
    assert "0 errors, 0 warnings" in outcome.out
    assert max(len(line) for line in outcome.out.splitlines() if str(data) not in line) <= 80


def test_warnings_alone_are_no_fault(tmp_path: Path, command: Command) -> None:
    root = write_data(tmp_path / "data", {"train": 4})
    outcome = command("check", root)
    assert outcome.code == 0
    assert "no val part" in outcome.out
    assert "0 errors" in outcome.out
    assert mutualseg.check(str(root), quiet=True).ok
