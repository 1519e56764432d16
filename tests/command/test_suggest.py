"""`mutualseg suggest` from a run to a training with more labels, and what it refuses."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import mutualseg
from mutualseg.data.layouts.reading import read_layout
from mutualseg.runs import RunFolder
from mutualseg.suggesting.run_suggestion import Suggestions
from tests.command.conftest import Command
from tests.command.made import CLASSES, HEIGHT, SMALL, WIDTH, draw, files_below, flags, write, write_photos

Pixels = npt.NDArray[np.uint8]


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """Return a copy of a finished run of the default method, to write into."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture(scope="module")
def suggested(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Suggestions:
    """Return what is suggested of a finished run, four of its five images, to read."""
    out = tmp_path_factory.mktemp("suggest") / "out"
    return mutualseg.suggest(str(finished), count=4, out=str(out), quiet=True)


def masks_of(folder: Path, layout: str) -> dict[str, Pixels]:
    """Return the masks of a data folder by name, as training would read them."""
    found = read_layout(folder, layout)
    assert found.classes == CLASSES
    return {
        sample.name: found.encoding.masks.read(sample.mask)
        for sample in found.labeled
        if sample.mask is not None
    }


def annotate(out: Path, data: Path) -> None:
    """Copy true masks where an annotator would have corrected the predicted ones."""
    for mask in (out / "masks" / "train").rglob("*.png"):
        name = mask.relative_to(out / "masks").as_posix()
        write(data / "masks" / name, draw(name)[1])


@pytest.mark.slow
def test_train_suggest_annotate_train(data: Path, command: Command, tmp_path: Path) -> None:
    own = Path(shutil.copytree(data, tmp_path / "own"))
    run, again = tmp_path / "run", tmp_path / "again"
    assert command("train", "--data", own, "--out", run, "--quiet", *flags()).code == 0
    done = command("suggest", run, "--count", 3)
    assert done.code == 0, done.err
    out = run / "suggested"
    assert {"suggested.txt", "suggested.csv", "sheet.png", "masks", "labelme", "annotations.xml"} <= {
        path.name for path in out.iterdir()
    }
    lines = (out / "suggested.txt").read_text().splitlines()
    assert len(lines) == 3
    assert all((own / line).is_file() for line in lines)
    before = files_below(own)
    annotate(out, own)
    assert len(files_below(own) - before) == 3  # three labels are new, and nothing else was in the way
    assert command("train", "--data", own, "--out", again, "--quiet", *flags()).code == 0
    first, second = (RunFolder(folder).read_summary() for folder in (run, again))
    assert second["labeled_images"] == first["labeled_images"] + 3
    assert second["unlabeled_images"] == first["unlabeled_images"] - 3
    # What is labeled by now is not suggested again, not even by the run of before.
    left = command("suggest", run, "--out", tmp_path / "left", "--json", "--prefill", "none")
    assert {one["image"] for one in json.loads(left.out)["suggested"]}.isdisjoint(lines)


def test_prefilled_masks_of_all_formats_hold_the_prediction(suggested: Suggestions) -> None:
    done = suggested
    png, labelme, cvat = (masks_of(done.out, layout) for layout in ("folder", "labelme", "cvat"))
    assert (
        png.keys()
        == labelme.keys()
        == cvat.keys()
        == {Path(one.target).with_suffix("").as_posix() for one in done.suggestions}
    )
    for name, mask in png.items():
        assert mask.shape == (HEIGHT, WIDTH)
        assert mask.max() < len(CLASSES)
        np.testing.assert_array_equal(cvat[name], mask)
        assert (labelme[name] == mask).mean() > 0.97
        assert not (labelme[name] == 255).any()
        with Image.open(done.out / "masks" / f"{name}.png") as written:
            assert written.mode == "P"
    assert (done.out / "classes.txt").read_text().split() == list(CLASSES)


def test_labelme_opens_the_copied_image_and_names_its_size(suggested: Suggestions) -> None:
    first = suggested.suggestions[0]
    file = (suggested.out / "labelme" / first.target).with_suffix(".json")
    content = json.loads(file.read_text())
    assert (file.parent / content["imagePath"]).read_bytes() == first.image.read_bytes()
    assert (content["imageHeight"], content["imageWidth"]) == (HEIGHT, WIDTH)
    assert {shape["label"] for shape in content["shapes"]} <= set(CLASSES)


def test_corrected_outlines_become_masks_by_check(
    suggested: Suggestions, command: Command, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(suggested.out, tmp_path / "out"))
    first = Path(suggested.suggestions[0].target)
    file = (out / "labelme" / first).with_suffix(".json")
    content = json.loads(file.read_text())
    corrected = {"label": "disc", "points": [[10, 10], [30, 10], [30, 30], [10, 30]], "shape_type": "polygon"}
    content["shapes"].append(corrected)
    file.write_text(json.dumps(content))
    assert "--layout labelme --fix" in suggested.next_steps[0]
    fixed = tmp_path / "corrected"
    assert command("check", out, "--layout", "labelme", "--fix", fixed, "--quiet").code == 0
    with Image.open((fixed / "masks" / first).with_suffix(".png")) as mask:
        assert (np.asarray(mask)[10:30, 10:30] == CLASSES.index("disc")).all()


def test_formats_are_chosen(run: Path, command: Command) -> None:
    assert command("suggest", run, "--count", 1, "--prefill", "labelme").code == 0
    assert {path.name for path in (run / "suggested").iterdir()} == {
        *("suggested.txt", "suggested.csv", "labeled.txt", "classes.txt", "sheet.png", "images", "labelme")
    }


def test_list_and_table_agree_and_the_sheet_is_a_picture(run: Path, command: Command) -> None:
    done = command("suggest", run, "--count", 4, "--json")
    assert done.code == 0
    assert not done.err
    told = json.loads(done.out)
    out = run / "suggested"
    with (out / "suggested.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines = (out / "suggested.txt").read_text().splitlines()
    assert [row["image"] for row in rows] == lines == [one["image"] for one in told["suggested"]]
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    for row in rows:
        assert float(row["score"]) == pytest.approx(float(row["coverage"]) + float(row["classes"]), abs=2e-4)
        assert 0 <= float(row["differing"]) <= 1
        assert row["look_alike"] == "no"
    assert told["networks"] == ["teacher_a", "teacher_b"]
    assert told["looked_at"] == told["unlabeled"] == 5
    with Image.open(out / "sheet.png") as sheet:
        assert sheet.mode == "RGB"
        assert min(sheet.size) > 400
        assert len(sheet.getcolors(2**24) or ()) > 1000


def test_both_kinds_of_lists_name_what_was_suggested(
    suggested: Suggestions, data: Path, tmp_path: Path
) -> None:
    done = suggested
    own = Path(shutil.copytree(data, tmp_path / "own"))
    annotate(done.out, own)
    chosen = mutualseg.split(
        str(own), labeled=str(done.out / "labeled.txt"), out=str(tmp_path / "a.json"), stratify=False
    )
    names = {Path(one.target).with_suffix("").as_posix() for one in done.suggestions}
    assert len(chosen.labeled) == 5 + 4
    assert names < {sample.name for sample in chosen.labeled}
    only = mutualseg.split(
        str(own), labeled=str(done.out / "suggested.txt"), out=str(tmp_path / "b.json"), stratify=False
    )
    assert {sample.name for sample in only.labeled} == names
    rest = mutualseg.split(
        str(data), unlabeled=[str(done.out / "suggested.txt")], out=str(tmp_path / "c.json"), stratify=False
    )
    assert {sample.name for sample in rest.unlabeled} == names


def test_the_same_call_suggests_the_same(suggested: Suggestions, finished: Path, tmp_path: Path) -> None:
    first = suggested
    second = mutualseg.suggest(str(finished), count=4, out=str(tmp_path / "again"), quiet=True)
    assert first.suggestions == second.suggestions
    names = files_below(first.out)
    assert names == files_below(second.out)
    for name in sorted(names):
        if (first.out / name).is_file():
            assert (first.out / name).read_bytes() == (second.out / name).read_bytes(), name


def test_near_duplicates_do_not_fill_the_list(run: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    rng = np.random.default_rng(0)
    scene = draw("photo/scene")[0].astype(np.int64)
    for index in range(8):  # one scene under other noise
        write(
            photos / f"same{index}.png",
            (scene + rng.integers(-6, 7, scene.shape)).clip(0, 255).astype(np.uint8),
        )
    others = [write(photos / f"other{index}.png", draw(f"photo/{index}")[0]) for index in range(3)]
    done = mutualseg.suggest(str(run), count=5, unlabeled=[str(photos)], prefill="none", quiet=True)
    named = [one.image.name for one in done.suggestions]
    first = named[:4]
    assert {path.name for path in others} < set(first)
    assert sum(name.startswith("same") for name in first) == 1
    assert [one.look_alike for one in done.suggestions] == [False] * 4 + [True]
    assert any("look like" in note for note in done.notes)


def test_images_from_outside_are_packed_for_the_data_folder(run: Path, data: Path, tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", ("a b.png", "deep/#1.png"))
    shutil.copy(data / "images" / "val" / "00.png", photos / "of_val.png")
    done = mutualseg.suggest(str(run), unlabeled=[str(photos)], quiet=True)
    assert {one.line for one in done.suggestions} == {
        str(photos / "a b.png"),
        str(photos / "deep" / "#1.png"),
    }
    assert any("identical to val" in note for note in done.notes)
    own = Path(shutil.copytree(data, tmp_path / "own"))
    for kind in ("images", "masks"):
        shutil.copytree(done.out / kind, own / kind, dirs_exist_ok=True)
    chosen = mutualseg.split(
        str(own),
        labeled=str(done.out / "labeled.txt"),
        unlabeled=[str(photos)],
        out=str(tmp_path / "s.json"),
        stratify=False,
    )
    assert {"train/photos/a b", "train/photos/deep/#1"} < {sample.name for sample in chosen.labeled}
    assert not any(sample.is_external for sample in chosen.unlabeled)  # they are not used twice


def copy_as_told(done: Suggestions, own: Path) -> None:
    """Do what the last sentence says: copy to the data folder what it names."""
    told = done.next_steps[-1]
    assert f" to {own}, and train again" in told
    for kind in ("images", "masks"):
        if f"{kind}/" in told:
            shutil.copytree(done.out / kind, own / kind, dirs_exist_ok=True)


def test_images_of_a_folder_within_the_data_folder_come_from_outside(
    run: Path, data: Path, tmp_path: Path
) -> None:
    own = Path(shutil.copytree(data, tmp_path / "own"))
    write_photos(own / "unlabeled", ("a.png", "b.png"))
    weights = str(run / "weights" / "deployed.safetensors")
    done = mutualseg.suggest(
        weights, data=str(own), unlabeled=[str(own / "unlabeled")], out=str(tmp_path / "o"), quiet=True
    )
    assert {one.line for one in done.suggestions} == {"unlabeled/a.png", "unlabeled/b.png"}
    before = len(read_layout(own).labeled)
    copy_as_told(done, own)
    names = {sample.name for sample in read_layout(own).labeled}
    assert len(names) == before + 2
    assert {"train/unlabeled/a", "train/unlabeled/b"} < names
    lines = (done.out / "labeled.txt").read_text().splitlines()
    assert all((own / line).is_file() for line in lines)
    chosen = mutualseg.split(str(own), labeled=str(done.out / "labeled.txt"), out=str(tmp_path / "s.json"))
    assert {sample.name for sample in chosen.labeled} == names


def test_images_of_the_data_folder_stay_its_own_where_their_folder_is_named(
    run: Path, data: Path, tmp_path: Path
) -> None:
    own = Path(shutil.copytree(data, tmp_path / "own"))
    (tmp_path / "way").symlink_to(own)
    for number, folder in enumerate((own, tmp_path / "way")):
        done = mutualseg.suggest(
            str(run),
            data=str(own),
            unlabeled=[str(folder / "images" / "train")],
            prefill="png",
            out=str(tmp_path / f"o{number}"),
            quiet=True,
        )
        assert {one.line for one in done.suggestions} == {f"images/train/{n:02d}.png" for n in range(5, 10)}
    copy_as_told(done, own)
    found = read_layout(own)
    assert len(found.train) == len(found.labeled) == 10


def test_photos_of_equal_names_in_two_rounds_replace_nothing(run: Path, data: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(data, tmp_path / "own"))
    names = ("IMG_0.png", "IMG_1.png")
    for day in ("day1", "day2"):
        for name in names:
            write(tmp_path / day / "photos" / name, draw(f"{day}/{name}")[0])
    (own / "masks/train/photos").mkdir(parents=True)
    before = {path: path.read_bytes() for path in own.rglob("*") if path.is_file()}
    for count, day in enumerate(("day1", "day2"), start=1):
        done = mutualseg.suggest(
            str(run),
            data=str(own),
            unlabeled=[str(tmp_path / day / "photos")],
            prefill="png",
            out=str(tmp_path / f"{day}-out"),
            quiet=True,
        )
        assert len(done.suggestions) == 2
        copy_as_told(done, own)
        assert all(path.read_bytes() == content for path, content in before.items())
        before = {path: path.read_bytes() for path in own.rglob("*") if path.is_file()}
        labeled = read_layout(own).labeled
        assert len(labeled) == 5 + 2 * count
        lines = (done.out / "labeled.txt").read_text().splitlines()
        assert all((own / line).is_file() for line in lines)
        assert {own / one.labeled_line for one in done.suggestions} < {sample.image for sample in labeled}
    photos = {path.read_bytes() for path in tmp_path.glob("day?/photos/*.png")}
    assert photos == {path.read_bytes() for path in (own / "images/train/photos").iterdir()}


def test_fewer_are_looked_at_evenly_and_said_so(run: Path) -> None:
    done = mutualseg.suggest(str(run), count=2, look_at=2, prefill="none", quiet=True)
    assert (done.looked_at, done.unlabeled) == (2, 5)
    assert {one.line for one in done.suggestions} == {"images/train/05.png", "images/train/07.png"}
    assert any("--look-at 5" in note for note in done.notes)


def test_an_unreadable_image_is_listed_and_the_code_is_one(
    run: Path, command: Command, tmp_path: Path
) -> None:
    photos = write_photos(tmp_path / "photos", ("good.png",))
    (photos / "bad.png").write_bytes(b"no image")
    done = command("suggest", run, "--unlabeled", photos, "--prefill", "none")
    assert done.code == 1
    assert "bad.png" in done.err
    assert "good.png" in done.out
    assert "Traceback" not in done.err
    (photos / "good.png").unlink()
    refused = command("suggest", run, "--unlabeled", photos, "--out", tmp_path / "none")
    assert refused.code == 2
    assert "bad.png" in refused.err
    assert not (tmp_path / "none").exists()
    assert not (tmp_path / "none.partial").exists()


def test_corrected_masks_are_not_replaced_unasked(run: Path, command: Command) -> None:
    assert command("suggest", run, "--count", 1).code == 0
    mask = next((run / "suggested" / "masks").rglob("*.png"))
    mask.write_bytes(b"corrected")
    refused = command("suggest", run, "--count", 1)
    assert refused.code == 2
    assert "--overwrite" in refused.err
    assert mask.read_bytes() == b"corrected"
    (run / "suggested" / "notes.odt").write_text("mine")
    assert "notes.odt" in command("suggest", run, "--overwrite").err
    (run / "suggested" / "notes.odt").unlink()
    assert command("suggest", run, "--count", 1, "--overwrite").code == 0
    assert mask.read_bytes() != b"corrected"


def test_nothing_is_written_into_the_data(run: Path, data: Path, command: Command) -> None:
    before = files_below(data)
    refused = command("suggest", run, "--out", data / "masks" / "predicted")
    assert refused.code == 2
    assert "only read" in refused.err
    assert command("suggest", run).code == 0
    assert files_below(data) == before


@pytest.mark.slow
def test_masks_that_the_run_did_not_use_are_not_to_be_replaced(
    data: Path, command: Command, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert (
        command("train", "--data", data, "--labeled", 2, "--out", run, "--quiet", *flags(steps=1)).code == 0
    )
    done = mutualseg.suggest(str(run), count=8, prefill="png", quiet=True)
    assert len(done.suggestions) == 8
    text = " ".join(done.next_steps)
    assert "3 have a mask" in text
    assert "do not replace" in text
    assert f"--labeled {done.out / 'labeled.txt'}" in text


@pytest.mark.slow
def test_a_method_with_one_network_goes_by_its_own_uncertainty(
    data: Path, command: Command, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = flags(method="labels_only", steps=1)
    assert command("train", "--data", data, "--out", run, "--quiet", *words).code == 0
    done = command("suggest", run, "--count", 2)
    assert done.code == 0
    assert "labels_only trains one network" in done.out
    assert "mirror image" in done.out


def test_without_checkpoints_the_deployed_network_is_asked(run: Path, command: Command) -> None:
    (run / "checkpoints" / "previous.ckpt").unlink(missing_ok=True)
    checkpoint = run / "checkpoints" / "last.ckpt"
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    checkpoint.write_bytes(content)
    done = command("suggest", run, "--count", 2, "--json")
    told = json.loads(done.out)
    assert done.code == 0
    assert told["networks"] == ["deployed"]
    assert "no sound checkpoint" in told["notes"][0]


def test_a_weights_file_ranks_images_that_are_named(run: Path, command: Command, tmp_path: Path) -> None:
    weights = run / "weights" / "deployed.safetensors"
    photos = write_photos(tmp_path / "photos", ("a.png", "b.png"))
    for words in (("--unlabeled", photos), ("--out", tmp_path / "o")):
        refused = command("suggest", weights, *words)
        assert refused.code == 2
        assert refused.err.startswith("mutualseg: ")
    done = mutualseg.suggest(str(weights), unlabeled=[str(photos)], out=str(tmp_path / "o"), quiet=True)
    assert len(done.suggestions) == 2
    assert done.networks == ("deployed",)
    assert masks_of(done.out, "cvat").keys() == {"photos/a", "photos/b"}
    assert not (done.out / "labeled.txt").exists()


def test_moved_data_are_found_again(run: Path, data: Path, command: Command, tmp_path: Path) -> None:
    config = run / "config.yaml"
    config.write_text(config.read_text().replace(str(data), str(tmp_path / "gone")))
    refused = command("suggest", run)
    assert refused.code == 2
    assert "--data" in refused.err
    assert command("suggest", run, "--data", data, "--count", 1).code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--count", 0), "--count 0"),
        (("--look-at", 0), "--look-at 0"),
        (("--prefill", "coco"), "--prefill coco"),
        (("--prefill", "none", "--prefill", "png"), "stands alone"),
        (("--prefill", ""), "--prefill names nothing; give png, labelme, cvat or none."),
        (("--prefill", " , "), "--prefill names nothing"),
        (("--unlabeled", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    words: tuple[object, ...], told: str, run: Path, command: Command
) -> None:
    done = command("suggest", run, *words)
    assert done.code == 2
    assert told in done.err
    assert done.err.count("\n") == 1
    assert not (run / "suggested").exists()


def test_the_current_folder_is_refused_before_the_work(
    run: Path, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    for out in (".", empty, "../empty"):
        done = command("suggest", run, "--out", out)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert "is the folder that you are in, which cannot be replaced" in done.err
    assert not list(empty.iterdir())
    assert not (tmp_path / "empty.partial").exists()


def test_an_empty_folder_by_any_path_is_written(run: Path, command: Command, tmp_path: Path) -> None:
    (tmp_path / "next").mkdir()
    (tmp_path / "other").mkdir()
    out = tmp_path / "other/../next/../next"
    assert command("suggest", run, "--count", 1, "--prefill", "none", "--out", out).code == 0
    assert (tmp_path / "next/suggested.txt").is_file()


def test_links_and_folders_of_the_user_are_not_replaced(run: Path, command: Command, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    for name in ("link", "broken"):
        done = command("suggest", run, "--count", 1, "--out", tmp_path / name)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert "is a link" in done.err
        assert (tmp_path / name).is_symlink()
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial/mine.txt").write_text("mine")
    done = command("suggest", run, "--count", 1, "--out", tmp_path / "out")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "out.partial" in done.err
    assert (tmp_path / "out.partial/mine.txt").read_text() == "mine"
    (tmp_path / "out.partial/mine.txt").rename(tmp_path / "out.partial/suggested.txt")  # as a kill leaves it
    assert command("suggest", run, "--count", 1, "--prefill", "none", "--out", tmp_path / "out").code == 0
    assert not (tmp_path / "out.partial").exists()


def test_a_folder_that_is_no_run(command: Command, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        done = command("suggest", path)
        assert done.code == 2
        assert done.err.count("\n") == 1


@pytest.mark.slow
def test_masks_of_black_and_white_and_images_of_16_bits(tmp_path: Path, command: Command) -> None:
    data = tmp_path / "data"
    for index in range(8):
        image, mask = draw(f"train/{index}")
        gray = image.mean(2).astype(np.uint16) * 200
        (data / "images").mkdir(parents=True, exist_ok=True)
        Image.fromarray(gray).save(data / "images" / f"{index}.png")
        if index < 6:
            write(data / "masks" / f"{index}.png", np.where(mask == 1, 255, 0).astype(np.uint8))
    run = tmp_path / "run"
    assert command("train", "--data", data, "--out", run, "--quiet", *flags(steps=2)).code == 0
    done = mutualseg.suggest(str(run), quiet=True)
    assert len(done.suggestions) == 2
    for one in done.suggestions:
        values = np.unique(np.asarray(Image.open(done.out / "masks" / one.mask)))
        assert set(values.tolist()) <= {0, 255}
        content = json.loads((done.out / "labelme" / Path(one.target).with_suffix(".json")).read_text())
        with Image.open(done.out / "labelme" / content["imagePath"]) as view:
            assert view.mode == "RGB"
            assert view.size == (WIDTH, HEIGHT)
    shutil.copytree(done.out / "masks", data / "masks", dirs_exist_ok=True)
    assert len(read_layout(data).labeled) == 8
    assert masks_equal(read_layout(done.out, "cvat").labeled, read_layout(done.out, "folder").labeled)


def masks_equal(drawn: object, written: object) -> bool:
    """Tell whether masks of indices and masks of black and white say the same."""
    from mutualseg.data.mask_codes import BINARY, INDICES

    pairs = list(zip(drawn, written, strict=True))  # type: ignore[call-overload]
    return bool(pairs) and all(
        (INDICES.read(one.mask) == BINARY.read(other.mask)).all() for one, other in pairs
    )


@pytest.mark.slow
def test_overwriting_the_run_takes_its_suggestions_along(run: Path, data: Path, command: Command) -> None:
    assert command("suggest", run, "--count", 1, "--prefill", "none").code == 0
    words = ("train", "--data", data, "--out", run, "--overwrite", "--quiet")
    assert command(*words, *flags(SMALL, steps=1)).code == 0
    assert not (run / "suggested").exists()
