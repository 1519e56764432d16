"""`mutualseg report`, and the report that every training leaves."""

from __future__ import annotations

import base64
import json
import re
import shutil
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import mutualseg
from mutualseg.engine.baseline import verdict_sentence
from tests.browser import browser, console, require_browser
from tests.command.conftest import Command
from tests.command.made import CLASSES, SMALL, files_below, flags, write_data

HOSTILE = '<script>alert("x")</script>'
"""A class name; on a page it must be a text."""


class _Page(HTMLParser):
    """The parts of a page that tests look at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def _page(path: Path) -> _Page:
    return _Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def both(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run with its twin, to read."""
    run = tmp_path_factory.mktemp("reported") / "reported"
    mutualseg.train(str(data), out=str(run), with_baseline=True, quiet=True, **SMALL)
    return run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """Return a copy of a finished run, to change."""
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run/report.html").unlink()
    return tmp_path / "run"


def test_training_leaves_it_with_scores_pictures_and_commands(both: Path) -> None:
    page = _page(both / "report.html")
    summary = json.loads((both / "summary.json").read_text(encoding="utf-8"))
    assert verdict_sentence(summary)[1:] in page.text
    for name in CLASSES:
        ours, theirs = summary["per_class_iou"][name], summary["baseline"]["per_class_iou"][name]
        assert f"{name} {ours:.1f} {theirs:.1f}" in page.text
    for kind in ("best", "median", "worst"):
        assert re.search(rf"{kind} val/0\d, mIoU ", page.text)
    titles = [word for word in page.words if word in ("image", "truth", "labels only", "mutual", "errors")]
    assert ", ".join(["image", "truth", "labels only", "mutual", "errors"] * 3) in ", ".join(titles)
    assert f"mutualseg train --config {both}/config.yaml --out {both}-again" in page.text
    assert f"mutualseg predict {both} photos/ --out masks/" in page.text
    assert "with_baseline: true" in page.text
    assert summary["versions"]["torch"] in page.text
    assert "The val part has 3 images" in page.text
    assert not (both / "baseline/report.html").exists()


def test_it_loads_nothing_and_says_what_each_picture_shows(both: Path) -> None:
    page = _page(both / "report.html")
    pictures = page.all("img")
    assert len(pictures) >= 15
    assert all((each["src"] or "").startswith("data:image/") for each in pictures)
    assert all(len(each["alt"] or "") > 20 for each in pictures)
    charts = [each for each in page.all("svg") if each.get("role") == "img"]
    assert len(charts) >= 4
    assert all(len(each["aria-label"] or "") > 20 for each in charts)
    assert page.all("script") == []
    links = [*(each.get("href") for each in page.all("a")), *(each.get("href") for each in page.all("link"))]
    assert all(link is not None and link.startswith(("#", "data:")) for link in links)
    assert "url(" not in (both / "report.html").read_text(encoding="utf-8")
    assert all(each.get("scope") in ("col", "row") for each in page.all("th"))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert (both / "report.html").stat().st_size < 2_000_000


def test_the_command_writes_it_again(run: Path, command: Command) -> None:
    outcome = command("report", run)
    assert (outcome.code, outcome.out, outcome.err) == (0, f"report: {run}/report.html\n", "")
    page = _page(run / "report.html")
    assert f"mutualseg train --config {run}/config.yaml --with-baseline --out {run}-again" in page.text
    assert "labels only" not in page.words
    again = command("report", run, "--json", "--out", "other.html")
    assert again.code == 0
    printed = json.loads(again.out)
    assert printed == {
        "report": "other.html",
        "runs": [str(run)],
        "images": 12,
        "without_pictures": {},
    }
    assert Path("other.html").read_bytes() == (run / "report.html").read_bytes()


def test_confusion_matrix_is_of_the_deployed_network(run: Path) -> None:
    mutualseg.report(str(run), quiet=True)
    text = (run / "report.html").read_text(encoding="utf-8")
    shown = [float(cell) if cell else 0.0 for cell in re.findall(r"<td class=hit[^>]*>([\d.]*)</td>", text)]
    scores = mutualseg.evaluate(str(run), quiet=True)
    assert len(shown) == len(CLASSES)
    # A class that is never found has IoU 0, and no hits; IoU is never above the share of hits.
    for share, iou in zip(shown, scores["per_class_iou"].values(), strict=True):
        assert share >= iou - 0.5


def test_moved_data_leave_out_the_pictures_and_it_says_so(
    data: Path, tmp_path: Path, command: Command
) -> None:
    own = tmp_path / "own"
    shutil.copytree(data, own)
    assert command("train", "--data", own, "--out", "run", *flags(steps=1)).code == 0
    own.rename(tmp_path / "moved")
    outcome = command("report", "run")
    assert outcome.code == 0
    assert "no pictures" in outcome.err
    assert "mutualseg report run --data DIR" in outcome.err
    page = _page(Path("run/report.html"))
    assert "There are no pictures and no confusion matrix" in page.text
    assert [each for each in page.all("img") if "val image" in (each["alt"] or "")] == []
    assert f"{CLASSES[0]} " in page.text
    outcome = command("report", "run", "--data", tmp_path / "moved")
    assert (outcome.code, outcome.err) == (0, "")
    assert [each for each in _page(Path("run/report.html")).all("img") if "val image" in (each["alt"] or "")]
    wrong = command("report", "run", "--data", "nowhere")
    assert wrong.code == 2
    assert len(wrong.err.splitlines()) == 1


def test_an_unfinished_run_has_its_curves(run: Path, command: Command) -> None:
    (run / "summary.json").unlink()
    shutil.rmtree(run / "weights")
    assert command("report", run).code == 0
    page = _page(run / "report.html")
    assert "This run is not finished: its records end at step 4 of 4." in page.text
    assert f"mutualseg train --resume {run}" in page.text
    assert len(page.all("polyline")) > 5
    for name in ("metrics.csv", "monitor.csv", "split.json", "classes.txt", "views.png"):
        (run / name).unlink()  # as if it had been stopped before its first evaluation
    assert command("report", run).code == 0
    assert "There are no scores of each class" in _page(run / "report.html").text


def test_several_runs_stand_side_by_side(run: Path, both: Path, command: Command) -> None:
    outcome = command("report", run, both, both / "baseline", run)
    assert (outcome.code, outcome.out) == (0, "report: report.html\n")
    page = _page(Path("report.html"))
    assert "3 runs side by side" in page.text
    for name in ("run", "reported", "baseline"):
        assert f"errors of {name}" in page.words
    assert re.search(r"method\.name mutual mutual labels_only", page.text)
    assert f"mutualseg report {run} {both} {both}/baseline" in page.text


def test_labels_alone_are_shown_with_the_network_that_counts_beside_others(
    both: Path, run: Path, command: Command
) -> None:
    own = run.parent / "own"
    shutil.copytree(both / "baseline", own)
    summary = json.loads((own / "summary.json").read_text(encoding="utf-8"))
    other = next(role for role in summary["networks"] if role != summary["deployed"])
    summary["networks"][other] = summary["miou"] + 20  # it counts, whichever was better
    (own / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    path = own / "checkpoints/last.ckpt"
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    for name, value in checkpoint["state_dict"].items():
        if name.startswith(f"method.{other}.decoder") or name.startswith(f"method.{other}.head"):
            value.zero_()
    torch.save(checkpoint, path)  # all its logits are the same, so that it names the first class alone
    never = f"Never predicted on the val images, though they hold them: {CLASSES[1]}, {CLASSES[2]}."
    assert command("report", run, own).code == 0
    page = _page(Path("report.html"))
    assert never in page.text
    assert "the network has an mIoU of" in page.text
    assert command("report", own).code == 0
    assert never not in _page(own / "report.html").text
    path.unlink()
    assert command("report", run, own).code == 0
    page = _page(Path("report.html"))
    assert f"Pictures and confusion matrix are of {summary['deployed'].replace('_', ' ')}" in page.text
    assert never not in page.text


def test_runs_of_other_classes_have_their_own_pictures(run: Path, tmp_path: Path, command: Command) -> None:
    other = write_data(tmp_path / "other")
    (other / "classes.txt").write_text("left\nright\nball\n", encoding="utf-8")
    assert command("train", "--data", other, "--out", "second", *flags(steps=1)).code == 0
    assert command("report", run, "second").code == 0
    page = _page(Path("report.html"))
    assert "The runs do not have the same classes" in page.text
    assert len([each for each in page.all("img") if "val image" in (each["alt"] or "")]) == 6


def test_only_val_images_that_are_the_same_are_shown_together(
    run: Path, data: Path, tmp_path: Path, command: Command
) -> None:
    other = tmp_path / "other"
    shutil.copytree(data, other)
    for part in ("images", "masks"):
        path = other / part / "val/00.png"
        with Image.open(path) as image:
            turned = np.asarray(image)[::-1].copy()
        Image.fromarray(turned).save(path)
    assert command("train", "--data", other, "--out", "second", *flags(steps=1)).code == 0
    assert command("report", run, run, "--out", "same.html").code == 0
    assert command("report", run, "second").code == 0
    page = _page(Path("report.html"))
    warning = (
        "Warning The runs were scored on different val images, so their scores do not compare: run has 3, "
        "second has 3; 2 of them are the same in all."
    )
    assert warning in page.text
    assert warning not in _page(Path("same.html")).text
    shown = [each["alt"] or "" for each in page.all("img") if "The val image" in (each["alt"] or "")]
    assert sorted(shown) == ["The val image val/01.", "The val image val/02."]
    for name in ("01", "02"):
        shutil.copyfile(other / "masks/val/00.png", other / f"masks/val/{name}.png")
    assert command("report", run, "second").code == 0
    page = _page(Path("report.html"))
    assert "none of them is the same in all." in page.text
    assert page.words.count("image") == 6  # three of each run's own
    shutil.rmtree(other)
    split = json.loads(Path("second/split.json").read_text(encoding="utf-8"))
    split["val"] = split["val"][:2]
    Path("second/split.json").write_text(json.dumps(split), encoding="utf-8")
    assert command("report", run, "second").code == 0
    assert "The runs name different val images" in _page(Path("report.html")).text


def test_a_report_that_fails_loses_no_run(
    data: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a fault\nof the program")

    with monkeypatch.context() as patch:
        patch.setattr("mutualseg.run_report.writing.render", fail)
        outcome = command("train", "--data", data, "--out", "run", *flags(steps=1))
    assert outcome.code == 0
    (line,) = (line for line in outcome.err.splitlines() if "report" in line)
    assert "could not be written" in line
    assert line.endswith("mutualseg report run")
    assert "report:" not in outcome.out
    assert Path("run/summary.json").is_file()
    assert not Path("run/report.html").exists()
    again = command("train", "--resume", "run")
    assert again.code == 0
    assert Path("run/report.html").is_file()
    written = Path("run/report.html").stat().st_mtime_ns
    assert command("train", "--resume", "run").code == 0
    assert Path("run/report.html").stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere",), "no run folder"),
        (("run", "--out", "page.txt"), "must be a file that ends in .html"),
        (("run", "--out", "taken.html"), "no report of this program"),
        (("cmp",), "mutualseg report cmp/runs/*"),
        (("c mp",), "mutualseg report 'c mp'/runs/*"),
        (("run/config.yaml",), "'run/config.yaml' is a file; give the run folder: mutualseg report run\n"),
        (("run/weights/deployed.safetensors",), "give the run folder: mutualseg report run\n"),
        (("taken.html",), "'taken.html' is a file; give the --out of a train"),
        (("typo_run", "--out", "new/page.html"), "no run folder"),
        (("run", "nowhere"), "no run folder"),
        (("run", "--out", "taken.html/page.html"), "'taken.html' is no folder"),
        (("run", "--out", "new/page.html", "--data", "nowhere"), "nowhere"),
        ((), "RUNS"),
    ],
)
def test_refusals_are_one_sentence(words: tuple[str, ...], message: str, run: Path, command: Command) -> None:
    Path("cmp/runs").mkdir(parents=True)
    for name in ("cmp", "c mp"):
        Path(name).mkdir(exist_ok=True)
        Path(name, "comparison.json").write_text("{}", encoding="utf-8")
    Path("taken.html").write_text("<p>somebody's own", encoding="utf-8")
    there = files_below(Path())
    outcome = command("report", *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert files_below(Path()) == there
    assert Path("taken.html").read_text(encoding="utf-8") == "<p>somebody's own"


@pytest.mark.parametrize(
    "broken",
    [
        '{"method": "", "networks": 3, "deployed": 1, "steps": [], "seconds": "x", "training_seconds": 0}',
        '{"method"',
    ],
)
def test_a_broken_summary_is_said_in_one_sentence(broken: str, run: Path, command: Command) -> None:
    (run / "summary.json").write_text(broken, encoding="utf-8")
    outcome = command("report", run)
    assert outcome.code == 2, outcome
    assert len(outcome.err.splitlines()) == 1
    assert "summary.json" in outcome.err
    assert not (run / "report.html").exists()


def test_training_images_among_the_val_images_are_a_warning(
    data: Path, tmp_path: Path, command: Command
) -> None:
    leaky = tmp_path / "leaky"
    shutil.copytree(data, leaky)
    shutil.copyfile(leaky / "images/val/00.png", leaky / "images/train/00.png")
    shutil.copyfile(leaky / "masks/val/00.png", leaky / "masks/train/00.png")
    assert command("train", "--data", leaky, "--out", "run", *flags(steps=1)).code == 0
    assert "Warning 1 training images are identical" in _page(Path("run/report.html")).text


def test_images_of_16_bits_are_shown(tmp_path: Path, command: Command) -> None:
    root = write_data(tmp_path / "data")
    for path in (root / "images").rglob("*.png"):
        with Image.open(path) as image:
            gray = np.asarray(image.convert("L"), np.uint16)
        Image.fromarray(gray * 200 + 1000).save(path)
    outcome = command("train", "--data", root, "--out", "run", *flags(steps=1))
    assert outcome.code == 0, outcome
    photo = next(
        each["src"]
        for each in _page(Path("run/report.html")).all("img")
        if "val image" in (each["alt"] or "")
    )
    with Image.open(BytesIO(base64.b64decode((photo or "").partition("base64,")[2]))) as image:
        levels = np.asarray(image.convert("L"))
    assert levels.min() < 40  # stretched, not cut at 255
    assert levels.max() > 215


@pytest.mark.slow
def test_browsers_show_it_on_any_screen_and_run_nothing_of_it(tmp_path: Path, command: Command) -> None:
    require_browser()
    root = write_data(tmp_path / "data")
    (root / "classes.txt").write_text(f"left\n{HOSTILE}\n{'disc' * 40}\n", encoding="utf-8")
    for part in ("images", "masks"):
        (root / part / "val/00.png").rename(root / part / "val/<img src=x onerror=alert(1)>.png")
    words = flags(steps=2, evaluate_every=1)
    assert command("train", "--with-baseline", "--data", root, "--out", "run", *words).code == 0
    assert command("report", "run", "run/baseline").code == 0
    for width in (1280, 390):
        with browser(width) as driver:
            driver.execute_cdp_cmd(  # a window is never narrower than 500 pixels
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500},
            )
            for page in ("run/report.html", "report.html"):
                driver.get(Path(page).absolute().as_uri())
                assert HOSTILE in driver.find_element("tag name", "main").text
                sizes = driver.execute_script("return [...document.images].map(each => each.naturalWidth)")
                assert len(sizes) >= 15
                assert min(sizes) > 0
                loaded = driver.execute_script(
                    "return performance.getEntriesByType('resource').map(each => each.name)"
                )
                assert [name for name in loaded if not name.startswith("data:")] == []
                assert driver.execute_script("return document.documentElement.scrollWidth") <= width
                assert driver.execute_script("return document.scripts.length") == 0
                assert console(driver) == []
                driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
                assert not driver.find_element("tag name", "nav").is_displayed()
                driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
