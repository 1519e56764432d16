"""How a network looks at an image that is scored or segmented: in windows, at several scales, mirrored.

Needs no torch, so that a wrong value is refused before anything heavy is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mutualseg.errors import ConfigError
from mutualseg.nearest import nearest_name

AUTO = "auto"
"""`--window auto`: as the run was scored while it trained."""
WHOLE = "whole"
"""`--window whole`: no windows."""

TEST_TIME_SCALES = (0.75, 1.0, 1.25)
"""`--tta`: these scales, each mirrored too."""

_LEAST_WINDOW = 32
_LEAST_SCALE, _LARGEST_SCALE = 0.25, 4.0


@dataclass(frozen=True)
class InferenceOptions:
    """Which looks at an image are averaged; by default there is one, at the image as it is."""

    window: int | None = None
    """Side in pixels of overlapping windows; None: whole images."""
    scales: tuple[float, ...] = (1.0,)
    """Factors by which the image is resized."""
    flip: bool = False
    """Whether each look is repeated on the mirrored image."""
    is_whole: bool = field(default=False, compare=False)
    """Whether whole images were asked for, however large they are."""

    def in_words(self) -> str:
        """Return what differs from one look at whole images, such as `windows of 801, flip`."""
        parts = [] if self.window is None else [f"windows of {self.window}"]
        if self.scales != (1.0,):
            parts.append("scales " + " ".join(f"{scale:g}" for scale in self.scales))
        if self.flip:
            parts.append("flip")
        return ", ".join(parts)


def inference_options(
    window: int | str, scales: object, flip: bool, *, tta: bool = False, own: int | None = None
) -> InferenceOptions:
    """Return what a user asks for.

    Args:
        window: pixels, `whole` or `auto`.
        scales: a number, several, or texts of them; see `read_scales`.
        flip: see `InferenceOptions`.
        tta: test-time augmentation: `TEST_TIME_SCALES` and flip.
        own: the window that `auto` stands for.

    Raises:
        ConfigError: a value is unknown or out of range, or tta stands beside what it stands for.
    """
    side = own if window == AUTO else read_window(window, (AUTO, WHOLE))
    factors, is_whole = read_scales(scales), window == WHOLE
    if not tta:
        return InferenceOptions(side, factors, flip, is_whole)
    if flip or not _is_empty(scales):
        shown = " ".join(f"{scale:g}" for scale in TEST_TIME_SCALES)
        raise ConfigError(
            f"--tta is --flip and --scales {shown}; give either --tta alone, or --flip and --scales of "
            "your own."
        )
    return InferenceOptions(side, TEST_TIME_SCALES, True, is_whole)


def read_window(window: int | str | None, words: Sequence[str] = (WHOLE,)) -> int | None:
    """Return the side of windows in pixels; None for `whole` images, which is also what None means.

    Args:
        window: of the option --window.
        words: that it may be instead of a number, for the message.

    Raises:
        ConfigError: it is something else, or less than 32 pixels.
    """
    if window is None or window == WHOLE:
        return None
    text = str(window).strip()
    if isinstance(window, bool) or not text.removeprefix("-").isdecimal():
        advice = "give a whole number, such as 512."
        if not any(letter.isdigit() for letter in text):
            advice = f"did you mean '{nearest_name(text, words)}'?"
        raise ConfigError(
            f"--window {window} is neither a number of pixels nor {' nor '.join(words)}; {advice}"
        )
    if int(text) < _LEAST_WINDOW:
        raise ConfigError(
            f"--window {window} is too small; give at least {_LEAST_WINDOW} pixels, or leave it out."
        )
    return int(text)


def read_scales(given: object) -> tuple[float, ...]:
    """Return scales as numbers; 1 if there is none.

    Args:
        given: a number or a text, or several of them; a text may hold several, parted by commas.

    Raises:
        ConfigError: one is no number, or not from 0.25 to 4.
    """
    parts = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    items = [item for part in parts for item in (part.split(",") if isinstance(part, str) else [part])]
    return tuple(_scale(item) for item in items) or (1.0,)


def _is_empty(scales: object) -> bool:
    return isinstance(scales, Iterable) and not isinstance(scales, str) and not list(scales)


def _scale(given: object) -> float:
    try:
        scale = float(str(given))
    except ValueError:
        raise ConfigError(
            f"--scales {given} is no number; give factors, such as --scales 0.75 1 1.25."
        ) from None
    if not _LEAST_SCALE <= scale <= _LARGEST_SCALE:
        raise ConfigError(
            f"--scales {given} is out of range; give factors from {_LEAST_SCALE:g} to {_LARGEST_SCALE:g}."
        )
    return scale
