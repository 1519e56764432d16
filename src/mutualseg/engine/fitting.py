"""What a run can afford, found out on copies of its networks before it begins: a batch, a number of steps."""

from __future__ import annotations

import time
from dataclasses import replace

from mutualseg.engine.batch_size import largest_batch
from mutualseg.engine.calibration import Calibration, calibrate
from mutualseg.engine.determinism import repeatable
from mutualseg.engine.memory_forecast import Forecast, forecast
from mutualseg.engine.sample_steps import SampleSteps
from mutualseg.engine.session import Session
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.evaluation.network_scores import evaluate_networks
from mutualseg.freed_memory import freed_memory_kept
from mutualseg.methods.base import Method

_TIMED_IMAGES = 3


def forecast_memory(session: Session, method: Method) -> Forecast:
    """Look at what steps of a method will need; it stays as it is."""
    settings = session.settings
    training = session.build_training(method)
    return forecast(training, device=settings.device, precision=settings.precision)


def fit_batch(session: Session, method: Method, expected: Forecast, free: int | None) -> int:
    """Return the largest batch that fits into the free memory, tried by a real step on CUDA.

    Args:
        session: of the run, whatever its batch.
        method: of the run; says whether unlabeled images come beside the labeled ones.
        expected: memory by batch.
        free: bytes; None if that is unknown.
    """
    settings = session.settings

    def attempt(batch: int) -> None:
        own = session.with_settings(replace(settings, batch=batch, unlabeled_batch=batch))
        tried = own.build_method()
        steps = SampleSteps(
            own.build_training(tried),
            own.build_streams(tried),
            device=settings.device,
            precision=settings.precision,
        )
        with repeatable(settings, session.console):
            steps(tried.busy_share())

    return largest_batch(
        expected,
        crop=settings.crop,
        kinds=2 if method.uses_unlabeled else 1,
        free=free,
        device=settings.device,
        **({"attempt": attempt} if settings.device == "cuda" else {}),
    )


def fit_steps(session: Session, seconds: float, evaluate_every: int | None) -> Calibration:
    """Time a few steps and images, and return how many steps fit a budget.

    Args:
        session: of the run; its steps say how many evaluations there will be.
        seconds: the budget.
        evaluate_every: steps between evaluations, None if their number does not depend on the steps.
    """
    settings = session.settings
    method = session.build_method()
    training = session.build_training(method)
    started = time.perf_counter()
    with repeatable(settings, session.console), freed_memory_kept(settings.device):  # as the run will do
        method.to(settings.device)
        few = session.split.val[:_TIMED_IMAGES]
        evaluate_networks(
            method.networks(),
            few,
            session.data.num_classes,
            encoding=session.data.encoding,
            device=settings.device,
            precision=settings.precision,
            options=InferenceOptions(settings.window),
        )
        per_image = (time.perf_counter() - started) / len(few)
        return calibrate(
            training,
            session.build_streams(method),
            seconds=seconds,
            evaluations=-(-settings.steps // settings.evaluate_every),
            evaluate_every=evaluate_every,
            seconds_per_evaluation=per_image * len(session.split.val),
            device=settings.device,
            precision=settings.precision,
        )
