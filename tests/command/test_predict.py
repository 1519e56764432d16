"""`mutualseg predict`: what is saved, patterns, very large images, and what is refused at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

import mutualseg
from mutualseg.data import labelme
from mutualseg.data.catalog import class_colors
from mutualseg.evaluation import large_images
from mutualseg.predictor import Predictor
from mutualseg.reporting.pictures import colorize, overlay
from tests.command.conftest import Command
from tests.command.made import CLASSES, HEIGHT, WIDTH, draw, files_below, write, write_photos

Array = npt.NDArray[Any]


@pytest.fixture(scope="module")
def predictor(finished: Path) -> Predictor:
    return mutualseg.load(finished)


def read(path: Path | str) -> Array:
    with Image.open(path) as image:
        return np.array(image)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make images of more than 100 x 100 pixels large ones, looked at in windows of 64."""
    monkeypatch.setattr(large_images, "LARGEST_LOGITS", 4 * len(CLASSES) * 100 * 100)
    monkeypatch.setattr(large_images, "LARGE_WINDOW", 64)


def wide_picture(height: int = 150, width: int = 170) -> Array:
    tiles = [[draw(f"tile/{row}/{column}")[0] for column in range(3)] for row in range(3)]
    return np.concatenate([np.concatenate(row, 1) for row in tiles])[:height, :width]


def test_every_kind_is_what_the_network_says(
    finished: Path, predictor: Predictor, tmp_path: Path, command: Command
) -> None:
    photos = write_photos(tmp_path / "photos", ("a.png", "trip/b.png"))
    words = ("--save", "index,color", "overlay", "--save", "confidence polygons", "--json")
    outcome = command("predict", finished, photos, "--out", "out", *words)
    assert outcome.code == 0, outcome
    found = json.loads(outcome.out)
    assert found["kinds"] == {
        "index": ["out/a.png", "out/trip/b.png"],
        **{
            kind: [f"out/{kind}/a.png", f"out/{kind}/trip/b.png"]
            for kind in ("color", "overlay", "confidence")
        },
        "polygons": ["out/polygons/a.json", "out/polygons/trip/b.json"],
    }
    assert sorted(found["written"]) == sorted(path for paths in found["kinds"].values() for path in paths)
    assert files_below(Path("out")) >= {path.removeprefix("out/") for path in found["written"]}
    assert not [path for path in files_below(Path("out")) if "partial" in path]

    image = read(photos / "trip/b.png")
    opinion = predictor.look(photos / "trip/b.png")
    assert np.array_equal(read("out/trip/b.png"), opinion.indices)
    colors = class_colors(len(CLASSES))
    assert np.array_equal(read("out/color/trip/b.png"), colorize(opinion.indices, 3, colors))
    assert np.array_equal(read("out/overlay/trip/b.png"), overlay(image, opinion.indices, 3))
    confidence = read("out/confidence/trip/b.png")
    assert confidence.dtype == np.uint16
    assert np.abs(confidence / 65535 - opinion.confidence).max() <= 0.5 / 65535 + 1e-7
    assert opinion.confidence.min() >= 1 / 3
    drawn = labelme.draw_masks(
        [Path("out/polygons/trip/b.json")], {"trip/b.png": photos / "trip/b.png"}, CLASSES
    )
    differs = read(drawn.masks["trip/b.png"]) != opinion.indices
    assert differs.mean() < 0.1
    stated = json.loads(Path("out/polygons/trip/b.json").read_text(encoding="utf-8"))["imagePath"]
    assert (Path("out/polygons/trip") / stated).resolve() == photos / "trip/b.png"


def test_index_alone_is_written_as_ever(finished: Path, tmp_path: Path, command: Command) -> None:
    photos = write_photos(tmp_path / "photos", ("a.png", "trip/b.png"))
    for out, words in (("plain", ()), ("named", ("--save", "index")), ("both", ("--save=index,color",))):
        assert command("predict", finished, photos, "--out", out, *words).code == 0
    assert files_below(Path("plain")) == files_below(Path("named")) == {"a.png", "trip", "trip/b.png"}
    for name in ("a.png", "trip/b.png"):
        content = Path("plain", name).read_bytes()
        assert content == Path("named", name).read_bytes() == Path("both", name).read_bytes()
    assert command("predict", finished, photos, "--out", "color", "--save", "color").code == 0
    assert files_below(Path("color")) == {"color", "color/a.png", "color/trip", "color/trip/b.png"}


def test_what_was_written_is_counted(finished: Path, tmp_path: Path, command: Command) -> None:
    photos = write_photos(tmp_path / "photos", ("a.png", "b.png"))
    outcome = command("predict", finished, photos, "--out", "out", "--save", "overlay", "polygons")
    assert outcome.out == "2 overlays, 2 polygon files written to out\n"
    # The run may follow the kinds.
    words = ("--out", "again", "--save", "overlay", "polygons", finished, photos)
    assert command("predict", *words).out == "2 overlays, 2 polygon files written to again\n"


def test_quoted_patterns(finished: Path, tmp_path: Path, command: Command) -> None:
    write_photos(tmp_path / "photos", ("a.png", "b.jpg", "trip/c.jpg", "trip/x[1].jpg"))
    assert command("predict", finished, "photos/**/*.jpg", "--out", "jpg").code == 0
    assert files_below(Path("jpg")) == {"b.png", "trip", "trip/c.png", "trip/x[1].png"}
    assert command("predict", finished, "photos/trip/x[1].jpg", "--out", "one").code == 0
    assert files_below(Path("one")) == {"x[1].png"}
    outcome = command("predict", finished, "photos/*.gif", "--out", "none")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "No image or video matches 'photos/*.gif'" in outcome.err


def test_tta_is_flip_and_three_scales(
    finished: Path, predictor: Predictor, tmp_path: Path, command: Command
) -> None:
    photos = write_photos(tmp_path / "photos", ("a.png",))
    assert command("predict", finished, photos, "--out", "tta", "--tta").code == 0
    words = ("--flip", "--scales", "0.75", "1", "1.25")
    assert command("predict", finished, photos, "--out", "words", *words).code == 0
    assert np.array_equal(read("tta/a.png"), read("words/a.png"))
    assert np.array_equal(predictor.predict(photos / "a.png", tta=True), read("tta/a.png"))
    scores = json.loads(command("evaluate", finished, "--tta", "--json").out)
    assert (scores["scales"], scores["flip"]) == ([0.75, 1.0, 1.25], True)
    for verb, rest in (("predict", (photos, "--out", "no")), ("evaluate", ())):
        for beside in (("--flip",), ("--scales", "1")):
            outcome = command(verb, finished, *rest, "--tta", *beside)
            assert outcome.code == 2
            assert "give either --tta alone, or --flip and --scales of your own" in outcome.err


def test_devices(finished: Path, tmp_path: Path, command: Command) -> None:
    photos = write_photos(tmp_path / "photos", ("a.png",))
    assert command("predict", finished, photos, "--out", "out", "--device", "cpu").code == 0
    assert command("evaluate", finished, "--device", "cpu").code == 0
    for verb, rest in (("predict", (photos, "--out", "no")), ("evaluate", ())):
        outcome = command(verb, finished, *rest, "--device", "gpu")
        assert (outcome.code, outcome.err.count("\n")) == (2, 1)
        assert "--device gpu does not fit: give one of auto, cpu, cuda, mps" in outcome.err


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("name", ["big.tif", "big.png", "big.jpg"])
@pytest.mark.parametrize("words", [(), ("--window", "48", "--flip"), ("--tta",)])
def test_large_images_are_what_the_same_windows_say(
    finished: Path,
    predictor: Predictor,
    monkeypatch: pytest.MonkeyPatch,
    command: Command,
    name: str,
    words: tuple[str, ...],
) -> None:
    path = write(Path("photos", name), wide_picture())
    write_photos(Path("photos"), ("small.png",))
    kinds = ("index", "color", "overlay", "confidence", "polygons")
    outcome = command("predict", finished, "photos", "--out", "out", "--save", *kinds, *words)
    assert outcome.code == 0, outcome
    window = 48 if words[:1] == ("--window",) else 64
    assert outcome.err.startswith(f"{path} is large (170 x 150): looked at in ")
    assert outcome.err.endswith(f"windows of {window}\n")
    assert outcome.err.count("\n") == 1

    options: dict[str, Any] = {"window": window, "flip": "--flip" in words, "tta": "--tta" in words}
    in_bands = predictor.look(path, **options)
    monkeypatch.setattr(large_images, "LARGEST_LOGITS", 2**40)
    expected = predictor.look(path, **options)
    probabilities = predictor.probabilities(path, **options)
    written = read("out/big.png")
    assert np.array_equal(written, in_bands.indices)
    if options["tta"]:  # another order of rounding
        top = np.sort(probabilities, axis=0)
        assert (written == expected.indices)[top[-1] - top[-2] > 1e-4].all()
    else:
        assert np.array_equal(written, expected.indices)
        assert np.array_equal(in_bands.confidence, expected.confidence)
    assert np.abs(read("out/confidence/big.png") / 65535 - probabilities.max(0)).max() < 1e-4
    assert np.array_equal(read("out/color/big.png"), colorize(written, 3))
    assert np.array_equal(read("out/overlay/big.png"), overlay(read(path), written, 3))
    with Image.open("out/big.png") as mask, Image.open("out/small.png") as small:
        assert mask.mode == small.mode == "P"
        assert mask.getpalette() == small.getpalette()
    drawn = labelme.draw_masks([Path("out/polygons/big.json")], {name: path}, CLASSES)
    assert (read(drawn.masks[name]) != written).mean() < 0.1


@pytest.mark.usefixtures("large")
def test_whole_images_stay_whole_if_asked_for(
    finished: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    path = write(Path("big.png"), wide_picture())
    outcome = command("predict", finished, path, "--out", "out", "--window", "whole")
    assert (outcome.code, outcome.err) == (0, "")
    in_windows = predictor.probabilities(path, window=64)
    monkeypatch.setattr(large_images, "LARGEST_LOGITS", 2**40)
    assert np.array_equal(read("out/big.png"), predictor.predict(path))
    assert not np.allclose(in_windows, predictor.probabilities(path), atol=1e-4)  # it makes a difference


@pytest.mark.usefixtures("large")
def test_a_large_image_that_breaks_off_is_skipped(finished: Path, command: Command) -> None:
    photos = Path("photos")
    for name in ("a.png", "b.tif"):
        write(photos / name, wide_picture())
    (photos / "a.png").write_bytes((photos / "a.png").read_bytes()[:-9000])
    tifffile.imwrite(photos / "b.tif", wide_picture(), photometric="rgb", compression="zlib", rowsperstrip=10)
    (photos / "b.tif").write_bytes((photos / "b.tif").read_bytes()[:-9000])
    write_photos(photos, ("c.png",))
    outcome = command("predict", finished, photos, "--out", "out", "--save", "index", "overlay", "--quiet")
    assert outcome.code == 1
    assert outcome.out == "1 mask, 1 overlay written to out\n"
    assert files_below(Path("out")) == {"c.png", "overlay", "overlay/c.png"}
    lines = outcome.err.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["skipped:", "photos/a.png"],
        ["skipped:", "photos/b.tif"],
    ]


@pytest.mark.usefixtures("large")
def test_arrays_and_pictures_are_large_too(predictor: Predictor) -> None:
    pixels = wide_picture()
    expected = predictor.predict(write(Path("big.png"), pixels))
    assert np.array_equal(predictor.predict(pixels), expected)
    assert np.array_equal(predictor.predict(Image.fromarray(pixels)), expected)


def test_looks_agree(predictor: Predictor) -> None:
    pixels = draw("looked at")[0]
    opinion = predictor.look(pixels)
    probabilities = predictor.probabilities(pixels)
    assert probabilities.shape == (3, HEIGHT, WIDTH)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(0), 1, atol=1e-5)
    assert np.array_equal(opinion.indices, predictor.predict(pixels))
    assert np.array_equal(opinion.indices, probabilities.argmax(0))
    np.testing.assert_allclose(opinion.confidence, probabilities.max(0), atol=1e-6)
    assert opinion.indices.dtype == np.uint8
    assert opinion.confidence.dtype == np.float32


def test_arrays_are_what_files_of_them_are(predictor: Predictor) -> None:
    color = draw("array")[0]
    alpha = np.linspace(0, 255, HEIGHT * WIDTH).astype(np.uint8).reshape(HEIGHT, WIDTH, 1)
    for array in (
        color[..., 0],
        color[..., :1],
        np.concatenate([color, alpha], 2),
        np.dstack([color[..., 0], alpha]),
    ):
        picture = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
        path = write(Path(f"{array.ndim}-{array.shape[-1]}.png"), picture)
        assert np.array_equal(predictor.predict(array), predictor.predict(path))
        assert np.array_equal(predictor.probabilities(array), predictor.probabilities(path))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--save", "colour"), "There is no kind 'colour' for --save; did you mean 'color'?"),
        (("--every", "0"), "--every 0 is too small"),
        (("--every", "often"), "--every often does not fit"),
        (("--tta", "--flip"), "--tta is --flip and --scales"),
    ],
)
def test_wrong_words_are_refused(
    finished: Path, data: Path, command: Command, words: tuple[str, ...], said: str
) -> None:
    outcome = command("predict", finished, data / "images/val", "--out", "out", *words)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert said in outcome.err
    assert not Path("out").exists()


def test_refusals_need_no_torch(data: Path) -> None:
    """Importing it takes seconds, which nobody should wait for an error."""
    code = (
        "import sys, mutualseg.cli\n"
        "good, rest = sys.argv[1], ['--out', 'out']\n"
        "for words in (['nowhere', good, *rest], ['nowhere', good + '/*.gif', *rest], [good, good, *rest],\n"
        "              ['x', good, *rest, '--save', 'colour'], ['x', good, *rest, '--window', '3'],\n"
        "              ['x', good, *rest, '--device', 'tpu'], ['x', good, *rest, '--every', '0']):\n"
        "    assert mutualseg.cli.main(['predict', *words]) == 2\n"
        "print('heavy:', *sorted({'torch', 'timm', 'cv2'} & set(sys.modules)))\n"
    )
    words = [sys.executable, "-c", code, str(data / "images/val")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "heavy:"
    assert done.stderr.count("\n") == 7
