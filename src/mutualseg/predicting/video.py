"""Frames of video files, by OpenCV, and overlay videos."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mutualseg.atomic_files import replacing
from mutualseg.data.regular_files import open_regular
from mutualseg.data.size_limit import refuse_huge
from mutualseg.errors import ImageError

if TYPE_CHECKING:
    import cv2

_LEAST_SHARE = 0.98
"""Of the frames that a file announces, which is often a guess: with fewer it was cut short."""
_MOST_BROKEN = 25
"""Frames in a row that cannot be read, after which a video is taken to have ended."""
_LEAST_SIDE = 16
"""Of an overlay video: a block of the encoder."""
_FRAMES_PER_SECOND = 25.0
"""Where a file does not say."""


class Frame(NamedTuple):
    """A picture of a video."""

    number: int
    """From 0 on, in the video itself."""
    pixels: npt.NDArray[np.uint8]
    """RGB, [H,W,3], turned as the video says."""


class Video:
    """An opened video file.

    Raises:
        ImageError: it cannot be opened, or its frames are too large.
    """

    def __init__(self, path: Path) -> None:
        with open_regular(path):
            pass  # no pipe or device, which may never end
        cv2 = _opencv()
        self.path = path
        self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            raise ImageError(f"{path} is no video that can be read, or is cut short; replace or delete it.")
        width, height, count, rate = (
            float(self._capture.get(key))
            for key in (
                cv2.CAP_PROP_FRAME_WIDTH,
                cv2.CAP_PROP_FRAME_HEIGHT,
                cv2.CAP_PROP_FRAME_COUNT,
                cv2.CAP_PROP_FPS,
            )
        )
        refuse_huge(path, int(height), int(width), 3)
        self.announced = int(count) if 0 < count < 2**31 else None
        """Frames that the file says it has, if it does."""
        self.rate = rate if 0 < rate < 1000 else _FRAMES_PER_SECOND
        """Frames a second."""
        self.broken: list[int] = []
        """Numbers of frames that could not be read so far."""
        self.read = 0
        """Frames that were gone over so far."""

    def frames(self, every: int = 1) -> Iterator[Frame]:
        """Yield every so many-th frame, the first one first; those that cannot be read are noted."""
        import cv2

        failed = 0
        while failed < _MOST_BROKEN:
            is_wanted = self.read % every == 0
            found, pixels = self._next(is_wanted)
            if found:
                failed = 0
                if pixels is not None:
                    yield Frame(self.read, np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)))
            elif self.announced is None or self.read >= self.announced:
                break
            else:
                failed += 1
                self.broken.append(self.read)
            self.read += 1
        self._forget_the_end(failed)

    def problem(self) -> str | None:
        """Return what was wrong with the frames once all were gone over, None if nothing was."""
        if self.read == 0:
            return f"{self.path} has no frame that can be read; replace or delete it."
        if self.broken:
            shown = ", ".join(map(str, self.broken[:5])) + (", ..." if len(self.broken) > 5 else "")
            plural = "s" if len(self.broken) > 1 else ""
            return f"{self.path}: frame{plural} {shown} cannot be read; the others were segmented."
        if self.announced is not None and self.read < _LEAST_SHARE * self.announced - 1:
            return (
                f"{self.path} is cut short: {self.read} of {self.announced} frames can be read, and were "
                "segmented; replace it, or delete it."
            )
        return None

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _next(self, is_wanted: bool) -> tuple[bool, Any]:
        import cv2

        try:
            if not self._capture.grab():
                return False, None
            return self._capture.retrieve() if is_wanted else (True, None)
        except cv2.error:
            return False, None

    def _forget_the_end(self, failed: int) -> None:
        """Take frames that were announced, but are not there, for the end of the video."""
        if failed:
            del self.broken[-failed:]
            self.read -= failed


class OverlayVideo:
    """A video that takes frames one by one, and appears once it is closed without an error.

    Args:
        path: an .mp4 file.
        rate: frames a second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self.path = path
        self._rate = rate
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._stack = ExitStack()

    def __enter__(self) -> OverlayVideo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.release()
        self._stack.__exit__(kind, error, trace)

    def add(self, picture: npt.NDArray[np.uint8]) -> None:
        """Append an RGB picture [H,W,3]; one of another size than the first is resized to it.

        Raises:
            OSError: the video cannot be written.
        """
        cv2 = _opencv()
        # The encoder halves colors in both directions: a last odd line or column is left out.
        # It spoils sides of a few pixels: there the last line is repeated.
        height, width = (max(_LEAST_SIDE, side - side % 2) for side in picture.shape[:2])
        missing = [(0, max(0, _LEAST_SIDE - side)) for side in picture.shape[:2]]
        picture = np.pad(picture, [*missing, (0, 0)], "edge")
        picture = picture[:height, :width]
        if self._writer is None:
            self._size = width, height
            self.path.parent.mkdir(parents=True, exist_ok=True)
            partial = self._stack.enter_context(
                replacing(self.path, self.path.with_name(f"{self.path.name}.partial.mp4"))
            )
            code = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(partial), cv2.CAP_FFMPEG, code, self._rate, (width, height))
            if not self._writer.isOpened():
                raise OSError(None, "the video encoder refused it", str(self.path))
        if self._size != (width, height):  # the encoder would leave it out without a word
            picture = cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA)
        self._writer.write(cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2BGR))


def _opencv() -> Any:
    """Return OpenCV, told to print nothing and to open nothing but files."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # read when it is imported
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "protocol_whitelist;file")
    import cv2

    # For a program that has imported it before; OpenCV 4 and 5 call it differently.
    set_log_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
    set_log_level(0)  # silent
    return cv2
