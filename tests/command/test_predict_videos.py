"""Video files: their frames as numbered masks, overlay videos, and what cannot be read of them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mutualseg
from mutualseg.evaluation import large_images
from mutualseg.predicting import video_extra
from mutualseg.predicting.video import OverlayVideo, Video
from mutualseg.predictor import Predictor
from tests.command.conftest import Command
from tests.command.made import CLASSES, HEIGHT, PROGRAM, WIDTH, Pixels, draw, files_below, write_photos

cv2 = pytest.importorskip("cv2")


@pytest.fixture(scope="module")
def predictor(finished: Path) -> Predictor:
    return mutualseg.load(finished)


def write_film(
    path: Path, count: int = 12, code: str = "MJPG", size: tuple[int, int] = (HEIGHT, WIDTH)
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = size
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*code), 10, (width, height))
    for index in range(count):
        writer.write(np.ascontiguousarray(draw(f"film/{index}")[0][:height, :width, ::-1]))
    writer.release()
    return path


def frames_of(path: Path) -> list[Pixels]:
    """Return RGB frames as OpenCV itself reads them."""
    capture = cv2.VideoCapture(str(path))
    found: list[Pixels] = []
    while True:
        there, frame = capture.read()
        if not there:
            return found
        found.append(np.ascontiguousarray(frame[..., ::-1]))


def indices(path: Path | str) -> Pixels:
    with Image.open(path) as mask:
        return np.array(mask)


def test_frames_are_numbered_masks_in_a_folder_of_the_video_s_name(
    finished: Path, predictor: Predictor, command: Command
) -> None:
    film = write_film(Path("films/trip/one.avi"))
    write_photos(Path("films"), ("a.png",))
    outcome = command("predict", finished, "films", "--out", "out")
    assert (outcome.code, outcome.out, outcome.err) == (0, "13 masks written to out\n", "")
    assert files_below(Path("out")) == {
        *("a.png", "trip", "trip/one"),
        *(f"trip/one/{number:06d}.png" for number in range(12)),
    }
    frames = frames_of(film)
    assert len(frames) == 12
    for number, frame in enumerate(frames):
        assert np.array_equal(indices(f"out/trip/one/{number:06d}.png"), predictor.predict(frame))


@pytest.mark.parametrize(("name", "code"), [("one.mp4", "mp4v"), ("one.MOV", "mp4v"), ("one.mkv", "MJPG")])
def test_every_third_frame(
    finished: Path, predictor: Predictor, command: Command, name: str, code: str
) -> None:
    film = write_film(Path(name), code=code)
    outcome = command("predict", finished, film, "--out", "out", "--every", 3, "--json")
    assert outcome.code == 0, outcome
    assert json.loads(outcome.out) == {
        "written": [f"out/one/{number:06d}.png" for number in (0, 3, 6, 9)],
        "skipped": [],
    }
    frames = frames_of(film)
    for number in (0, 3, 6, 9):
        assert np.array_equal(indices(f"out/one/{number:06d}.png"), predictor.predict(frames[number]))


def test_an_overlay_of_a_video_is_a_video(finished: Path, command: Command) -> None:
    film = write_film(Path("films/one.avi"))
    words = ("--save", "overlay,confidence,polygons", "--every", 2, "--json")
    outcome = command("predict", finished, film, "--out", "out", *words)
    assert outcome.code == 0, outcome
    kinds = json.loads(outcome.out)["kinds"]
    assert kinds["overlay"] == ["out/overlay/one.mp4"]
    assert kinds["confidence"] == [f"out/confidence/one/{number:06d}.png" for number in range(0, 12, 2)]
    assert len(kinds["polygons"]) == 6
    content = json.loads(Path(kinds["polygons"][1]).read_text(encoding="utf-8"))
    assert content["imagePath"] == "000002.png"
    shown = frames_of(Path("out/overlay/one.mp4"))
    assert [frame.shape for frame in shown] == [(HEIGHT, WIDTH, 3)] * 6
    assert cv2.VideoCapture("out/overlay/one.mp4").get(cv2.CAP_PROP_FPS) == 5  # as long as the video itself
    assert files_below(Path("out/overlay")) == {"one.mp4"}


@pytest.mark.slow
def test_videos_that_cannot_be_read_are_listed_and_the_rest_is_done(
    finished: Path,
) -> None:
    write_photos(Path("films"), ("z.png",))
    short = write_film(Path("films/short.avi"), count=30)
    content = short.read_bytes()
    short.write_bytes(content[: len(content) // 2])
    broken = write_film(Path("films/broken.mp4"), code="mp4v")
    broken.write_bytes(broken.read_bytes()[:2000])
    Path("films/none.mp4").write_bytes(b"")
    # In a process of its own, for ffmpeg prints past Python if it is let.
    words = ["predict", str(finished), "films", "--out", "out", "--save", "index,overlay"]
    done = subprocess.run([*PROGRAM, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert [line.split()[1].rstrip(":") for line in lines] == [
        "films/broken.mp4",
        "films/none.mp4",
        "films/short.avi",
    ]
    assert "is no video that can be read" in lines[0]
    assert len(lines) == 3
    assert "of 30 frames can be read" in lines[2]
    assert Path("out/z.png").is_file()
    assert Path("out/short/000005.png").is_file()
    assert Path("out/overlay/short.mp4").is_file()
    assert not Path("out/broken").exists()


def test_a_broken_frame_is_named(tmp_path: Path) -> None:
    film = write_film(tmp_path / "one.avi", count=40)
    content = bytearray(film.read_bytes())
    start = content.index(b"00dc", len(content) // 2)
    length = int.from_bytes(content[start + 4 : start + 8], "little")
    content[start + 8 : start + 8 + length] = bytes(length)
    film.write_bytes(content)
    video = Video(film)
    numbers = [frame.number for frame in video.frames()]
    video.close()
    missing = sorted(set(range(40)) - set(numbers))
    assert len(missing) == 1
    assert video.problem() == (f"{film}: frame {missing[0]} cannot be read; the others were segmented.")


def test_a_video_without_its_package(
    finished: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = write_film(Path("films/one.avi"))
    write_photos(Path("films"), ("a.png",))
    monkeypatch.setattr(video_extra, "find_spec", lambda name: None)
    outcome = command("predict", finished, film, "--out", "out")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "opencv-python-headless is needed; pip install 'mutualseg[video]'" in outcome.err
    outcome = command("predict", finished, "films", "--out", "out")
    assert outcome.code == 1
    assert outcome.out == "1 mask written to out\n"
    assert "skipped: To read the video films/one.avi" in outcome.err


def test_large_frames_are_looked_at_in_windows(
    finished: Path, predictor: Predictor, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = write_film(Path("one.avi"), count=3)
    monkeypatch.setattr(large_images, "LARGEST_LOGITS", 4 * len(CLASSES) * 1000)
    monkeypatch.setattr(large_images, "LARGE_WINDOW", 40)
    assert command("predict", finished, film, "--out", "out", "--save", "index,confidence").code == 0
    for number, frame in enumerate(frames_of(film)):
        assert np.array_equal(indices(f"out/one/{number:06d}.png"), predictor.predict(frame, window=40))


def test_a_video_with_odd_sides_loses_a_line(tmp_path: Path) -> None:
    with OverlayVideo(tmp_path / "new/a.mp4", 8.0) as video:
        for _ in range(5):
            video.add(np.full((33, 47, 3), (200, 40, 40), np.uint8))
        assert not (tmp_path / "new/a.mp4").exists()
    frames = frames_of(tmp_path / "new/a.mp4")
    assert [frame.shape for frame in frames] == [(32, 46, 3)] * 5
    assert np.abs(frames[2].astype(int) - (200, 40, 40)).max() < 12


def test_a_narrow_video_and_one_whose_size_changes_have_all_frames(tmp_path: Path) -> None:
    for name, sizes, shape in (
        ("thin.mp4", [(32, 1)] * 3, (32, 16, 3)),
        ("changed.mp4", [(32, 48), (32, 48), (64, 64)], (32, 48, 3)),
    ):
        with OverlayVideo(tmp_path / name, 8.0) as video:
            for size in sizes:
                video.add(np.full((*size, 3), (200, 40, 40), np.uint8))
        frames = frames_of(tmp_path / name)
        assert [frame.shape for frame in frames] == [shape] * 3
        assert np.abs(frames[2].astype(int) - (200, 40, 40)).max() < 12


def test_an_overlay_video_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with OverlayVideo(tmp_path / "b.mp4", 8.0) as video:
            video.add(np.zeros((32, 32, 3), np.uint8))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []
