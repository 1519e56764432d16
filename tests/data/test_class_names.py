"""Which classes a folder of masks has, and how its masks hold them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mutualseg.data.class_names import Classes, read_classes
from mutualseg.data.mask_codes import BINARY, INDICES
from mutualseg.errors import DataError, MaskError
from tests.data.made import write_mask

ROAD, SKY, TREE = (128, 64, 128), (70, 130, 180), (107, 142, 35)


def classes_of(root: Path, *arrays: object, ignore: int | None = None) -> tuple[Classes, list[Path]]:
    paths = []
    for number, array in enumerate(arrays):
        paths.append(root / f"{number}.png")
        image = array if isinstance(array, Image.Image) else Image.fromarray(np.array(array, np.uint8))
        image.save(paths[-1])
    return read_classes(root, paths, ignore=ignore), paths


def test_0_and_255_over_all_masks_are_two_classes(tmp_path: Path) -> None:
    found, paths = classes_of(tmp_path, [[0, 0]], [[255, 0]])
    assert found.names == ("background", "foreground")
    assert found.code == BINARY
    assert found.code.read(paths[1]).tolist() == [[1, 0]]
    assert "--ignore 255 if 255 means unknown" in found.notes[0]


def test_0_and_255_take_the_names_of_a_class_list_of_two(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("healthy\ntumor\n")
    found, _ = classes_of(tmp_path, [[0, 255]])
    assert (found.names, found.source, found.code) == (("healthy", "tumor"), "classes.txt", BINARY)


def test_0_and_255_against_three_classes(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    with pytest.raises(MaskError, match=r"only 0 and 255.*classes\.txt names 3; say --ignore 255"):
        classes_of(tmp_path, [[0, 255]])
    found, _ = classes_of(tmp_path, [[0, 255]], ignore=255)
    assert found.code == INDICES


@pytest.mark.parametrize("third", [1, 254])
def test_a_third_value_makes_255_ignore(tmp_path: Path, third: int) -> None:
    (tmp_path / "classes.txt").write_text("".join(f"{i}\n" for i in range(255)))
    found, paths = classes_of(tmp_path, [[0, 255, third]])
    assert found.code.read(paths[0]).tolist() == [[0, 255, third]]


def test_scribbles_with_void_say_so(tmp_path: Path) -> None:
    found, paths = classes_of(tmp_path, [[0, 255]], [[1, 255]])
    assert found.code.read(paths[1]).tolist() == [[1, 255]]
    with pytest.raises(MaskError, match="only class 0"):
        classes_of(tmp_path, [[0, 255]], ignore=255)


def test_ignore_is_settable(tmp_path: Path) -> None:
    found, paths = classes_of(tmp_path, [[0, 1, 200, 2]], ignore=200)
    assert len(found.names) == 3
    assert found.code.read(paths[0]).tolist() == [[0, 1, 255, 2]]


def test_ignoring_0_counts_classes_from_1(tmp_path: Path) -> None:
    found, paths = classes_of(tmp_path, [[0, 1, 3]], ignore=0)
    assert found.names == ("class 1", "class 2", "class 3")
    assert found.code.read(paths[0]).tolist() == [[255, 0, 2]]
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    assert classes_of(tmp_path, [[0, 1, 3]], ignore=0)[0].code == found.code


def test_an_ignore_that_is_no_value(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match="--ignore 70000 is no mask value"):
        classes_of(tmp_path, [[0, 1]], ignore=70000)


def test_colors_are_discovered_and_shown(tmp_path: Path) -> None:
    found, paths = classes_of(tmp_path, [[SKY, (0, 0, 0)]], [[ROAD, SKY]])
    assert found.names == ("#000000", "#4682b4", "#804080")
    assert found.code.read(paths[1]).tolist() == [[2, 1]]
    assert "#000000, #4682b4, #804080" in found.notes[0]


def test_colors_that_a_class_list_names(tmp_path: Path) -> None:
    (tmp_path / "dataset.yaml").write_text(
        "classes: [road, sky]\ncolors: {road: [128, 64, 128], sky: ['#4682b4', [1, 2, 3]], ignore: [0, 0, 0]}"
    )
    found, paths = classes_of(tmp_path, [[SKY, (0, 0, 0), (1, 2, 3), ROAD]])
    assert found.names == ("road", "sky")
    assert found.code.read(paths[0]).tolist() == [[1, 255, 1, 0]]


def test_values_that_a_class_list_names(tmp_path: Path) -> None:
    (tmp_path / "dataset.yaml").write_text("classes: [road, sky]\nvalues: {road: 80, sky: [160, 161]}")
    found, paths = classes_of(tmp_path, [[80, 161, 160, 255]])
    assert found.code.read(paths[0]).tolist() == [[0, 1, 1, 255]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labelmap.txt", "# label:color_rgb:parts:actions\nroad:128,64,128::\nsky:70,130,180::\n"),
        ("class_dict.csv", "name,r,g,b\nroad,128,64,128\nsky, 70, 130, 180\nvoid,0,0,0\n"),
        ("label_colors.txt", "128 64 128\troad\n70 130 180\t\tsky\n0 0 0\tVoid\n"),
    ],
)
def test_color_lists_of_labeling_tools(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    found, paths = classes_of(tmp_path, [[SKY, ROAD]])
    assert (found.names, found.source) == (("road", "sky"), name)
    assert found.code.read(paths[0]).tolist() == [[1, 0]]


def test_a_color_list_beside_the_class_list_gives_colors_alone(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("sky\nroad\n")
    (tmp_path / "labelmap.txt").write_text("road:128,64,128::\nsky:70,130,180::\n")
    found, paths = classes_of(tmp_path, [[SKY, ROAD]])
    assert found.names == ("sky", "road")
    assert found.code.read(paths[0]).tolist() == [[0, 1]]
    (tmp_path / "labelmap.txt").write_text("road:128,64,128::\ntree:70,130,180::\n")
    with pytest.raises(DataError, match=r"labelmap\.txt and classes\.txt do not name the same .*'tree'"):
        classes_of(tmp_path, [[SKY, ROAD]])


def test_gray_indices_beside_a_color_list_stay_indices(tmp_path: Path) -> None:
    (tmp_path / "labelmap.txt").write_text("road:128,64,128::\nsky:70,130,180::\n")
    assert classes_of(tmp_path, [[0, 1, 255]])[0].code == INDICES


def test_palettes_that_differ_make_positions_meaningless(tmp_path: Path) -> None:
    images = []
    for order in ([*ROAD, *SKY], [*SKY, *ROAD]):
        image = Image.fromarray(np.array([[0, 1]], np.uint8))
        image.putpalette(order)
        images.append(image)
    found, paths = classes_of(tmp_path, *images)
    assert [found.code.read(path).tolist() for path in paths] == [[[1, 0]], [[0, 1]]]
    same, _ = classes_of(tmp_path, images[0], images[0])
    assert same.code == INDICES


def test_names_are_not_guessed_for_colors(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("road\nsky\n")
    with pytest.raises(MaskError, match=r"2 colors \(#4682b4, #804080\), and classes\.txt does not say"):
        classes_of(tmp_path, [[SKY, ROAD]])


def test_too_many_colors_are_no_classes(tmp_path: Path) -> None:
    blend = np.linspace(ROAD, SKY, 200).reshape(1, 200, 3)
    with pytest.raises(MaskError, match=r"colors or more .*0\.png.*too many for classes, as blended edges"):
        classes_of(tmp_path, blend)


def test_gray_levels_are_no_indices(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match=r"hold the values 0, 100, 200, which look like gray.*`values`"):
        classes_of(tmp_path, [[0, 100, 200]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("values: [1]", "has 1 entries for 2 classes"),
        ("values: {road: 1}", "lacks the class 'sky'"),
        ("values: {road: 1, sky: 1}", "gives 1 to two classes"),
        ("values: {road: 1, sea: 2}", "names 'sea', which is no class"),
        ("values: {road: x, sky: 2}", "'road' in `values` is 'x'; give whole numbers"),
        ("values: 5", "must map class names to their values"),
        ("colors: {road: [1, 2], sky: [1, 2, 3]}", "is 1; give colors as"),
        ("colors: {road: '#12345', sky: [1, 2, 3]}", "give colors as"),
        ("colors: {road: [1, 2, 300], sky: [1, 2, 3]}", "give colors as"),
        ("values: [1, 2]\ncolors: [[1, 2, 3], [2, 3, 4]]", "remove the other"),
    ],
)
def test_malformed_codes(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "dataset.yaml").write_text(f"classes: [road, sky]\n{text}\n")
    with pytest.raises(DataError, match=message) as caught:
        classes_of(tmp_path, [[0, 1]])
    assert "\n" not in str(caught.value)


def test_one_color_image_among_indices_is_a_stray(tmp_path: Path) -> None:
    found, paths = classes_of(tmp_path, [[0, 1, 2]], [[ROAD, SKY, SKY]])
    assert found.code == INDICES
    with pytest.raises(MaskError, match=r"1\.png is a color image"):
        found.code.read(paths[1])


def test_an_all_black_mask_among_colored_ones_is_no_index(tmp_path: Path) -> None:
    found, paths = classes_of(tmp_path, [[(0, 0, 0), (0, 0, 0)]], [[ROAD, (0, 0, 0)]])
    assert found.code.read(paths[0]).tolist() == [[0, 0]]
    assert found.code.read(paths[1]).tolist() == [[1, 0]]


def test_colors_of_a_class_list_are_those_of_pictures(tmp_path: Path) -> None:
    mask = write_mask(tmp_path / "masks/a.png", (0, 1, 255))
    (tmp_path / "label_colors.txt").write_text("9 8 7 ground\n1 2 3 disc\n0 0 0 Void\n4 5 6 box\n")
    assert read_classes(tmp_path, [mask]).colors == ((9, 8, 7), (1, 2, 3), (4, 5, 6))
    (tmp_path / "label_colors.txt").unlink()
    assert read_classes(tmp_path, [mask]).colors is None


def test_colors_of_masks_are_those_of_pictures(tmp_path: Path) -> None:
    pixels = np.array([[[0, 0, 0], [7, 8, 9]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert read_classes(tmp_path, [tmp_path / "a.png"]).colors == ((0, 0, 0), (7, 8, 9))


COLOR_LISTS = {
    "class_dict.csv": "name,r,g,b\nbackground,0,0,0\nroad,255,255,255\n",
    "labelmap.txt": "background:0,0,0::\nroad:255,255,255::\n",
    "label_colors.txt": "0 0 0 background\n255 255 255 road\n",
    "dataset.yaml": "classes: [background, road]\ncolors: ['#000000', '#ffffff']\n",
}


@pytest.mark.parametrize("name", COLOR_LISTS)
@pytest.mark.parametrize("pixels", [[[0, 255]], [[[0] * 3, [255] * 3]]])
def test_black_and_white_by_a_color_list(tmp_path: Path, name: str, pixels: object) -> None:
    (tmp_path / name).write_text(COLOR_LISTS[name])
    found, paths = classes_of(tmp_path, pixels, [[0, 0]])
    assert found.names == ("background", "road")
    assert found.code.read(paths[0]).tolist() == [[0, 1]]
    indices, paths = classes_of(tmp_path, [[0, 1, 255]])  # which the list has no color for
    assert indices.code.read(paths[0]).tolist() == [[0, 1, 255]]


def test_a_color_list_with_void_beside_classes_txt(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("sky\nroad\n")
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nroad,128,64,128\nsky,70,130,180\nvoid,0,0,0\n")
    found, paths = classes_of(tmp_path, [[ROAD, SKY, (0, 0, 0)]])
    assert found.code.read(paths[0]).tolist() == [[1, 0, 255]]


def test_the_last_mask_counts_for_ignoring_0(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    found, paths = classes_of(tmp_path, *[[[0, 1, 2]]] * 30, [[0, 3]], ignore=0)
    assert found.code.read(paths[-1]).tolist() == [[255, 2]]
    assert found.notes == ("With --ignore 0 the mask value 1 is 'a'.",)
    kept, _ = classes_of(tmp_path, [[0, 1, 2]], ignore=0)
    assert kept.notes == ("With --ignore 0 the mask value 1 is 'b'.",)


def test_the_last_palette_counts(tmp_path: Path) -> None:
    (tmp_path / "dataset.yaml").write_text("classes: [road, sky]\ncolors: {road: '#804080', sky: '#4682b4'}")
    images = []
    for order in [[*ROAD, *SKY]] * 20 + [[*SKY, *ROAD]]:
        image = Image.fromarray(np.array([[0, 1]], np.uint8))
        image.putpalette(order)
        images.append(image)
    found, paths = classes_of(tmp_path, *images)
    assert found.code.read(paths[-1]).tolist() == [[1, 0]]
    (tmp_path / "dataset.yaml").unlink()
    (tmp_path / "classes.txt").write_text("road\nsky\n")
    with pytest.raises(MaskError, match="does not say which is which"):
        classes_of(tmp_path, *images)


def test_colors_beside_classes_txt(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("sky\nroad\n")
    (tmp_path / "dataset.yaml").write_text("colors: {road: '#804080', sky: '#4682b4'}\n")
    found, paths = classes_of(tmp_path, [[ROAD, SKY]])
    assert (found.names, found.source) == (("sky", "road"), "classes.txt")
    assert found.code.read(paths[0]).tolist() == [[1, 0]]
    (tmp_path / "dataset.yaml").write_text("classes: [road, sky]\n")
    with pytest.raises(DataError, match=r"dataset\.yaml and classes\.txt name other classes"):
        classes_of(tmp_path, [[0, 1]])
    (tmp_path / "dataset.yaml").write_text("names: [of, another, tool]\n")
    assert classes_of(tmp_path, [[0, 1]])[0].names == ("sky", "road")


@pytest.mark.parametrize("values", [[0, 10, 20, 30], [0, *range(1, 256)], [0, 255, *range(3, 250, 4)]])
def test_levels_of_gray_and_smoothed_edges(tmp_path: Path, values: list[int]) -> None:
    with pytest.raises(MaskError, match=r"look like gray levels \(or smoothed edges\)"):
        classes_of(tmp_path, [values])


def test_indices_that_no_mask_holds_are_said(tmp_path: Path) -> None:
    found, _ = classes_of(tmp_path, [[0, 1, 4]])
    assert found.notes[0].startswith("No mask holds 2, 3: these classes count, and have no pixel (if")


def test_black_and_white_among_indices_is_doubted(tmp_path: Path) -> None:
    found, paths = classes_of(tmp_path, *[[[0, 255]]] * 5, [[0, 1]])
    assert found.code == INDICES
    assert "5 masks hold 0 and 255 alone" in found.warnings[0]
    assert str(paths[5]) in found.warnings[0]
    assert classes_of(tmp_path, *[[[0, 255]]] * 5, [[0, 1]], ignore=255)[0].warnings == ()


def test_a_gray_mask_among_colored_ones_is_named(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match=r"5\.png is gray with small values, but most masks"):
        classes_of(tmp_path, *[[[ROAD, SKY]]] * 5, [[0, 1]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colours: {road: '#804080'}", "has the unknown key `colours`; did you mean `colors`"),
        ("Class: [road]", "did you mean `classes`"),
        ("ignore: 0", "`ignore` belongs below `values` or `colors`; or say --ignore N"),
    ],
)
def test_misspelled_keys(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "dataset.yaml").write_text(f"classes: [road, sky]\npath: /data\n{text}\n")
    with pytest.raises(DataError, match=message):
        classes_of(tmp_path, [[0, 1]])


def test_one_class_under_another_number(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match="only class 1, and two classes are needed"):
        classes_of(tmp_path, [[1, 255]])
