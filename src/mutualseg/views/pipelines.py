"""From one loaded image to the views a batch holds: geometry once, then colors, then padding, then CutMix.

Each part draws from its own generator, derived from the one passed in, so turning a part off leaves what
the others draw unchanged. Colors come before padding: gray padding would otherwise shift contrast and
histogram, and blur into the image.

A call makes the views. `uncolored` leaves the colors to `batched_photometric.py`, which changes those of a
whole batch where the networks are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mutualseg.errors import ConfigError
from mutualseg.seeding import generator_at
from mutualseg.types import ColorSteps, LabeledCrop, UnlabeledCrop
from mutualseg.views import photometric
from mutualseg.views.color_steps import apply_steps, check_image
from mutualseg.views.cutmix import check_cutmix, draw_keep
from mutualseg.views.geometry import Geometry, check_geometry, draw_geometry


def _derive(generator: torch.Generator) -> int:
    """Draw the one number from which all parts of a sample derive their generators."""
    return int(torch.randint(2**62, (), generator=generator))


def _check_weak(strength: float) -> None:
    if not 0 <= strength <= 1:
        raise ConfigError(f"weak_strength is {strength}; give 0 (off) to 1")


@dataclass(frozen=True)
class LabeledViews:
    """Make the training crop of a labeled image."""

    crop: int
    """Side of the square crop in pixels."""
    scale: tuple[float, float] = (0.5, 2.0)
    """Smallest and largest scale factor; [1, 1] is off."""
    flip: bool = True
    """Mirror left to right half the time."""
    weak_strength: float = 0.2
    """Weak color jitter in [0, 1]; 0 is off."""

    def __post_init__(self) -> None:
        check_geometry(self.crop, self.scale)
        _check_weak(self.weak_strength)

    def __call__(
        self, image: Tensor, mask: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return (image, mask, valid) of one random crop.

        Args:
            image: [C,H,W], uint8 or float32 in [0, 1].
            mask: [H,W] uint8 class indices, 255 where unknown.
            generator: CPU generator addressed by this sample; one number is drawn from it.

        Returns:
            [C,c,c] like the image; [c,c] int64, 255 where unknown or padded; [c,c] bool, False where padded.

        Raises:
            ImageError: The image is something else.
            MaskError: The mask's size is not the image's.
        """
        geometry, colors = self._draw(image, generator)
        colored = apply_steps(geometry.cut(image), colors)
        return geometry.pad(colored), geometry.apply_mask(mask).long(), geometry.valid()

    def uncolored(self, image: Tensor, mask: Tensor, generator: torch.Generator) -> LabeledCrop:
        """Return the same crop with its color changes drawn, not made; arguments and errors as of a call."""
        geometry, colors = self._draw(image, generator)
        return LabeledCrop(
            geometry.apply(image),
            geometry.apply_mask(mask).long(),
            geometry.valid(),
            torch.tensor(geometry.content),
            colors,
        )

    def _draw(self, image: Tensor, generator: torch.Generator) -> tuple[Geometry, ColorSteps]:
        check_image(image)
        seed = _derive(generator)
        height, width = image.shape[-2:]
        geometry = draw_geometry(
            generator_at(seed, "geometry"), (height, width), self.crop, scale=self.scale, flip=self.flip
        )
        return geometry, photometric.draw_weak(generator_at(seed, "weak"), strength=self.weak_strength)


NOT_SET_BY_USERS = ("crop", "strong_views")
"""Arguments of `UnlabeledViews` that other options and the method decide."""


@dataclass(frozen=True)
class UnlabeledViews:
    """Make the weak and the strong views of one crop of an unlabeled image, with a CutMix mask for each."""

    crop: int
    """Side of the square crop in pixels."""
    scale: tuple[float, float] = (0.5, 2.0)
    """Smallest and largest scale factor; [1, 1] is off."""
    flip: bool = True
    """Mirror left to right half the time."""
    weak_strength: float = 0.2
    """Weak color jitter in [0, 1]; 0 is off."""
    strong: bool = True
    """Off: the strong view is the weak view."""
    strong_recipe: photometric.Recipe = "compose"
    """one_of: MKD's, one of the operations; compose: UniMatch's, each with its own chance."""
    strong_operations: Sequence[str] | None = None
    """Names of the operations to use; None for all of the recipe's, empty for the plain crop."""
    strong_count: int = 1
    """How many distinct operations "one_of" applies."""
    cutmix_boxes: int = 3
    """Number of CutMix boxes; 0 is off."""
    cutmix_share: tuple[float, float] = (0.25, 0.5)
    """Range of the area that all boxes together would cover if they did not overlap."""
    strong_views: int = 1
    """How many strong views, 1 or 2, each with colors and boxes of its own (UniMatch)."""

    def __post_init__(self) -> None:
        check_geometry(self.crop, self.scale)
        _check_weak(self.weak_strength)
        photometric.strong_operations(self.strong_recipe, self.strong_operations, self.strong_count)
        check_cutmix(self.cutmix_boxes, self.cutmix_share)
        if self.strong_views not in (1, 2):
            raise ConfigError(f"strong_views is {self.strong_views}; a method asks for 1 or 2")

    def __call__(self, image: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Return (weak, strong, valid, keep) of one random crop; the views are aligned by pixel.

        Args:
            image: [C,H,W], uint8 or float32 in [0, 1].
            generator: CPU generator addressed by this sample; one number is drawn from it.

        Returns:
            [C,c,c] like the image; [C,c,c]; [c,c] bool, False where padded; [1,c,c] bool, the CutMix mask.
            With two strong views, also the second one and its CutMix mask.

        Raises:
            ImageError: The image is something else.
        """
        geometry, weak, strong = self._draw(image, generator)
        plain = geometry.cut(image)

        def view(colors: ColorSteps) -> Tensor:
            return geometry.pad(apply_steps(plain, colors))

        (first, keep), *second = strong
        views = (view(weak), view(first), geometry.valid(), keep)
        return views + tuple(part for colors, mask in second for part in (view(colors), mask))

    def uncolored(self, image: Tensor, generator: torch.Generator) -> UnlabeledCrop:
        """Return the same crop with its color changes drawn, not made; arguments and errors as of a call."""
        geometry, weak, strong = self._draw(image, generator)
        content = torch.tensor(geometry.content)
        (first, keep), *second = strong
        more = second[0] if second else ()
        return UnlabeledCrop(geometry.apply(image), geometry.valid(), keep, content, weak, first, *more)

    def _draw(
        self, image: Tensor, generator: torch.Generator
    ) -> tuple[Geometry, ColorSteps, list[tuple[ColorSteps, Tensor]]]:
        """Return the geometry, the weak colors, and the colors and CutMix mask of each strong view."""
        check_image(image)
        seed = _derive(generator)
        height, width = image.shape[-2:]
        geometry = draw_geometry(
            generator_at(seed, "geometry"), (height, width), self.crop, scale=self.scale, flip=self.flip
        )
        weak = photometric.draw_weak(generator_at(seed, "weak"), strength=self.weak_strength)
        strong = [self._draw_strong(seed, index, weak) for index in range(self.strong_views)]
        return geometry, weak, strong

    def _draw_strong(self, seed: int, index: int, weak: ColorSteps) -> tuple[ColorSteps, Tensor]:
        # The first one has the address that it has where there is only one.
        place = () if index == 0 else (index,)
        colors = weak
        if self.strong:
            colors = photometric.draw_strong(
                generator_at(seed, "strong", *place),
                recipe=self.strong_recipe,
                operations=self.strong_operations,
                count=self.strong_count,
            )
        keep = draw_keep(
            generator_at(seed, "cutmix", *place),
            (self.crop, self.crop),
            boxes=self.cutmix_boxes,
            share=self.cutmix_share,
        )
        return colors, keep
