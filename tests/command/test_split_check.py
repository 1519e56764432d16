"""`mutualseg split` and `mutualseg check`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import mutualseg
from tests.command.conftest import Command
from tests.command.made import HEIGHT, WIDTH, draw, flags, write, write_data


def test_split_made_ahead_is_the_run_s(data: Path, tmp_path: Path, command: Command) -> None:
    outcome = command("split", data, "--labeled", "2", "--split-seed", "3", "--out", "chosen/split.json")
    assert outcome.code == 0, outcome
    assert outcome.out == "2 labeled, 8 unlabeled, 3 val, 2 test -> chosen/split.json\n"
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
