"""What a run leaves behind: pictures and best weights of an evaluation, deployed weights and the summary."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mutualseg.atomic_files import replacing
from mutualseg.data.datamodule import TwoStreams
from mutualseg.data.skipping import SkippedFile
from mutualseg.engine.distilled_facts import distilled_facts
from mutualseg.engine.evaluation_rounds import EvaluationRounds
from mutualseg.engine.peak_memory import PeakMemory
from mutualseg.engine.session import Session
from mutualseg.engine.summary import summarize
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.evaluation.metrics import Scores
from mutualseg.methods.base import Method
from mutualseg.reporting.kept_pictures import picture_at, thin_out
from mutualseg.reporting.training_pictures import draw_pseudo_labels
from mutualseg.reporting.val_pictures import draw_val_predictions
from mutualseg.step_rows import read_rows
from mutualseg.weights_files import save_network


def keep_evaluation(
    session: Session, method: Method, streams: TwoStreams, step: int, scores: Mapping[str, Scores]
) -> dict[str, Path]:
    """Keep the deployed network if this evaluation is the best; draw labels that teach now and val images.

    Returns:
        The pictures by their kind.
    """
    settings, folder = session.settings, session.folder
    # Rounded like the recorded ones, among which this one is already.
    miou = round(scores[method.deployed].miou, 4)
    if settings.select == "best" and miou >= max(_recorded(session, method.deployed)):
        _save(session, method, folder.best_weights, step)
    pictures = {each.name: picture_at(each, step) for each in (folder.pseudo_labels, folder.val_predictions)}
    folder.val_predictions.mkdir(exist_ok=True)  # runs of before had none
    draw_pseudo_labels(
        method,
        streams,
        session.data.classes,
        pictures[folder.pseudo_labels.name],
        device=settings.device,
        precision=settings.precision,
        colors=session.data.colors,
    )
    draw_val_predictions(
        method.networks()[method.deployed],
        session.split.val,
        session.data.classes,
        pictures[folder.val_predictions.name],
        encoding=session.data.encoding,
        device=settings.device,
        precision=settings.precision,
        options=InferenceOptions(settings.window),
        colors=session.data.colors,
    )
    for path in pictures.values():
        thin_out(path.parent, step, settings.evaluate_every)
    return {kind: path for kind, path in pictures.items() if path.is_file()}


def finish(
    session: Session,
    method: Method,
    rounds: EvaluationRounds,
    memory: PeakMemory,
    *,
    warnings: Sequence[Mapping[str, Any]],
    skipped_steps: int,
    skipped_files: Sequence[SkippedFile],
) -> dict[str, Any]:
    """Write the deployed network and the summary of a run after its last step, and return the summary.

    Args:
        session: of the run.
        method: trained.
        rounds: its evaluations.
        memory: watched since its start.
        warnings: of the guard.
        skipped_steps: how many changed nothing.
        skipped_files: that were left out.
    """
    settings, folder = session.settings, session.folder
    # A run killed after its last step has no scores of this process; its networks are off the device.
    found = rounds.latest or session.evaluate(method.to(settings.device))
    if session.leads:
        _save(session, method, folder.weights, settings.steps)
        if settings.select == "best" and folder.best_weights.is_file():
            with replacing(folder.weights) as partial:
                shutil.copyfile(folder.best_weights, partial)
    summary = summarize(
        settings,
        session.split,
        session.data.classes,
        found.scores,
        monitor=found.monitor,
        warnings=warnings,
        skipped_steps=skipped_steps,
        deployed=method.deployed,
        recorded={role: _recorded(session, role) for role in found.scores},
        training_seconds=rounds.training_seconds,
        evaluation_seconds=rounds.evaluation_seconds,
        peak_memory_mb=memory.megabytes(),
        weights_license=session.weights_license,
        skipped=skipped_files,
    )
    summary |= distilled_facts(session, method)
    if session.leads:
        folder.write_summary(summary)
        if skipped_steps:
            session.console.say(
                f"{skipped_steps} of {settings.steps} steps were skipped, since their loss or "
                f"gradient was not finite; the first of them are in {folder.bad_batches}."
            )
        per_class = summary["networks_per_class_iou"][method.deployed]
        session.console.per_class(per_class, f"val, {method.deployed} at the last step")
    return summary


def _recorded(session: Session, role: str) -> list[float]:
    return [float(row[f"miou_{role}"]) for row in read_rows(session.folder.metrics)]


def _save(session: Session, method: Method, path: Path, step: int) -> None:
    settings = session.settings
    facts = {
        "classes": list(session.data.classes),
        "colors": session.data.colors,
        "role": method.deployed,
        "method": settings.method["name"],
        "step": step,
        "precision": settings.precision,
        "window": settings.window,
        "image_code": settings.image_code,
        "weights_license": session.weights_license,
    }
    save_network(path, method.networks()[method.deployed], session.network, facts)
