"""Lists of labeled images, as the published code bases write them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutualseg.data.file_names import KIND_ENDINGS, without_ending
from mutualseg.data.labeled_list import find_listed
from mutualseg.data.name_lists import Line, read_lines
from mutualseg.data.name_lookup import NameLookup, nearest_listed
from mutualseg.data.sample_index import SampleIndex
from mutualseg.data.samples import Part, Sample
from mutualseg.errors import SplitError

ROOT = Path("/data/set")
CITY = "aachen/aachen_000000_000019"


def voc(stem: str, part: Part = "train", named: bool = True, masks: str = "SegmentationClass") -> Sample:
    return Sample(
        ROOT / f"JPEGImages/{stem}.jpg",
        ROOT / f"{masks}/{stem}.png",
        f"{part}/{stem}" if named else stem,
        part,
    )


def cityscapes(stem: str, part: Part = "train", kind: str = "labelIds") -> Sample:
    return Sample(
        ROOT / f"leftImg8bit/{part}/{stem}_leftImg8bit.png",
        ROOT / f"gtFine/{part}/{stem}_gtFine_{kind}.png",
        f"{part}/{stem}",
        part,
    )


def own(name: str, part: Part = "train") -> Sample:
    return Sample(ROOT / f"images/{name}.png", ROOT / f"masks/{name}.png", name, part)


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def listed(
    path: Path, train: Iterable[Sample], others: Iterable[Sample] = (), notes: list[str] | None = None
) -> list[str]:
    notes = [] if notes is None else notes
    found = find_listed(path, ROOT, SampleIndex.of(tuple(train)), tuple(others), notes)
    return [sample.name for sample in found]


VOC_LINES = [
    "2007_000032",
    "2007_000032\r",
    "2007_000032   ",
    "JPEGImages/2007_000032",
    "JPEGImages/2007_000032.jpg",
    "/JPEGImages/2007_000032.jpg",
    "VOC2012/JPEGImages/2007_000032.jpg",
    "/somewhere/else/VOC2012/JPEGImages/2007_000032.jpg",
    "/data/set/JPEGImages/2007_000032.jpg",
    "JPEGImages\\2007_000032.jpg",
    "JPEGImages/2007_000032.jpg SegmentationClass/2007_000032.png",
    "JPEGImages/2007_000032.jpg\tSegmentationClass/2007_000032.png\t",
    "JPEGImages/2007_000032.jpg,SegmentationClass/2007_000032.png",
    "JPEGImages/2007_000032.jpg , SegmentationClass/2007_000032.png",
    "2007_000032.jpg 2007_000032.png",
    "2007_000032 2007_000032",
    "/JPEGImages/2007_000032.jpg /SegmentationClassAug/2007_000032.png",
]


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("line", VOC_LINES)
def test_voc(tmp_path: Path, line: str, named: bool) -> None:
    train = [
        voc("2007_000032", named=named),
        voc("2007_000033", named=named),
        voc("2008_000032", named=named),
    ]
    others = [voc("2007_000042", "val", named=named)]
    assert listed(write(tmp_path / "list.txt", line), train, others) == [train[0].name]


CITY_LINES = [
    f"leftImg8bit/train/{CITY}_leftImg8bit.png",
    f"leftImg8bit/train/{CITY}_leftImg8bit.png gtFine/train/{CITY}_gtFine_labelTrainIds.png",
    f"leftImg8bit/train/{CITY}_leftImg8bit.png\tgtFine/train/{CITY}_gtFine_labelIds.png",
    f"/leftImg8bit/train/{CITY}_leftImg8bit.png",
    f"train/{CITY}",
    f"train/{CITY}_leftImg8bit.png",
    CITY,
    f"{CITY}_leftImg8bit",
    "aachen_000000_000019",
    "aachen_000000_000019_leftImg8bit.png",
    f"cityscapes/leftImg8bit/train/{CITY}_leftImg8bit.png",
]


@pytest.mark.parametrize("line", CITY_LINES)
def test_cityscapes(tmp_path: Path, line: str) -> None:
    stems = [CITY, "aachen/aachen_000001_000019", "bochum/bochum_000000_000019"]
    others = [cityscapes("lindau/lindau_000000_000019", "val")]
    notes: list[str] = []
    path = write(tmp_path / "list.txt", line)
    assert listed(path, map(cityscapes, stems), others, notes) == [f"train/{CITY}"]
    assert notes == []


@pytest.mark.parametrize("line", [CITY_LINES[1], CITY_LINES[0], VOC_LINES[10]])
def test_lists_fit_a_copy_in_images_and_masks(tmp_path: Path, line: str) -> None:
    train = [own(f"train/{CITY}_leftImg8bit"), own("train/2007_000032"), own("train/2007_000033")]
    (name,) = listed(write(tmp_path / "list.txt", line), train)
    assert name == ("train/2007_000032" if "2007" in line else f"train/{CITY}_leftImg8bit")


def test_masks_come_from_the_data_folder(tmp_path: Path) -> None:
    stems = ("2007_000032", "2007_000033")
    path = write(
        tmp_path / "list.txt",
        *(f"/JPEGImages/{stem}.jpg /SegmentationClassAug/{stem}.png" for stem in stems),
    )
    notes: list[str] = []
    assert len(listed(path, map(voc, stems), notes=notes)) == 2
    (note,) = notes
    assert "names masks in SegmentationClassAug; those of /data/set/SegmentationClass are used" in note


@pytest.mark.parametrize(
    "second", ["SegmentationClass/2007_000033.png", "2007_000033.png", "3", "2007_000032.jpg 7"]
)
def test_the_mask_of_another_image(tmp_path: Path, second: str) -> None:
    path = write(tmp_path / "list.txt", "2007_000033", f"JPEGImages/2007_000032.jpg {second}")
    message = (
        rf"list\.txt: line 2 has '{second}' beside train/2007_000032, whose mask is "
        r"/data/set/SegmentationClass/2007_000032\.png; correct the line"
    )
    with pytest.raises(SplitError, match=message):
        listed(path, [voc("2007_000032"), voc("2007_000033")])


def test_the_mask_of_another_folder_of_images(tmp_path: Path) -> None:
    path = write(tmp_path / "list.txt", "images/a/1.png masks/b/1.png")
    with pytest.raises(SplitError, match=r"line 1 has 'masks/b/1\.png' beside a/1, whose mask is"):
        listed(path, [own("a/1"), own("b/1")])


def test_masks_may_be_named_in_another_way_than_their_images(tmp_path: Path) -> None:
    sample = Sample(ROOT / "images/0001.png", ROOT / "labels/0001_L.png", "0001", "train")
    assert listed(write(tmp_path / "list.txt", "images/0001.png labels/0001_L.png"), [sample]) == ["0001"]


def test_names_with_blanks_commas_and_dots(tmp_path: Path) -> None:
    train = [own("my image"), own("my"), own("a, b"), own("v1.2"), own("x.png")]
    lines = ["my image", "my image.png my image.png", "a, b", "a, b.png\tmasks/a, b.png", "v1.2", "x.png.png"]
    notes: list[str] = []
    found = listed(write(tmp_path / "list.txt", *lines), train, notes=notes)
    assert found == ["a, b", "my image", "v1.2", "x.png"]
    assert notes == [f"2 lines of {tmp_path / 'list.txt'} name an image again; each image is taken once."]


def test_foreign_folders_with_blanks(tmp_path: Path) -> None:
    """Of "/home/My" and "Photos/a.jpg" only one has a suffix: that is no pair of columns."""
    path = write(tmp_path / "list.txt", "/home/My Photos/a.jpg")
    assert listed(path, [own("a"), own("b")]) == ["a"]


def test_accents_spelled_in_two_characters(tmp_path: Path) -> None:
    assert listed(write(tmp_path / "list.txt", "cafe\u0301"), [own("caf\u00e9")]) == ["caf\u00e9"]


@pytest.mark.parametrize(
    ("line", "train"),
    [
        ("b/1", ["a/1"]),
        ("images/b/1.png", ["a/1", "c/1"]),
        ("val/1", ["train/1"]),
        ("images/val/1.png", ["train/1"]),
        ("1", ["train/11", "train/a1"]),
        ("JPEGImages/0.jpg SegmentationClass/1.png", ["train/1"]),
        ("JPEGImages/0.jpg,SegmentationClass/1.png", ["train/1"]),
        ("JPEGImages/0 SegmentationClass/1", ["train/1"]),
        ("_leftImg8bit", ["train/1"]),
    ],
)
def test_folders_and_parts_that_contradict_find_nothing(tmp_path: Path, line: str, train: list[str]) -> None:
    with pytest.raises(SplitError, match="no training image is called"):
        listed(write(tmp_path / "list.txt", line), [own(name) for name in train])


def test_the_longest_agreement_wins(tmp_path: Path) -> None:
    train = [own("x"), own("two/x"), own("one/two/x")]
    for line, name in (("x", "x"), ("JPEGImages/two/x.jpg", "two/x"), ("all/one/two/x.png", "one/two/x")):
        assert listed(write(tmp_path / "list.txt", line), train) == [name]
    with pytest.raises(SplitError, match=r"line 1: 'x' may mean a/x or b/x; write the whole name"):
        listed(write(tmp_path / "list.txt", "x"), [own("a/x"), own("b/x")])


def test_unknown_names_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "list.txt", "", "# names", "2007_000033", "2007_00032", "2009_1", "2007_000032")
    message = (
        r"list\.txt: 2 of its 4 names are unknown, line 4: no training image is called '2007_00032'; "
        r"the nearest name is '2007_000032'; correct the list\."
    )
    with pytest.raises(SplitError, match=message):
        listed(path, [voc("2007_000032"), voc("2007_000033")])


def test_the_nearest_name_among_many() -> None:
    train = [own(f"train/frame_{number:05}") for number in range(12_000)]
    assert nearest_listed("images/train/frame_07x77.png", train) in {
        f"frame_07{digit}77" for digit in range(10)
    }
    deep = [own(f"train/a/frame_{number:02}") for number in range(20)]
    assert nearest_listed("JPEGImages/b/frame_7.jpg", deep) in {f"a/frame_{tens}7" for tens in range(2)}


def test_val_images_of_pairs(tmp_path: Path) -> None:
    path = write(
        tmp_path / "list.txt", "2007_000032", "JPEGImages/2007_000033.jpg SegmentationClass/2007_000033.png"
    )
    with pytest.raises(SplitError, match=r"line 2: 'JPEGImages/2007_000033\.jpg' belongs to the val part"):
        listed(path, [voc("2007_000032")], [voc("2007_000033", "val")])


@pytest.mark.parametrize("content", [b"", b"\n \r\n# x\n", b"\x00\x01", b"\xff\xfea\x00"])
def test_what_is_no_list(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(SplitError, match=r"list\.txt (names no image|is not a text file of names); give"):
        read_lines(tmp_path / "list.txt")


def test_byte_order_marks_and_line_ends(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfa\r\nb \t\rc\n\n  d")
    assert read_lines(tmp_path / "list.txt") == [Line(1, "a"), Line(2, "b"), Line(3, "c"), Line(5, "d")]


@pytest.mark.parametrize("ending", KIND_ENDINGS)
def test_endings(ending: str) -> None:
    assert without_ending(f"a{ending}") == "a"
    assert without_ending(ending) == ending
    assert without_ending(f"{ending}a") == f"{ending}a"


folders = st.lists(st.sampled_from(["a", "b", "c d", "e,f"]), max_size=2).map(tuple)
stems = st.sampled_from(["1", "2 3", "4, 5", "6.7", "8_leftImg8bit", "9.png"])


@settings(max_examples=200, deadline=None)
@given(
    places=st.sets(st.tuples(folders, stems), min_size=1, max_size=8),
    chosen=st.data(),
    part=st.sampled_from(["", "train/"]),
    gap=st.sampled_from([None, " ", "\t", ",", " , "]),
)
def test_every_full_name_finds_its_image(
    tmp_path_factory: pytest.TempPathFactory,
    places: set[tuple[tuple[str, ...], str]],
    chosen: st.DataObject,
    part: str,
    gap: str | None,
) -> None:
    train = [own(part + "/".join((*folder, stem))) for folder, stem in sorted(places)]
    wanted = chosen.draw(st.lists(st.sampled_from(train), min_size=1))
    texts = []
    for sample in wanted:
        image, mask = (str(path.relative_to(ROOT)) for path in (sample.image, sample.mask or ROOT))
        text = image if gap is None else f"{image}{gap}{mask}"
        texts.append(chosen.draw(st.sampled_from([text, f"/{text}", f"./{text}", f"{ROOT}/{text}"])))
    path = write(tmp_path_factory.mktemp("lists") / "list.txt", *texts)
    assert listed(path, train) == sorted({sample.name for sample in wanted})


def test_only_what_is_asked_for_is_kept() -> None:
    train = SampleIndex.of([own(f"train/{number}") for number in range(100)])
    lookup = NameLookup(train, ROOT, ["7"])
    assert [sample.name for sample in lookup.find("7")] == ["train/7"]
    assert lookup.find("8") == []
