"""What the pixels of mask files mean: a code maps gray values or colors to class indices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from mutualseg.data.mask_pixels import HIGHEST, MaskPixels, pack_colors, read_mask_pixels
from mutualseg.errors import MaskError

# The same number as types.IGNORE_INDEX, which costs the import of torch.
IGNORE = 255

Indices = npt.NDArray[np.uint8]
Color = tuple[int, int, int]
Kind = Literal["indices", "values", "colors"]

_UNKNOWN = -1


@dataclass(frozen=True)
class MaskCode:
    """A map from what masks hold to class indices, 255 where the class is unknown.

    The map is total: what is not in it is refused, or ignored, as `others` says.
    """

    kind: Kind = "indices"
    """Whether gray values (palette positions) are the indices, or are mapped, or colors are mapped."""
    table: tuple[tuple[int, int], ...] = ()
    """(value or packed color, class index or 255), ascending; empty for `indices`."""
    others: Literal["refuse", "ignore"] = "refuse"
    """What a value or color that the table lacks means."""

    @classmethod
    def of_values(
        cls, index_of: Mapping[int, int], others: Literal["refuse", "ignore"] = "refuse"
    ) -> MaskCode:
        """Return the code that gives each gray value (0 to 65535) a class index, or 255 to ignore it."""
        return cls("values", tuple(sorted(index_of.items())), others)

    @classmethod
    def of_colors(
        cls, index_of: Mapping[Color, int], others: Literal["refuse", "ignore"] = "refuse"
    ) -> MaskCode:
        """Return the code that gives each RGB color a class index, or 255 to ignore it."""
        packed = {int(pack_colors(np.array(color, np.uint8))): index for color, index in index_of.items()}
        return cls("colors", tuple(sorted(packed.items())), others)

    def ignoring(self, value: int | None, count: int) -> MaskCode:
        """Return the code of `count` classes to which one more gray value means "class unknown".

        Raises:
            MaskError: It is no value that a mask can hold.
        """
        if value is None:
            return self
        if not 0 <= value < 2**16:
            raise MaskError(f"--ignore {value} is no mask value; give a whole number from 0 to 65535.")
        if self.kind == "indices":
            if value == IGNORE:
                return self
            return MaskCode.of_values(
                {index: index for index in range(count)} | {IGNORE: IGNORE, value: IGNORE}
            )
        if self.kind == "colors":
            extra = {value * 0x010101: IGNORE} if value <= IGNORE else {}
        else:
            extra = {value: IGNORE}
        return replace(self, table=tuple(sorted((dict(self.table) | extra).items())))

    def read(self, path: Path) -> Indices:
        """Read a mask file as class indices.

        Returns:
            uint8 [H,W]; 255 where the class is unknown.

        Raises:
            ImageError: The file is missing or broken.
            MaskError: It holds what this code does not know.
        """
        return self.decode(read_mask_pixels(path), path)

    def decode(self, pixels: MaskPixels, path: Path) -> Indices:
        """Return the class indices, uint8 [H,W], of pixels that were read; `path` is for messages."""
        if self.kind == "colors":
            return self._mapped(pixels.as_colors(), path)
        if pixels.values is None:
            assert pixels.colors is not None
            raise MaskError(
                f"{path} is a color image ({len(np.unique(pixels.colors))} colors), not class indices; save "
                "it as the other masks are, or name the color of every class in dataset.yaml."
            )
        if self.kind == "values":
            return self._mapped(pixels.values, path)
        high = int(pixels.values.max())
        if high > IGNORE:
            raise MaskError(
                f"{path} holds values up to {high}, but class indices end at 254 and 255 means ignore; name "
                "the value of every class under `values` in dataset.yaml."
            )
        return pixels.values.astype(np.uint8)

    def encode(self, indices: Indices) -> Image.Image:
        """Return the image that `read` would read as these indices, [H,W] uint8.

        Where several values mean one class the first is taken.

        Raises:
            MaskError: an index has no value or color.
        """
        if self.kind == "indices":
            return Image.fromarray(indices)
        value_of = {index: value for value, index in reversed(self.table)}
        missing = sorted(set(np.unique(indices).tolist()) - set(value_of))
        if missing:
            raise MaskError(f"Class {missing[0]} has no value in the mask code; add it to the table.")
        table = np.zeros(256, np.uint32)
        for index, value in value_of.items():
            table[index] = value
        mapped = table[indices]
        if self.kind == "colors":
            return Image.fromarray(np.stack([mapped >> 16, mapped >> 8, mapped], -1).astype(np.uint8))
        return Image.fromarray(mapped.astype(np.uint8 if table.max() <= IGNORE else np.uint16))

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for a file: `kind`, and a readable `table`."""
        if self.kind == "indices":
            return {"kind": self.kind}
        is_colored = self.kind == "colors"
        return {
            "kind": self.kind,
            "table": {color_name(key) if is_colored else key: index for key, index in self.table},
            "others": self.others,
        }

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> MaskCode:
        """Return what `to_plain` returned."""
        table = values.get("table", {})
        keys = {int(key[1:], 16) if isinstance(key, str) else key: index for key, index in table.items()}
        return cls(values["kind"], tuple(sorted(keys.items())), values.get("others", "refuse"))

    def _mapped(self, found: npt.NDArray[Any], path: Path) -> Indices:
        indices = _look_up(self, found)
        unknown = indices == _UNKNOWN
        if unknown.any():
            if self.others == "refuse":
                raise MaskError(f"{path} holds {self._strangers(found[unknown])}.")
            indices[unknown] = IGNORE
        return indices.astype(np.uint8)

    def _strangers(self, found: npt.NDArray[Any]) -> str:
        keys = np.unique(found).tolist()
        names = [str(key) if self.kind == "values" else color_name(key) for key in keys[:5]]
        more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
        noun = "value" if self.kind == "values" else "color"
        return (
            f"the {noun} {', '.join(names)}{more}, which no class has; add it to the {noun}s of the class "
            f"list, or set such pixels to a {noun} that has one"
        )


def color_name(packed: int) -> str:
    """Return a packed color as people write it, such as #804080."""
    return f"#{packed:06x}" if packed <= 0xFFFFFF else "a gray value above 255"


def _look_up(code: MaskCode, found: npt.NDArray[Any]) -> npt.NDArray[np.int16]:
    keys, indices = _arrays(code)
    if code.kind == "values":
        mapped: npt.NDArray[np.int16] = indices[found]
        return mapped
    places = np.searchsorted(keys, found).clip(max=len(keys) - 1)
    return np.where(keys[places] == found, indices[places], np.int16(_UNKNOWN))


@lru_cache(maxsize=8)
def _arrays(code: MaskCode) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int16]]:
    """Return ascending colors and their indices; of values the index of every value there is."""
    keys = np.array([key for key, _ in code.table], np.uint32)
    indices = np.array([index for _, index in code.table], np.int16)
    if code.kind == "colors":
        return keys, indices
    full = np.full(HIGHEST + 1, _UNKNOWN, np.int16)
    full[keys] = indices
    return keys, full


INDICES = MaskCode()
"""Masks of class indices."""

BINARY = MaskCode.of_values({0: 0, 255: 1})
"""Two classes, written as black and white."""
