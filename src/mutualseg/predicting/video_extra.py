"""Whether videos can be read here: asked before anything heavy is imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from mutualseg.errors import ConfigError


def require_video(path: Path) -> None:
    """Raise ConfigError if what reads videos is not installed."""
    if find_spec("cv2") is None:
        raise ConfigError(
            f"To read the video {path} opencv-python-headless is needed; pip install 'mutualseg[video]'."
        )
