"""`distill`: a small network that a finished run teaches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mutualseg.api.arguments import own_run
from mutualseg.errors import ConfigError


def distill(
    run: str,
    *,
    encoder: str,
    network: str = "deeplabv3plus",
    weights: str = "imagenet",
    out: str | None = None,
    data: str | None = None,
    steps: int | None = None,
    budget: str | None = None,
    teacher_weight: float = 1.0,
    temperature: float = 1.0,
    threshold: float = 0.0,
    seed: int = 0,
    batch: int | str | None = None,
    crop: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    compile: bool = False,
    workers: int | None = None,
    evaluate_every: int | None = None,
    checkpoint_every: str | int = "10min",
    logger: str | Sequence[str] = "tensorboard",
    overwrite: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Teach one small network what both teachers of a finished run know, for devices that are small too.

    The mean of both teachers' class probabilities is its target on the labeled and the unlabeled images of
    the run, beside the labels. What comes out is a run like any other: evaluate, predict, export, report and
    `train --resume` take it, and the report of the run has it in a row. It never trains on val.

    Args:
        run: Folder of the finished run that teaches; one with a single network teaches alone.
        encoder: timm name of the small network's encoder, such as mobilenetv3_small_050.
        network: deeplabv3plus, fpn, upernet, segformer or dpt.
        weights: Encoder weights to start from: imagenet, none, or a file.
        out: Run folder to write; RUN/distilled if not given, or the next free one (RUN/distilled-2).
        data: Where the run's data folder is now, if it was moved.
        steps: Optimizer steps; as many as the run's if neither they nor a budget are given.
        budget: Time to train, such as 20min; a short calibration turns it into steps. Excludes steps.
        teacher_weight: Of what the teachers say, beside the labels; 0 leaves the labels alone.
        temperature: Softens what the teachers say; above 1 the unlikely classes weigh more.
        threshold: Least probability of the teachers' most likely class for a pixel to teach; 0 takes all.
        seed: Of weights, order, crops and colors.
        batch: Labeled images per step, with as many unlabeled ones; the run's if not given, and auto takes
            the most that memory holds.
        crop: Side of the training crops in pixels; the run's if not given.
        device: auto, cpu, cuda or mps.
        precision: auto, 32 or bf16; auto takes bf16 where the processor computes in it.
        compile: Run the networks compiled: minutes to begin with, then faster steps on CUDA.
        workers: Loader processes per stream; chosen for the machine if not given.
        evaluate_every: Steps between evaluations; a fifth of the run if not given.
        checkpoint_every: Steps (5) or time (10min) between checkpoints.
        logger: Where curves and pictures go beside the run's own files: tensorboard (if not given), csv
            (losses.csv in the run), wandb, mlflow, or none; several with commas. Results do not depend on it.
        overwrite: Replace the run in --out.
        quiet: Say nothing while training.

    Returns:
        What summary.json holds: beside that of any run, `network`, `encoder`, `parameters` and
        `milliseconds_per_image` of the small network, and `distilled_from`: `run`, `method`, `networks`,
        `network`, `encoder`, `miou`, `parameters` and `milliseconds_per_image` of the run that taught it.

    Raises:
        MutualSegError: anything that the user can mend, in one sentence.
        Interrupted: a signal came; the run was saved, and `train --resume` goes on with it.
    """
    if steps is not None and budget is not None:
        raise ConfigError("--steps and --budget exclude each other; use one of them.")
    folder = own_run(run, "distill")
    from mutualseg.engine.distilling import prepare_distillation, require_teaching_run
    from mutualseg.engine.late_signals import telling_how_to_go_on
    from mutualseg.engine.training_run import run_training
    from mutualseg.occupied import occupied
    from mutualseg.run_report.writing import leave_report
    from mutualseg.runs import RunFolder

    teaching = require_teaching_run(folder)
    root = Path(out) if out is not None else next_distilled(run, overwrite=overwrite)
    with occupied(root) as hold, telling_how_to_go_on(RunFolder(root)):
        session, method = prepare_distillation(
            teaching,
            root,
            encoder=encoder,
            network=network,
            weights=str(weights),
            data=data,
            steps=steps,
            budget=budget,
            teacher_weight=teacher_weight,
            temperature=temperature,
            threshold=threshold,
            seed=seed,
            batch=batch,
            crop=crop,
            device=device,
            precision=precision,
            compile=compile,
            workers=workers,
            evaluate_every=evaluate_every,
            checkpoint_every=checkpoint_every,
            logger=logger,
            overwrite=overwrite,
            quiet=quiet,
        )
        hold()
        summary = run_training(session, method, resume=False)
        leave_report(root, quiet=quiet)
        return summary


def next_distilled(run: str, *, overwrite: bool = False) -> Path:
    """Return the folder of a distilled run that was given none."""
    from mutualseg.runs import DISTILLED, next_free

    return Path(run) / DISTILLED if overwrite else next_free(Path(run), DISTILLED)
