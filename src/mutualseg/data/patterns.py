"""Shapes and textures of the embedded data set, as functions of offsets: drawn at any size and angle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def turned(down: Floats, right: Floats, angle: float) -> tuple[Floats, Floats]:
    """Rotate offsets, down [h,1] and right [1,w]: the part along the angle and the part across it, [h,w]."""
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cos * right + sin * down, cos * down - sin * right


# Shapes: how deep below the outline (negative outside), in radii, the offsets u, v [h,w] lie.


def _disk(u: Floats, v: Floats, rng: np.random.Generator) -> Floats:
    depth: Floats = 1 - _length(u, v)
    return depth


def _ring(u: Floats, v: Floats, rng: np.random.Generator) -> Floats:
    half = np.float32(rng.uniform(0.24, 0.32))
    depth: Floats = half - abs(_length(u, v) - (1 - half))
    return depth


def _cross(u: Floats, v: Floats, rng: np.random.Generator) -> Floats:
    half = np.float32(rng.uniform(0.34, 0.44))
    near, far = np.minimum(abs(u), abs(v)), np.maximum(abs(u), abs(v))
    depth: Floats = np.minimum(1 - far, half - near)
    return depth


def _star(u: Floats, v: Floats, rng: np.random.Generator) -> Floats:
    half, notch = np.float32(np.pi / 5), rng.uniform(0.45, 0.58)
    # Folding the angle maps all ten edges onto the one from the tip (1, 0) to the notch.
    folded = abs((np.arctan2(v, u) + half) % (2 * half) - half)
    tilt = np.float32(np.arctan2(1 - notch * np.cos(half), notch * np.sin(half)))
    depth: Floats = np.cos(tilt) - _length(u, v) * np.cos(folded - tilt)
    return depth


def _blob(u: Floats, v: Floats, rng: np.random.Generator) -> Floats:
    angle = np.arctan2(v, u)
    depth = np.float32(0.75) - _length(u, v)
    for waves in (2, 3, 4):
        depth += np.float32(rng.uniform(0.04, 0.12)) * np.sin(waves * angle + np.float32(rng.uniform(0, 6)))
    return depth


def _bar(u: Floats, v: Floats, rng: np.random.Generator) -> Floats:
    depth: Floats = np.minimum(1 - abs(u), np.float32(rng.uniform(0.05, 0.2)) - abs(v))
    return depth


def _length(u: Floats, v: Floats) -> Floats:
    return np.asarray(np.sqrt(u * u + v * v))


# Textures at pixel offsets x, y [h,w], `pace` radians a pixel: one color below -0.5, the other above 0.5.


def _stripes(x: Floats, y: Floats, pace: np.float32) -> Floats:
    wave: Floats = 2 * np.sin(x * pace)
    return wave


def _dots(x: Floats, y: Floats, pace: np.float32) -> Floats:
    wave: Floats = 2 * (np.cos(x * pace) + np.cos(y * pace)) - np.float32(1.4)
    return wave


def _checks(x: Floats, y: Floats, pace: np.float32) -> Floats:
    wave: Floats = 4 * np.sin(x * (pace / 2)) * np.sin(y * (pace / 2))
    return wave


SHAPES: dict[str, Callable[[Floats, Floats, np.random.Generator], Floats]] = {
    "disk": _disk,
    "ring": _ring,
    "cross": _cross,
    "star": _star,
    "blob": _blob,
    "bar": _bar,
}
"""Depth below the outline in radii, negative outside, of offsets u, v [h,w] in radii."""

TEXTURES: dict[str, Callable[[Floats, Floats, np.float32], Floats]] = {
    "stripes": _stripes,
    "dots": _dots,
    "checks": _checks,
}
"""Waves at pixel offsets x, y [h,w], of `pace` radians a pixel; the sign is the color."""
