"""Ramps and decays: pure functions of the global optimizer step or of progress in [0, 1]."""

from __future__ import annotations

import math


def ema_momentum(finished_steps: int, end: float) -> float:
    """Return m = min(1 - 1/step, end), so that the first update copies the student (MKD, section 3).

    Args:
        finished_steps: optimizer steps done, from 1.
        end: momentum that is reached once 1 - 1/step exceeds it.
    """
    return min(1.0 - 1.0 / max(finished_steps, 1), end)


def reachable_momentum(end: float, total_steps: int, reach: float) -> float:
    """Return the final momentum, lowered so that an average reaches back over part of a run at most.

    A momentum of m averages over about 1 / (1 - m) steps. In a short run that is much of it, and the average
    trails behind a student that still learns.

    Args:
        end: final momentum as asked for.
        total_steps: of the whole run.
        reach: largest share of the run that counts, though never fewer than 10 steps; 1 is no limit.
    """
    if reach >= 1.0:
        return end
    return min(end, 1.0 - 1.0 / max(reach * total_steps, 10.0))


def semantic_strength(progress: float, end: float) -> float:
    """Return lambda = end (1 - cos(pi p)) / 2, the strength of the semantic augmentation."""
    return end * (1.0 - math.cos(math.pi * progress)) / 2.0


def unlabeled_weight(
    step: int, total_steps: int, burn_in: float, ramp: float, cooldown: float = 0.0
) -> float:
    """Return the factor in [0, 1] on all unlabeled terms.

    Args:
        step: optimizer steps done before this one, from 0.
        total_steps: of the whole run.
        burn_in: share of the run that is supervised only; 0 turns it off.
        ramp: share of the run over which the factor then rises along a half cosine; 0 jumps to 1.
        cooldown: share of the run, at its end, that is supervised only; 0 turns it off.
    """
    start = burn_in * total_steps
    if step < start or (cooldown > 0.0 and step >= round((1.0 - cooldown) * total_steps, 6)):
        return 0.0
    length = ramp * total_steps
    if length <= 0.0:
        return 1.0
    return (1.0 - math.cos(math.pi * min((step - start) / length, 1.0))) / 2.0


def poly_decay(step: int, total_steps: int, power: float, warmup: int = 0) -> float:
    """Return the learning-rate factor (1 - step/total)^power, after a linear warm-up of some steps."""
    rise = min((step + 1) / (warmup + 1), 1.0)
    return float(rise * max(1.0 - step / total_steps, 0.0) ** power)
