"""Which runs a comparison is made of, and in what order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mutualseg.comparison.amounts import Amount
from mutualseg.comparison.variants import Variant


@dataclass(frozen=True)
class PlannedRun:
    """One training."""

    variant: Variant
    amount: Amount
    seed: int

    @property
    def name(self) -> str:
        """Of its folder below `runs`."""
        return f"{self.variant.label}-{self.amount.images}-s{self.seed}"

    @property
    def place(self) -> str:
        """Its folder, below that of the comparison."""
        return f"runs/{self.name}"

    def row(self) -> dict[str, Any]:
        """Return what is known of it before it begins."""
        return {
            "label": self.variant.label,
            "method": self.variant.method["name"],
            "seed": self.seed,
            "labeled_images": self.amount.images,
            "run": self.place,
        }


def plan(variants: Sequence[Variant], amounts: Iterable[Amount], seeds: Iterable[int]) -> list[PlannedRun]:
    """Return every run, ordered so that a comparison which is broken off has compared something.

    Seeds are outermost: the first is complete, over all amounts and variants, before the second begins.
    """
    ordered = sorted(amounts, key=lambda amount: amount.images)
    return [PlannedRun(variant, amount, seed) for seed in seeds for amount in ordered for variant in variants]
