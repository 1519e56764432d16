"""Lightning's Trainer, set up for a run and kept from talking."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytorch_lightning as pl
from pytorch_lightning.loggers.logger import Logger

from mutualseg.engine.sealed_checkpoint import SealedCheckpoints
from mutualseg.settings import Settings


@contextmanager
def trainer_silenced() -> Iterator[None]:
    """Keep the trainer's advice and advertisements, which a user cannot act on, from the terminal."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="pytorch_lightning")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def build_trainer(settings: Settings, logger: Logger, callbacks: Sequence[pl.Callback]) -> pl.Trainer:
    """Return a trainer for one endless epoch of `settings.steps` steps.

    Args:
        settings: device, precision and length.
        logger: keeps curves.
        callbacks: everything that happens beside the steps.
    """
    return pl.Trainer(
        accelerator=settings.device,
        devices=settings.devices,
        num_nodes=settings.num_nodes,
        strategy="ddp" if settings.processes > 1 else "auto",
        deterministic=settings.deterministic or None,  # None leaves the process as it is
        precision="bf16-mixed" if settings.precision == "bf16" else "32-true",
        max_steps=settings.steps,
        accumulate_grad_batches=settings.accumulate,
        logger=logger,
        callbacks=list(callbacks),
        plugins=[SealedCheckpoints()],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
