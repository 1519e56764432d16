"""Images of every kind side by side, as the doctor looks at them: each in its own numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mutualseg.data.image_codes import RGB, ImageCode, Pixels
from mutualseg.data.image_kinds import image_kind
from mutualseg.data.image_mixture import kind_name

_GRAY_OR_RGB = (1, 3)


class AnyImage(NamedTuple):
    """An image that was read."""

    kind: str
    """As `image_mixture.kind_name` has it."""
    pixels: Pixels
    """[H,W,C], upright."""


def any_reader(channels: int | None = None) -> Callable[[Path], AnyImage]:
    """Return a function that reads an image file of any depth and bands.

    8-bit gray and color come as RGB; others as they are, without alpha.

    Args:
        channels: of `--channels`: a file that cannot be read with so many is refused.
    """

    def read(path: Path) -> AnyImage:
        kind = image_kind(path)
        is_common = kind.colors in _GRAY_OR_RGB
        if channels is None:
            code = RGB if kind.depth == RGB.kind and is_common else ImageCode(kind.colors, kind.depth)
        else:
            code = ImageCode(channels, kind.depth)
        # Of --channels 4, four colors and RGB with alpha are the same; gray and RGB are never told apart.
        own = kind.colors if is_common and code.channels in _GRAY_OR_RGB else code.channels
        return AnyImage(kind_name(kind.depth, own), code.read_unscaled(path))

    return read
