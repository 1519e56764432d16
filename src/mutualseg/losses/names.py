"""Names of the losses that labeled pixels can have; apart, so that reading them does not import PyTorch."""

from __future__ import annotations

from typing import Literal

LossName = Literal["cross_entropy", "ohem", "focal", "dice", "cross_entropy_dice"]
