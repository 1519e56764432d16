"""Images of every kind side by side, as the doctor looks at them: each in its own numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mutualseg.data.image_codes import RGB, ImageCode, Pixels
from mutualseg.data.image_kinds import image_kind


def any_reader(channels: int | None = None) -> Callable[[Path], Pixels]:
    """Return a function that reads an image file of any depth and bands, [H,W,C], upright.

    8-bit gray and color come as RGB; others as they are, without alpha.

    Args:
        channels: of `--channels`: a file that does not have so many is refused.
    """

    def read(path: Path) -> Pixels:
        kind = image_kind(path)
        if channels is None and kind.depth == RGB.kind and kind.colors in (1, RGB.channels):
            return RGB.read(path)
        return ImageCode(kind.colors if channels is None else channels, kind.depth).read_unscaled(path)

    return read
