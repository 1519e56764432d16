from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mutualseg.data import generated
from mutualseg.data.generated import CLASSES, GENERATED_LABELED, PARTS, draw_scene, generated_folder
from mutualseg.data.scenes import DISTRACTORS, OBJECTS
from mutualseg.errors import DataError


class Part(NamedTuple):
    images: NDArray[np.uint8]  # [N,H,W,3]
    masks: NDArray[np.uint8]  # [N,H,W]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole data set, drawn once for this file."""
    return generated_folder(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def parts(folder: Path) -> dict[str, Part]:
    def read(kind: str, part: str) -> NDArray[np.uint8]:
        return np.stack([np.asarray(Image.open(path)) for path in sorted((folder / kind / part).iterdir())])

    return {part: Part(read("images", part), read("masks", part)) for part in PARTS}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shrink the data set to a few scenes."""
    monkeypatch.setattr(generated, "PARTS", {"train": 3, "val": 1, "test": 1})


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, small: None) -> list[tuple[int, str, int]]:
    """The shrunk data set's calls of draw_scene, as they happen."""
    calls: list[tuple[int, str, int]] = []

    def spy(seed: int, part: str, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        calls.append((seed, part, index))
        return draw_scene(seed, part, index)

    monkeypatch.setattr(generated, "draw_scene", spy)
    return calls


# One scene


def test_a_scene_has_the_promised_shapes_and_types() -> None:
    image, mask = draw_scene(0, "train", 0)
    assert image.shape == (128, 128, 3)
    assert mask.shape == (128, 128)
    assert image.dtype == mask.dtype == np.uint8
    assert mask.max() < len(CLASSES)


def test_a_scene_depends_on_its_arguments_and_on_nothing_else() -> None:
    image, mask = draw_scene(3, "val", 7)
    draw_scene(3, "val", 8)
    again = draw_scene(3, "val", 7)
    np.testing.assert_array_equal(image, again[0])
    np.testing.assert_array_equal(mask, again[1])
    for other in ((4, "val", 7), (3, "test", 7), (3, "val", 8)):
        assert not np.array_equal(image, draw_scene(*other)[0])
        assert not np.array_equal(mask, draw_scene(*other)[1])


@pytest.mark.parametrize("size", [64, 96, 200])
def test_a_larger_scene_shows_the_same_things(size: int) -> None:
    image, mask = draw_scene(0, "train", 1, size=size)
    _, reference = draw_scene(0, "train", 1)
    assert image.shape == (size, size, 3)
    shrunk = np.asarray(Image.fromarray(mask).resize((128, 128), Image.Resampling.NEAREST))
    assert (shrunk == reference).mean() > 0.9


# The task


def test_both_shape_and_texture_are_needed() -> None:
    shapes, textures = zip(*OBJECTS.values(), strict=True)
    assert set(Counter(shapes).values()) == {2}
    assert set(Counter(textures).values()) == {2}
    assert set(shapes) <= set(DISTRACTORS)


@pytest.mark.parametrize("part", PARTS)
def test_every_class_covers_one_percent_of_every_part(parts: dict[str, Part], part: str) -> None:
    shares = np.bincount(parts[part].masks.ravel(), minlength=len(CLASSES)) / parts[part].masks.size
    assert len(shares) == len(CLASSES)
    assert shares.min() >= 0.01


@pytest.mark.parametrize("balanced", [False, True], ids=["as counted", "classes weighted equally"])
def test_color_alone_does_not_separate_the_classes(parts: dict[str, Part], balanced: bool) -> None:
    """The best classifier by color alone (a joint histogram) hardly beats calling all of it background."""

    def cells(images: NDArray[np.uint8]) -> NDArray[np.int64]:
        coarse = (images // 32).astype(np.int64)
        return (coarse[..., 0] * 8 + coarse[..., 1]) * 8 + coarse[..., 2]

    count = len(CLASSES)
    train, val = parts["train"], parts["val"]
    votes = np.bincount((cells(train.images) * count + train.masks).ravel(), minlength=512 * count)
    table = votes.reshape(512, count) / (votes.reshape(512, count).sum(axis=0) if balanced else 1)
    guess = table.argmax(axis=1)[cells(val.images)]

    confusion = np.bincount((val.masks * count + guess).ravel(), minlength=count**2).reshape(count, count)
    hits = np.diag(confusion)
    miou = (hits / (confusion.sum(axis=0) + confusion.sum(axis=1) - hits)).mean()
    majority = confusion.sum(axis=1)[0] / confusion.sum()
    assert hits.sum() / confusion.sum() < majority + 0.01
    assert miou < majority / count + 0.03


# The folder


def test_the_folder_is_an_ordinary_data_folder(folder: Path, parts: dict[str, Part]) -> None:
    assert (folder / "classes.txt").read_text().splitlines() == list(CLASSES)
    assert PARTS["train"] > GENERATED_LABELED
    for part, count in PARTS.items():
        images = sorted(path.name for path in (folder / "images" / part).iterdir())
        assert images == sorted(path.name for path in (folder / "masks" / part).iterdir())
        assert len(images) == count
        assert parts[part].images.shape == (count, 128, 128, 3)
        assert parts[part].masks.shape == (count, 128, 128)
    image, mask = draw_scene(generated.SEED, "val", 5)
    np.testing.assert_array_equal(parts["val"].images[5], image)
    np.testing.assert_array_equal(parts["val"].masks[5], mask)


def test_no_image_is_in_two_places(parts: dict[str, Part]) -> None:
    seen = Counter(image.tobytes() for part in parts.values() for image in part.images)
    assert len(seen) == sum(PARTS.values())


def test_a_second_call_draws_nothing(tmp_path: Path, drawn: list[tuple[int, str, int]]) -> None:
    folder = generated_folder(tmp_path)
    assert len(drawn) == 5
    assert generated_folder(tmp_path) == folder
    assert len(drawn) == 5
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("missing", ["classes.txt", "masks/train/002.png", "images/val/000.png"])
def test_an_incomplete_folder_is_drawn_again(tmp_path: Path, small: None, missing: str) -> None:
    folder = generated_folder(tmp_path)
    (folder / missing).unlink()
    (folder / "images/train/000.png").write_bytes(b"left over")
    assert generated_folder(tmp_path) == folder
    assert (folder / missing).is_file()
    np.testing.assert_array_equal(
        np.asarray(Image.open(folder / "images/train/000.png")), draw_scene(0, "train", 0)[0]
    )
    assert list(tmp_path.iterdir()) == [folder]


def test_an_interruption_leaves_no_folder(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(seed: int, part: str, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        if part == "val":
            raise KeyboardInterrupt
        return draw_scene(seed, part, index)

    with monkeypatch.context() as patch:
        patch.setattr(generated, "draw_scene", interrupt)
        with pytest.raises(KeyboardInterrupt):
            generated_folder(tmp_path)
    assert not list(tmp_path.iterdir())
    assert (generated_folder(tmp_path) / "images/val/000.png").is_file()


def test_who_finishes_second_takes_the_first_ones_folder(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    write: Callable[[Path], None] = generated._write
    firsts: list[Path] = []

    def write_after_another(folder: Path) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(generated, "_write", write)
            firsts.append(generated_folder(tmp_path))
        (firsts[0] / "from the first").touch()
        write(folder)

    monkeypatch.setattr(generated, "_write", write_after_another)
    assert generated_folder(tmp_path) == firsts[0]
    assert (firsts[0] / "from the first").exists()
    assert list(tmp_path.iterdir()) == firsts


def test_many_at_once_get_one_complete_folder(tmp_path: Path, small: None) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(generated_folder, [tmp_path] * 8))
    assert list(tmp_path.iterdir()) == list(folders)
    assert generated._is_complete(folders.pop())


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"MUTUALSEG_CACHE": "own", "XDG_CACHE_HOME": "xdg"}, "own"),
        ({"MUTUALSEG_CACHE": "", "XDG_CACHE_HOME": "xdg"}, "xdg/mutualseg"),
        ({}, ".cache/mutualseg"),
    ],
)
def test_the_cache_follows_the_environment(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("MUTUALSEG_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
        if name in variables:
            monkeypatch.setenv(name, variables[name] and str(tmp_path / variables[name]))
    assert generated_folder().parent == tmp_path / expected


def test_a_cache_that_cannot_be_written_is_a_typed_error(tmp_path: Path, small: None) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="MUTUALSEG_CACHE"):
        generated_folder(tmp_path / "file")
