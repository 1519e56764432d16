"""Which loss labeled pixels have, and how classes weigh in it: `--supervision.*`, alike for all methods."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, get_args

from mutualseg.errors import ConfigError
from mutualseg.losses.names import LossName

if TYPE_CHECKING:
    from mutualseg.losses.supervised import SupervisedLoss

BALANCED = "balanced"
NONE = "none"

_READ_BY = {
    "ohem_threshold": "ohem",
    "ohem_keep": "ohem",
    "focal_gamma": "focal",
    "dice_weight": "cross_entropy_dice",
}
"""Options that one loss reads."""


@dataclass(frozen=True)
class Supervision:
    """The supervised loss of a run.

    Args:
        loss: On labeled pixels, alike for every method: cross_entropy; ohem, of hard pixels alone; focal;
            dice, of each class's overlap as a whole; or cross_entropy_dice, the sum of two.
        class_weights: none; balanced, the rarer a class is in the labeled training masks the more it weighs;
            or one number per class such as 1,2.5.
        ohem_threshold: With ohem, pixels whose true class has at most this probability teach.
        ohem_keep: With ohem, the least that teaches, hardest first: up to 1 a share of the labeled pixels of
            a batch, above 1 their number.
        focal_gamma: With focal, the power of (1 - probability of the true class); 0 is cross_entropy.
        dice_weight: With cross_entropy_dice, the factor on dice.
    """

    loss: LossName = "cross_entropy"
    class_weights: list[float] | str = NONE
    ohem_threshold: float = 0.7
    ohem_keep: float = 0.1
    focal_gamma: float = 2.0
    dice_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.loss not in get_args(LossName):
            raise ConfigError(f"There is no loss '{self.loss}'; use {', '.join(get_args(LossName))}.")
        for name in _READ_BY:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigError(f"--supervision.{name} is {value!r}, which is not a number; give one.")
        for field in fields(self):
            value, reader = getattr(self, field.name), _READ_BY.get(field.name)
            if reader not in (None, self.loss) and value != field.default:
                raise ConfigError(
                    f"--supervision.{field.name} {value} is for --supervision.loss {reader}, not for "
                    f"{self.loss}; leave it out, or choose that loss."
                )
        if not 0 < self.ohem_threshold <= 1:
            raise ConfigError(
                f"--supervision.ohem_threshold is {self.ohem_threshold}; give a probability above 0, up to 1."
            )
        for name in ("ohem_keep", "focal_gamma", "dice_weight"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ConfigError(f"--supervision.{name} is {value}; give 0 or more.")
        object.__setattr__(self, "class_weights", _read_weights(self.class_weights))

    def build(self) -> SupervisedLoss:
        """Return the loss; `balanced` has been made numbers before."""
        from mutualseg.losses.supervised import SupervisedLoss

        assert self.class_weights != BALANCED
        return SupervisedLoss(
            self.loss,
            class_weights=None if isinstance(self.class_weights, str) else self.class_weights,
            **{name: getattr(self, name) for name in _READ_BY},
        )


def _read_weights(given: Sequence[float] | str) -> list[float] | str:
    """Return `none`, `balanced`, or a list of numbers; a text may hold them with commas between.

    Raises:
        ConfigError: it is something else, or the numbers weigh nothing.
    """
    if isinstance(given, str) and given in (NONE, BALANCED):
        return given
    parts = given.strip(" []").split(",") if isinstance(given, str) else given
    try:
        weights = [float(part) for part in parts]
    except (TypeError, ValueError):
        raise ConfigError(
            f"--supervision.class_weights {given} is neither none, balanced nor a list of numbers; give for "
            "example 1,2.5 for two classes."
        ) from None
    if not all(0 <= weight < math.inf for weight in weights) or not any(weights):
        raise ConfigError(
            f"--supervision.class_weights {given} must be numbers from 0 on, one at least above 0; give for "
            "example 1,2.5 for two classes."
        )
    return weights
