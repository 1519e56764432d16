"""From a time budget to a step count: a few real steps are timed, then thrown away."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import mean

from mutualseg.data.datamodule import TwoStreams
from mutualseg.engine.sample_steps import SampleSteps
from mutualseg.engine.training import Training
from mutualseg.errors import ConfigError

_SHARES = (0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95)
"""Where in the run a step is timed: methods cost different time in different phases."""
_LEAST_STEPS = 10


@dataclass(frozen=True)
class Calibration:
    """What was measured."""

    seconds_per_step: float
    seconds_per_evaluation: float
    steps: int

    def sentence(self, budget: str) -> str:
        """Return it in words."""
        return (
            f"--budget {budget} is {self.steps} steps: {self.seconds_per_step:.2f} s a step and "
            f"{self.seconds_per_evaluation:.0f} s an evaluation were measured"
        )


def calibrate(
    training: Training,
    streams: TwoStreams,
    *,
    seconds: float,
    evaluations: int,
    evaluate_every: int | None,
    seconds_per_evaluation: float,
    device: str,
    precision: str,
) -> Calibration:
    """Time steps spread over the run's phases, on a training that is thrown away afterwards.

    Args:
        training: trained by this call; build another for the run.
        streams: whose first batches are used.
        seconds: the budget.
        evaluations: how many the run will make, if `evaluate_every` is None.
        evaluate_every: steps between evaluations, so that a longer run makes more of them.
        seconds_per_evaluation: of one of them.
        device: where to compute.
        precision: in what.

    Raises:
        ConfigError: not even ten steps fit.
    """
    step = SampleSteps(training, streams, device=device, precision=precision)
    times: dict[float, float] = {}
    step(training.method.busy_share())  # warms up
    for share in (*_SHARES, *_SHARES):
        started = time.perf_counter()
        step(share)
        spent = time.perf_counter() - started
        # Outliers are upward: the faster of two counts.
        times[share] = min(spent, times.get(share, spent))
    per_step = mean(times.values())
    if evaluate_every is None:
        steps = max(0, int((seconds - evaluations * seconds_per_evaluation) / per_step))
    else:
        steps = steps_within(seconds, per_step, seconds_per_evaluation, evaluate_every)
    if steps < _LEAST_STEPS:
        made = evaluations if evaluate_every is None else max(1, -(-steps // evaluate_every))
        raise ConfigError(
            f"--budget of {seconds:.0f} s leaves {steps} steps of {per_step:.1f} s beside {made} "
            f"evaluation{'s' * (made != 1)} of {seconds_per_evaluation:.0f} s; {_LEAST_STEPS} are needed: "
            "give more, a longer --evaluate-every, or a smaller --crop or --batch."
        )
    return Calibration(per_step, seconds_per_evaluation, steps)


def steps_within(seconds: float, per_step: float, per_evaluation: float, evaluate_every: int) -> int:
    """Return the most steps that fit, with an evaluation after every so many and after the last.

    Args:
        seconds: to fit into.
        per_step: seconds of one step.
        per_evaluation: seconds of one evaluation.
        evaluate_every: steps between evaluations.
    """
    rounds = int(seconds / (evaluate_every * per_step + per_evaluation))
    left = seconds - rounds * (evaluate_every * per_step + per_evaluation)
    return rounds * evaluate_every + max(0, int((left - per_evaluation) / per_step))
