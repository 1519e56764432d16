from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualseg.data.folder import DataFolder, read_folder
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Part, Sample, Split
from mutualseg.data.split_file import read_split, split_to_json, write_split
from mutualseg.data.splits import make_split, require_unlabeled
from mutualseg.errors import DataError, SplitError
from tests.data.made import write_folder, write_image

ROOT = Path("data")


def imagined(name: str, part: Part, masked: bool = True) -> Sample:
    return Sample(ROOT / f"images/{name}.jpg", ROOT / f"masks/{name}.png" if masked else None, name, part)


def imagine(labeled: int, unlabeled: int = 0, val: int = 0, per_video: int = 1) -> DataFolder:
    """Return a data folder without files: names vNN_fNN, `per_video` frames of each video."""
    names = [f"v{index // per_video:02}_f{index:03}" for index in range(labeled + unlabeled)]
    order = list(range(len(names)))
    random.Random(7).shuffle(order)
    masked = set(order[:labeled])
    return DataFolder(
        ROOT,
        train=tuple(imagined(f"train/{name}", "train", i in masked) for i, name in enumerate(names)),
        val=tuple(imagined(f"val/{index}", "val") for index in range(val)),
        test=(imagined("test/0", "test"),),
        classes=("a", "b"),
        class_source="masks",
    )


def names(samples: Sequence[Sample]) -> set[str]:
    return {sample.name for sample in samples}


def video(name: str) -> str:
    return name.split("/")[-1].split("_")[0]


@pytest.mark.parametrize(
    ("total", "labeled", "kept"),
    [
        (367, "1/64", 6),
        (367, "1/32", 12),
        (367, "1/16", 23),
        (367, 23, 23),
        (367, "23", 23),
        (367, "1/1", 367),
        (367, None, 367),
        (10582, "1/16", 662),
        (2975, "1/16", 186),
        (5, "1/16", 1),
    ],
)
def test_how_many_are_kept(total: int, labeled: str | int | None, kept: int) -> None:
    split = make_split(imagine(total, val=3), labeled=labeled)
    assert (len(split.labeled), len(split.unlabeled), len(split.val)) == (kept, total - kept, 3)
    assert split.val_from == "part"
    assert all(sample.mask for sample in split.labeled)
    assert not any(sample.mask for sample in split.unlabeled)


@pytest.mark.parametrize(("total", "held"), [(3, 2), (4, 2), (10, 2), (20, 2), (21, 3), (100, 10), (101, 11)])
def test_how_many_are_held_out(total: int, held: int) -> None:
    split = make_split(imagine(total, unlabeled=5))
    assert len(split.val) == held
    assert len(split.labeled) == total - held
    assert len(split.unlabeled) == 5
    assert split.val_from == "held out"
    assert all(sample.part == "val" and sample.mask for sample in split.val)
    assert f"{held} of {total} labeled images are held out" in split.notes[0]


@settings(max_examples=60, deadline=None)
@given(
    labeled=st.integers(3, 60),
    unlabeled=st.integers(0, 20),
    val=st.sampled_from([0, 4]),
    seed=st.integers(0, 5),
    fraction=st.integers(1, 20),
    shuffle=st.randoms(use_true_random=False),
)
def test_parts_are_disjoint_nested_and_independent_of_order(
    labeled: int, unlabeled: int, val: int, seed: int, fraction: int, shuffle: random.Random
) -> None:
    folder = imagine(labeled, unlabeled, val)
    split = make_split(folder, labeled=f"1/{fraction}", split_seed=seed)
    parts = [names(part) for part in (split.labeled, split.unlabeled, split.val, split.test)]
    everything = names(folder.train) | names(folder.val) | names(folder.test)
    assert sum(map(len, parts)) == len(everything)
    assert set().union(*parts) == everything
    available = labeled - (0 if val else len(split.val))
    assert len(split.labeled) == -(-available // fraction)
    fewer = make_split(folder, labeled=f"1/{2 * fraction}", split_seed=seed)
    assert names(fewer.labeled) <= names(split.labeled)
    assert fewer.val == split.val
    shuffled = list(folder.train)
    shuffle.shuffle(shuffled)
    again = make_split(replace(folder, train=tuple(shuffled)), labeled=f"1/{fraction}", split_seed=seed)
    assert again == split


def test_the_seed_chooses() -> None:
    chosen = {
        tuple(sorted(names(make_split(imagine(60), labeled=5, split_seed=s).labeled))) for s in range(5)
    }
    assert len(chosen) == 5


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [2, 4, 8, 16, 32])
def test_each_of_equal_runs_of_names_has_one_label(count: int, seed: int) -> None:
    folder = imagine(64, val=3)
    order = [sample.name for sample in folder.train]
    chosen = names(make_split(folder, labeled=count, split_seed=seed).labeled)
    assert sorted(order.index(name) * count // 64 for name in chosen) == list(range(count))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [6, 12, 23, 64])
def test_no_long_run_of_names_is_without_a_label(count: int, seed: int) -> None:
    folder = imagine(367, val=3, per_video=10)
    order = [sample.name for sample in folder.train]
    places = sorted(
        order.index(name) for name in names(make_split(folder, labeled=count, split_seed=seed).labeled)
    )
    gaps = [after - before for before, after in itertools.pairwise([0, *places, 367])]
    assert max(gaps) <= 3 * 367 / count


@pytest.mark.parametrize("period", [2, 4, 16])
def test_names_that_repeat_are_not_met_in_step(period: int) -> None:
    """Left and right, tiles of a scene: an even distance would label one side alone."""
    folder = imagine(1024, val=3)
    order = [sample.name for sample in folder.train]
    chosen = names(make_split(folder, labeled="1/16").labeled)
    met = {order.index(name) % period for name in chosen}
    assert len(met) >= 0.8 * period


def test_numbers_in_names_sort_by_value() -> None:
    folder = replace(
        imagine(0, val=3), train=tuple(imagined(f"train/frame_{number}", "train") for number in range(64))
    )
    chosen = names(make_split(folder, labeled=8).labeled)
    assert sorted(int(name.rpartition("_")[2]) // 8 for name in chosen) == list(range(8))


@settings(max_examples=60, deadline=None)
@given(
    labeled=st.integers(12, 60),
    per_video=st.integers(1, 4),
    val=st.sampled_from([0, 4]),
    seed=st.integers(0, 5),
    fraction=st.integers(1, 6),
)
def test_groups_stay_whole(labeled: int, per_video: int, val: int, seed: int, fraction: int) -> None:
    folder = imagine(labeled, 0, val, per_video)
    split = make_split(folder, labeled=f"1/{fraction}", split_seed=seed, group=r"^(v\d+)_")
    videos = [{video(name) for name in names(part)} for part in (split.labeled, split.unlabeled, split.val)]
    assert len(set().union(*videos)) == sum(map(len, videos))
    assert split.labeled
    assert len(split.val) >= 2
    available = labeled - (0 if val else len(split.val))
    assert abs(len(split.labeled) - -(-available // fraction)) <= per_video
    fewer = make_split(folder, labeled=f"1/{2 * fraction}", split_seed=seed, group=r"^v\d+")
    assert names(fewer.labeled) <= names(split.labeled)
    assert fewer.val == split.val


def test_unlabeled_frames_of_held_out_videos_are_not_trained_on() -> None:
    split = make_split(imagine(20, 20, per_video=4), group="^v..")
    held = {video(name) for name in names(split.val)}
    assert not held & {video(name) for name in names(split.unlabeled) | names(split.labeled)}
    assert any("images of their group are in val or test" in note for note in split.notes)
    assert {video(name) for name in names(split.unlabeled)} & {video(name) for name in names(split.labeled)}


def test_training_frames_of_val_videos_are_left_out() -> None:
    folder = replace(imagine(20, per_video=5), val=(imagined("val/v00_f999", "val"),))
    split = make_split(folder, group="^v..")
    assert len(split.labeled) == 15
    assert any(note.startswith("5 training images are left out") for note in split.notes)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", r"--group '\(' is not a regular expression .*; correct it"),
        ("^nothing", r"--group '\^nothing' matches no image name, such as 'v00_f000'; correct"),
        ("^v", "1 groups of labeled images are too few to hold some out"),
    ],
)
def test_groups_that_cannot_be(pattern: str, message: str) -> None:
    with pytest.raises(SplitError, match=message):
        make_split(imagine(20), group=pattern)


@pytest.mark.parametrize(
    ("labeled", "message"),
    [
        (101, "--labeled 101 asks for more than the 90 labeled images"),
        (95, "--labeled 95 asks for more than the 90 labeled images"),
        (0, "--labeled 0 is neither a fraction"),
        ("1/0", "--labeled 1/0 is neither a fraction"),
        ("2/3", "--labeled 2/3 is neither a fraction"),
        ("-4", "--labeled -4 is neither a fraction"),
        ("missing.txt", r"--labeled missing\.txt is neither a fraction.* nor a file of names; give"),
    ],
)
def test_labeled_that_cannot_be(labeled: str | int, message: str) -> None:
    with pytest.raises(SplitError, match=message):
        make_split(imagine(100), labeled=labeled)


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_to_hold_out(count: int) -> None:
    with pytest.raises(SplitError, match=f"no val part, and {count} labeled images are too few"):
        make_split(imagine(count))


def write_list(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    "line",
    [
        "train/v03_f003",
        "v03_f003",
        "v03_f003.jpg",
        "images/train/v03_f003.jpg",
        "./v03_f003.jpg",
        "  v03_f003\r",
    ],
)
def test_lists_name_images_in_several_ways(tmp_path: Path, line: str) -> None:
    path = write_list(tmp_path / "list.txt", "# chosen by hand", "", line, "v05_f005", line)
    split = make_split(imagine(10, val=2), labeled=path)
    assert names(split.labeled) == {"train/v03_f003", "train/v05_f005"}
    assert len(split.unlabeled) == 8


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("v03_f03", r"no training image is called 'v03_f03'; the nearest name is 'v03_f003'"),
        ("val/1", "'val/1' belongs to the val part, which is never trained on"),
        ("a.jpg b.png", r"1 of its 2 names is unknown, line 2: no training image is called 'a.jpg b.png'"),
        ("../../etc/passwd", "no training image is called"),
    ],
)
def test_lists_with_wrong_names(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(SplitError, match=rf"list\.txt: .*{message}"):
        make_split(imagine(10, val=2), labeled=write_list(tmp_path / "list.txt", "v01_f001", line))


def test_lists_that_cannot_be_used(tmp_path: Path) -> None:
    folder = imagine(5, 5, val=2)
    bare = next(sample for sample in folder.train if not sample.mask)
    with pytest.raises(SplitError, match="has no mask; add the mask, or take the name off the list"):
        make_split(folder, labeled=write_list(tmp_path / "bare.txt", bare.name))
    with pytest.raises(SplitError, match="names no image"):
        make_split(folder, labeled=write_list(tmp_path / "empty.txt", "# nothing"))
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SplitError, match="not a text file of names"):
        make_split(folder, labeled=str(tmp_path / "binary.txt"))


def test_bare_file_names_must_be_unique(tmp_path: Path) -> None:
    train = tuple(imagined(f"train/{sub}/x", "train") for sub in ("one", "two"))
    folder = replace(imagine(3, val=2), train=train)
    with pytest.raises(SplitError, match="'x' may mean train/one/x or train/two/x; write the whole name"):
        make_split(folder, labeled=write_list(tmp_path / "list.txt", "x"))
    split = make_split(folder, labeled=write_list(tmp_path / "list.txt", "two/x"))
    assert names(split.labeled) == {"train/two/x"}


def test_listed_images_are_held_out_last(tmp_path: Path) -> None:
    path = write_list(tmp_path / "list.txt", *(f"v{i:02}_f{i:03}" for i in range(18)))
    split = make_split(imagine(20), labeled=path)
    assert len(split.labeled) == 18
    assert names(split.val) == {"train/v18_f018", "train/v19_f019"}
    full = write_list(tmp_path / "full.txt", *(f"v{i:02}_f{i:03}" for i in range(20)))
    split = make_split(imagine(20), labeled=full)
    assert (len(split.labeled), len(split.val)) == (18, 2)
    assert any("2 images of" in note for note in split.notes)


def test_a_list_must_not_divide_a_group(tmp_path: Path) -> None:
    path = write_list(tmp_path / "list.txt", "v00_f000")
    with pytest.raises(SplitError, match=r"names train/v00_f000 but not train/v00_f001 of the same group"):
        make_split(imagine(10, val=2, per_video=2), labeled=path, group="^v..")


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    write_folder(
        tmp_path / "data", ["train/a", "train/b", "train/c", "val/d", "test/e"], ["val/f", "train/g"]
    )
    return read_folder(tmp_path / "data")


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())


def test_unlabeled_folders(data: DataFolder, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    write_image(photos / "one.jpg")
    write_image(photos / "deep/er/one.PNG")
    (photos / "readme.txt").write_text("x")
    write_image(tmp_path / "other/photos/one.jpg")
    for name in ("val/d", "test/e", "val/f", "train/a"):
        copy(data.root / f"images/{name}.png", photos / f"copy of {name}.png")
    split = make_split(data, labeled=2, unlabeled=[photos, tmp_path / "other/photos", photos])
    outside = {s.name: s for s in split.unlabeled if not s.name.startswith("train/")}
    in_use = "train/a" in names(split.labeled)
    assert set(outside) - {"photos/copy of train/a.png"} == {
        "photos/one.jpg",
        "photos/deep/er/one.PNG",
        "photos#2/one.jpg",
    }
    assert ("photos/copy of train/a.png" in outside) != in_use
    assert outside["photos/one.jpg"].image == photos / "one.jpg"
    assert split.notes[1] == "3 --unlabeled files are identical to val or test images and were dropped."
    assert any("listed twice and are taken once" in note for note in split.notes)
    labeled = make_split(data, unlabeled=[photos])
    assert "1 --unlabeled files are identical to labeled training images and were dropped." in labeled.notes


@pytest.mark.parametrize("val", ["part", "held out"])
def test_copies_of_scored_images_are_no_unlabeled_ones(
    tmp_path: Path, val: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    labeled = [f"train/{number:02}" for number in range(12)]
    root = write_folder(
        tmp_path / "data", [*labeled, *(["val/v", "val/w"] if val == "part" else [])], ["train/u", "test/t"]
    )
    scored = make_split(read_folder(root), labeled=1).val[0]
    copy(scored.image, root / "images/train/copy.png")
    copy(root / "images/test/t.png", root / "images/train/deep/copy.png")  # without mask: not scored
    folder = read_folder(root)
    split = make_split(folder, labeled=1)
    assert split.val_from == val
    assert scored.name in names(split.val)
    assert not {"train/copy", "train/deep/copy"} & names(split.unlabeled)
    assert "train/u" in names(split.unlabeled)
    assert "2 unlabeled images are identical to val or test images and were dropped." in split.notes
    write_split(split, root, tmp_path / "split.json")
    assert read_split(tmp_path / "split.json", folder) == split
    again = make_split(folder, labeled=str(tmp_path / "split.json"))
    assert names(again.unlabeled) == names(split.unlabeled)
    monkeypatch.setattr("mutualseg.data.unlabeled.COMPARED", 3)
    many = make_split(folder, labeled=1)
    assert {"train/copy", "train/deep/copy"} < names(many.unlabeled)
    assert "were not compared with those of val and test" in many.notes[-1]


def test_the_data_folder_itself_as_unlabeled_adds_nothing(data: DataFolder) -> None:
    for folder in (data.root, data.root / "images"):
        split = make_split(data, labeled=1, unlabeled=[folder])
        assert names(split.unlabeled) == names(make_split(data, labeled=1).unlabeled)


def test_groups_reach_unlabeled_folders(data: DataFolder, tmp_path: Path) -> None:
    write_image(tmp_path / "photos/d 2.png")
    write_image(tmp_path / "photos/z 2.png")
    split = make_split(data, unlabeled=[tmp_path / "photos"], group=r"^\w+")
    assert {"photos/z 2.png"} == {s.name for s in split.unlabeled if s.name.startswith("photos")}


def test_dangling_links_are_left_to_the_reader(data: DataFolder, tmp_path: Path) -> None:
    write_image(tmp_path / "photos/a.png")
    (tmp_path / "photos/b.png").symlink_to(tmp_path / "gone.png")
    assert len(make_split(data, unlabeled=[tmp_path / "photos"]).unlabeled) == 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "is not a folder; check the path"),
        (lambda path: write_image(path.parent / "nothing.png").rename(path), "is not a folder"),
        (lambda path: path.mkdir(), "holds no image"),
    ],
)
def test_unlabeled_folders_that_cannot_be(
    data: DataFolder, tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    make(tmp_path / "extra")
    with pytest.raises(DataError, match=rf"--unlabeled .*extra {message}"):
        make_split(data, unlabeled=[tmp_path / "extra"])


def test_require_unlabeled() -> None:
    require_unlabeled(make_split(imagine(5, 1, val=2)))
    with pytest.raises(DataError, match=r"no unlabeled image; .*--method labels_only"):
        require_unlabeled(make_split(imagine(5, val=2)))


@pytest.fixture
def written(data: DataFolder, tmp_path: Path) -> tuple[Split, Path]:
    write_image(tmp_path / "photos/one.jpg")
    split = make_split(data, labeled="1/2", unlabeled=[tmp_path / "photos"], split_seed=3)
    write_split(split, data.root, tmp_path / "split.json")
    return split, tmp_path / "split.json"


def test_split_file_round_trip(data: DataFolder, written: tuple[Split, Path]) -> None:
    split, path = written
    assert read_split(path, data) == split
    assert make_split(data, labeled=str(path)) == split
    assert make_split(data, labeled=str(path), split_seed=split.split_seed, group=split.group) == split
    with pytest.raises(SplitError, match="already fixes the split; leave out --split-seed"):
        make_split(data, labeled=str(path), split_seed=split.split_seed + 9)


def test_a_split_file_is_plain_json(data: DataFolder, written: tuple[Split, Path]) -> None:
    """Written in pieces, it must read as `json.dumps` would have written it whole."""
    split, path = written
    text = path.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1) + "\n"
    assert json.loads(text)["unlabeled"] == sorted(names(split.unlabeled) - {"photos/one.jpg"})
    assert list(json.loads(text)["unlabeled_files"]) == ["photos/one.jpg"]
    bare = replace(split, unlabeled=(), test=(), notes=())
    pieces = "".join(split_to_json(bare, data.root))
    assert pieces == json.dumps(json.loads(pieces), indent=1) + "\n"
    assert json.loads(pieces)["unlabeled_files"] == {}


def test_splits_hold_compact_indexes(data: DataFolder, written: tuple[Split, Path]) -> None:
    split, path = written
    assert isinstance(split.unlabeled, SampleIndex)
    again = read_split(path, data)
    assert isinstance(again.unlabeled, SampleIndex)
    assert again == replace(split, unlabeled=tuple(split.unlabeled))
    assert not any(sample.mask for sample in again.unlabeled)


def test_split_file_with_unlabeled_folder_inside_the_data_folder(data: DataFolder, tmp_path: Path) -> None:
    write_image(data.root / "extra/one.jpg")
    split = make_split(data, unlabeled=[data.root / "extra"])
    write_split(split, data.root, tmp_path / "split.json")
    assert read_split(tmp_path / "split.json", data) == split


def test_split_file_keeps_held_out_images(tmp_path: Path) -> None:
    folder = read_folder(write_folder(tmp_path / "data", list("abcdef")))
    split = make_split(folder, labeled=1, split_seed=4)
    write_split(split, folder.root, tmp_path / "split.json")
    again = make_split(folder, labeled=str(tmp_path / "split.json"))
    assert again == split
    assert len(again.val) == 2
    assert again.val_from == "held out"


def test_split_file_with_other_unlabeled_folders(
    data: DataFolder, written: tuple[Split, Path], tmp_path: Path
) -> None:
    split, path = written
    write_image(tmp_path / "more/two.jpg")
    copy(data.root / "images/val/d.png", tmp_path / "more/d.png")
    again = make_split(data, labeled=str(path), unlabeled=[tmp_path / "more"])
    assert again.labeled == split.labeled
    assert names(again.unlabeled) == (names(split.unlabeled) - {"photos/one.jpg"}) | {"more/two.jpg"}


def test_split_file_of_a_changed_folder(
    data: DataFolder, written: tuple[Split, Path], tmp_path: Path
) -> None:
    split, path = written
    with pytest.raises(SplitError, match="already fixes the groups; leave out --group"):
        make_split(data, labeled=str(path), group="a")
    (tmp_path / "photos/one.jpg").unlink()
    with pytest.raises(SplitError, match=r"1 unlabeled images of .* are gone \(.*one\.jpg\); restore"):
        read_split(path, data)
    write_image(tmp_path / "photos/one.jpg")
    first = split.labeled[0]
    bare = replace(data, train=tuple(replace(s, mask=None) if s == first else s for s in data.train))
    with pytest.raises(SplitError, match=f"{first.name} has lost its mask"):
        read_split(path, bare)
    gone = replace(data, train=tuple(s for s in data.train if s != first))
    with pytest.raises(SplitError, match=rf"names 1 images that .* lacks \({first.name}\)"):
        read_split(path, gone)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"labeled": []},
        {"labeled": "train/a"},
        {"labeled": [1]},
        {"unlabeled_files": ["x"]},
        {"unlabeled_files": {"x": 1}},
        {"unlabeled_files": {"x\0": __file__}},
        {"unlabeled_files": {"\ud800": __file__}},
        {"split_seed": "0"},
        {"val_from": "nowhere"},
        {"group": 1},
        {"labeled": ["train/a", "train/a"]},
        {"labeled": ["val/d"]},
        {"unlabeled": ["val/d"]},
    ],
)
def test_split_files_changed_by_hand(
    data: DataFolder, written: tuple[Split, Path], change: dict[str, object]
) -> None:
    path = written[1]
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(SplitError, match=r"split\.json .*make (it|the split) anew"):
        make_split(data, labeled=str(path))


@pytest.mark.parametrize("content", ["", "[]", "null", "{}", "\x00"])
def test_what_is_no_split_file(data: DataFolder, tmp_path: Path, content: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(SplitError, match=r"bad\.json is not .*make it anew with `mutualseg split`"):
        make_split(data, labeled=str(tmp_path / "bad.json"))
