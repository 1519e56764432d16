"""Draw one scene of the embedded data set: an image and its mask, from nothing but numbers.

The object classes are pairs of a shape and a texture: every class shares its shape with one other class and
its texture with another, so that both must be recognized. Colors tell nothing, because objects, background
and clutter draw theirs from one distribution. The same shapes without a texture are background.
"""

from __future__ import annotations

import colorsys
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from mutualseg.addressing import address
from mutualseg.data.patterns import SHAPES, TEXTURES, Floats, turned

SCENE_SIZE = 128
"""Side of a scene in pixels; every length below is for this size and grows with it."""

OBJECTS = {
    "striped disk": ("disk", "stripes"),
    "dotted disk": ("disk", "dots"),
    "dotted cross": ("cross", "dots"),
    "checkered cross": ("cross", "checks"),
    "checkered ring": ("ring", "checks"),
    "striped ring": ("ring", "stripes"),
}
"""Shape and texture of each object class; class index = position + 1."""

DISTRACTORS = ("disk", "cross", "ring", "star", "blob")
"""Shapes that are background when they have no texture."""

CLASSES: tuple[str, ...] = ("background", *OBJECTS)
"""Class names by index."""

_MARGIN = 56  # drawn around the scene and cut off, so that objects may cross the border


class _Scene(NamedTuple):
    """A scene being drawn, with its margin; the arrays are painted in place."""

    image: Floats
    """[S,S,3] float32, 0 to 1."""
    mask: NDArray[np.uint8]
    """[S,S] class indices."""
    light: float
    """Direction that the light comes from, in radians."""
    unit: float
    """Pixels per unit of length."""


def draw_scene(
    seed: int, part: str, index: int, size: int = SCENE_SIZE
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw one scene, a pure function of the arguments.

    Args:
        seed: Seed of the data set.
        part: Part of the data set, such as "train"; parts share no scene.
        index: Number of the scene within its part.
        size: Side of the scene in pixels.

    Returns:
        The image, uint8 [size,size,3], and its mask of class indices, uint8 [size,size].
    """
    rng = np.random.default_rng(address(seed, "scene", part, index))
    unit = size / SCENE_SIZE
    margin = round(_MARGIN * unit)
    image = np.zeros((size + 2 * margin, size + 2 * margin, 3), np.float32)
    scene = _Scene(image, np.zeros(image.shape[:2], np.uint8), rng.uniform(0, 2 * np.pi), unit)
    inside = (slice(margin, margin + size),) * 2
    scene.image[inside] = _background(rng, size)
    for _ in range(rng.integers(2, 7)):  # litter behind
        center = rng.uniform(0, SCENE_SIZE, size=2)
        _stamp(scene, rng, str(rng.choice(["bar", "blob"])), "plain", 0, rng.uniform(5, 18), center)
    centers: list[NDArray[np.float64]] = []
    for shape, texture, label in _cast(rng):
        centers.append(_free_spot(rng, centers))
        _stamp(scene, rng, shape, texture, label, rng.uniform(18, 30), centers[-1])
    for _ in range(rng.integers(0, 3)):  # twigs in front
        _stamp(scene, rng, "bar", "plain", 0, rng.uniform(12, 28), rng.uniform(0, SCENE_SIZE, size=2))
    return _photograph(scene.image[inside], rng, scene.light, unit), scene.mask[inside].copy()


def _cast(rng: np.random.Generator) -> list[tuple[str, str, int]]:
    """Draw what appears in a scene, back to front: (shape, texture, label)."""
    picks = rng.choice(len(OBJECTS), size=rng.integers(3, 6), replace=False)
    objects = [(*list(OBJECTS.values())[pick], int(pick) + 1) for pick in picks]
    others = [(str(shape), "plain", 0) for shape in rng.choice(DISTRACTORS, size=rng.integers(0, 3))]
    cast = objects + others
    return [cast[place] for place in rng.permutation(len(cast))]


def _free_spot(rng: np.random.Generator, taken: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return which of a few random spots is farthest from those taken: overlap is rare, not absent."""
    spots = rng.uniform(6, SCENE_SIZE - 6, size=(5, 2))
    room = [min((float(np.hypot(*(spot - other))) for other in taken), default=0.0) for spot in spots]
    return np.asarray(spots[int(np.argmax(room))])


def _stamp(
    scene: _Scene,
    rng: np.random.Generator,
    shape: str,
    texture: str,
    label: int,
    radius: float,
    center: NDArray[np.float64],
) -> None:
    """Paint one shape and its shadow over the scene, at a center (row, column)."""
    row, column = (center + _MARGIN) * scene.unit
    radius *= scene.unit
    stretch = np.exp(rng.uniform(-0.25, 0.25))
    reach = int(radius * max(stretch, 1 / stretch) * 1.1) + 2
    top, left, side = int(row) - reach, int(column) - reach, 2 * reach + 1
    down = np.arange(top - row, top - row + side - 0.5, dtype=np.float32)[:, None]
    right = np.arange(left - column, left - column + side - 0.5, dtype=np.float32)[None, :]
    along, across = turned(down, right, rng.uniform(0, 2 * np.pi))
    u, v = along * np.float32(1 / radius / stretch), across * np.float32(stretch / radius)
    depth = SHAPES[shape](u, v, rng)
    cover = np.clip(depth * np.float32(radius) + np.float32(0.5), 0, 1)

    drop = scene.unit * rng.uniform(1.5, 4.5)
    low, aside = round(-drop * np.sin(scene.light)), round(-drop * np.cos(scene.light))
    shaded = scene.image[top + low : top + low + side, left + aside : left + aside + side]
    shaded *= (1 - np.float32(rng.uniform(0.1, 0.5)) * cover)[..., None]

    color, other = _two_tones(rng)
    if texture != "plain":
        x, y = turned(down, right, rng.uniform(0, np.pi))
        wave = TEXTURES[texture](x, y, np.float32(2 * np.pi / scene.unit / rng.uniform(8, 13)))
        color = color + (other - color) * np.clip(wave + np.float32(0.5), 0, 1)[..., None]
    painted = scene.image[top : top + side, left : left + side]
    painted += cover[..., None] * (color - painted)
    scene.mask[top : top + side, left : left + side][cover >= 0.5] = label


def _two_tones(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw a dark and a bright color in any order, float32 [3] each; all in a scene is colored from here."""
    hue, value = rng.uniform(), rng.uniform(0.35, 0.75)
    contrast = rng.uniform(0.4, 0.6) * rng.choice([-1, 1])
    tones = np.empty((2, 3), np.float32)
    for tone, half in zip(tones, (-0.5, 0.5), strict=True):
        brightness = min(max(value + half * contrast, 0.08), 0.98)
        tone[:] = colorsys.hsv_to_rgb((hue + rng.normal(0, 0.08)) % 1, rng.uniform(0.1, 0.6), brightness)
    return tones[0], tones[1]


def _background(rng: np.random.Generator, size: int) -> Floats:
    """Blend two pairs of tones by smooth noise: float32 [size,size,3]."""
    colors = np.zeros((size, size, 3), np.float32)
    for cells in (3, 12):
        color, other = _two_tones(rng)
        noise = Image.fromarray(rng.uniform(0, 1, (cells, cells)).astype(np.float32))
        mix = np.asarray(noise.resize((size, size), Image.Resampling.BICUBIC))[..., None]
        colors += np.float32(0.5) * (color + (other - color) * mix)
    return colors


def _photograph(image: Floats, rng: np.random.Generator, light: float, unit: float) -> NDArray[np.uint8]:
    """Add what a camera adds: uneven light, vignette, blur and sensor noise; uint8, same shape."""
    right = np.linspace(-1, 1, len(image), dtype=np.float32)[None, :]
    down = right.T
    slope, _ = turned(down, right, light)
    gain = rng.uniform(0.85, 1.15) + rng.uniform(0, 0.25) * slope - rng.uniform(0, 0.2) * (right**2 + down**2)
    lit = np.clip(image * (gain * 255).astype(np.float32)[..., None], 0, 255).astype(np.uint8)
    blurred = np.asarray(Image.fromarray(lit).filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.6) * unit)))
    noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(1, 6))
    return np.asarray(np.clip(blurred + noise, 0, 255).astype(np.uint8))
