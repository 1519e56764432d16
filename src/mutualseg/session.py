"""One training run from resolved settings to a finished run folder."""

from __future__ import annotations

import logging
import shutil
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger

from mutualseg.calibration import Calibration, calibrate
from mutualseg.callbacks import Checkpoints, ConsoleLines, Evaluation, Signals
from mutualseg.data.datamodule import StreamSizes, TwoStreams
from mutualseg.data.folder import DataFolder
from mutualseg.data.splits import Split
from mutualseg.durations import parse_interval
from mutualseg.errors import Interrupted, NetworkError
from mutualseg.evaluation.inference import evaluate_networks
from mutualseg.evaluation.metrics import Scores
from mutualseg.methods import method_class
from mutualseg.methods.base import Method
from mutualseg.networks.build import NetworkConfig, build_segmenter
from mutualseg.networks.segmenter import Segmenter
from mutualseg.optimization import Optimization
from mutualseg.reporting.console import RunConsole
from mutualseg.reporting.training_pictures import draw_pseudo_labels, draw_views
from mutualseg.runs import RunFolder, load_network, provenance, save_network, weights_of
from mutualseg.seeding import address
from mutualseg.settings import Settings
from mutualseg.training import Training
from mutualseg.views.pipelines import UnlabeledViews


class _Events(TensorBoardLogger):
    """TensorBoard's event file alone: the run's settings are in config.yaml."""

    def save(self) -> None:
        """Write what is pending, and no file of hyperparameters."""
        self.experiment.flush()


@contextmanager
def _trainer_silenced() -> Iterator[None]:
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


class Session:
    """Everything that a run is made of, built from its settings.

    Args:
        settings: resolved arguments.
        data: the data folder.
        split: which of its images play which part.
        folder: where the run is written.
        console: what it says.
    """

    def __init__(
        self, settings: Settings, data: DataFolder, split: Split, folder: RunFolder, console: RunConsole
    ) -> None:
        self.settings = settings
        self.data = data
        self.split = split
        self.folder = folder
        self.console = console
        self.network = NetworkConfig(settings.network, settings.encoder, data.num_classes)

    def build_method(self) -> Method:
        """Return a fresh method; the same settings give the same weights."""
        arguments = {key: value for key, value in self.settings.method.items() if key != "name"}
        return method_class(self.settings.method["name"])(self._build_network, **arguments)

    def _build_network(self, role: str) -> Segmenter:
        settings = self.settings
        seed = address(settings.seed, role)
        if settings.init is None:
            return build_segmenter(self.network, weights=settings.weights, seed=seed)
        network, config, _ = load_network(weights_of(Path(settings.init)))
        if config != self.network:
            raise NetworkError(
                f"--init {settings.init} holds a {config.network} on {config.encoder} with "
                f"{config.num_classes} classes, but this run is a {self.network.network} on "
                f"{self.network.encoder} with {self.network.num_classes}; choose the same."
            )
        return network.train()

    def build_training(self, method: Method) -> Training:
        """Return the trainer's view of a method."""
        optimization = Optimization(**self.settings.optimization)
        return Training(method, optimization, total_steps=self.settings.steps, seed=self.settings.seed)

    def build_streams(self) -> TwoStreams:
        """Return the two streams of training samples."""
        settings = self.settings
        return TwoStreams(
            self.split.labeled,
            self.split.unlabeled,
            views=UnlabeledViews(settings.crop, **settings.views),
            sizes=StreamSizes(settings.batch, settings.unlabeled_batch),
            total_steps=settings.steps,
            num_classes=self.data.num_classes,
            seed=settings.seed,
            needs_unlabeled=method_class(settings.method["name"]).uses_unlabeled,
            workers=settings.workers,
        )

    def introduce(self, *notes: str | None) -> None:
        """Say what is about to be trained on what."""
        settings, split = self.settings, self.split
        for note in (*split.notes, *notes):
            if note:
                self.console.say(note)
        self.console.say(
            f"{settings.method['name']}: {len(split.labeled)} labeled, {len(split.unlabeled)} unlabeled, "
            f"{len(split.val)} val images, {self.data.num_classes} classes"
        )
        uses_unlabeled = method_class(settings.method["name"]).uses_unlabeled
        unlabeled = f" + {settings.unlabeled_batch}" if uses_unlabeled else ""
        self.console.say(
            f"{settings.network} on {settings.encoder}, on {settings.device} in "
            f"{'float32' if settings.precision == '32' else settings.precision}; "
            f"{settings.steps} steps of {settings.batch}{unlabeled} crops of {settings.crop} pixels, "
            f"seed {settings.seed}"
        )

    def calibrate(self, seconds: float, evaluate_every: int | None) -> Calibration:
        """Time a few steps and images, and return how many steps fit a budget.

        Args:
            seconds: the budget.
            evaluate_every: steps between evaluations, None if their number does not depend on the steps.
        """
        settings = self.settings
        method = self.build_method()
        training = self.build_training(method)
        started = time.perf_counter()
        method.to(settings.device)
        few = self.split.val[:3]
        evaluate_networks(
            method.networks(),
            few,
            self.data.num_classes,
            device=settings.device,
            precision=settings.precision,
        )
        per_image = (time.perf_counter() - started) / len(few)
        evaluations = -(-settings.steps // settings.evaluate_every)
        return calibrate(
            training,
            self.build_streams(),
            seconds=seconds,
            evaluations=evaluations,
            evaluate_every=evaluate_every,
            seconds_per_evaluation=per_image * len(self.split.val),
            device=settings.device,
            precision=settings.precision,
        )

    def evaluate(self, method: Method) -> dict[str, Scores]:
        """Score every network of a method on the val images."""
        return evaluate_networks(
            method.networks(),
            self.split.val,
            self.data.num_classes,
            device=self.settings.device,
            precision=self.settings.precision,
        )

    def run(self, *, resume: bool) -> dict[str, Any]:
        """Train to the end, or on from the newest checkpoint, and return the summary."""
        settings = self.settings
        method = self.build_method()
        training = self.build_training(method)
        streams = self.build_streams()
        if not resume:
            draw_views(streams, self.data.classes, self.folder.views)
        steps, seconds = parse_interval(settings.checkpoint_every, "checkpoint-every")
        checkpoints = Checkpoints(self.folder, steps=steps, seconds=seconds)
        signals = Signals(checkpoints)
        evaluation = Evaluation(
            self.folder,
            self.console,
            evaluate=lambda: self.evaluate(method),
            every=settings.evaluate_every,
            after=lambda step, scores: self._after_evaluation(method, streams, step, scores),
        )
        if threading.current_thread() is threading.main_thread():
            signals.install()
        try:
            with _trainer_silenced():
                trainer = self._trainer([evaluation, checkpoints, ConsoleLines(self.console), signals])
                trainer.fit(
                    training,
                    datamodule=streams,
                    ckpt_path=str(self.folder.newest_checkpoint) if resume else None,
                    weights_only=True,
                )
        except Interrupted as stopped:
            stopped.run = str(self.folder.root)
            raise
        except SystemExit:  # the trainer's answer to a second SIGINT
            raise KeyboardInterrupt from None
        finally:
            signals.restore()
        return self._finish(method, evaluation)

    def _trainer(self, callbacks: list[pl.Callback]) -> pl.Trainer:
        settings = self.settings
        return pl.Trainer(
            accelerator=settings.device,
            devices=1,
            precision="bf16-mixed" if settings.precision == "bf16" else "32-true",
            max_steps=settings.steps,
            logger=_Events(self.folder.root, name="", version="", default_hp_metric=False),
            callbacks=callbacks,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )

    def _after_evaluation(
        self, method: Method, streams: TwoStreams, step: int, scores: dict[str, Scores]
    ) -> None:
        settings = self.settings
        picture = self.folder.pseudo_labels / f"step_{step:06d}.png"
        draw_pseudo_labels(
            method,
            streams,
            self.data.classes,
            picture,
            threshold=float(settings.method.get("threshold", 0.0)),
            device=settings.device,
            precision=settings.precision,
        )
        # Rounded like the recorded ones, among which this one is already.
        miou = round(scores[method.deployed].miou, 4)
        if settings.select == "best" and miou >= self._best_so_far(method.deployed):
            self._save(method, self.folder.best_weights, step)

    def _best_so_far(self, role: str) -> float:
        return max(float(row[f"miou_{role}"]) for row in self.folder.read_rows())

    def _save(self, method: Method, path: Path, step: int) -> None:
        facts = {
            "classes": list(self.data.classes),
            "role": method.deployed,
            "method": self.settings.method["name"],
            "step": step,
            "precision": self.settings.precision,
        }
        save_network(path, method.networks()[method.deployed], self.network, facts)

    def _finish(self, method: Method, evaluation: Evaluation) -> dict[str, Any]:
        # A run killed after its last step has no scores of this process; its networks are off the device.
        scores = evaluation.last_scores or self.evaluate(method.to(self.settings.device))
        deployed = scores[method.deployed]
        selected: Literal["last", "best"] = "last"
        self._save(method, self.folder.weights, self.settings.steps)
        if self.settings.select == "best" and self.folder.best_weights.is_file():
            shutil.copyfile(self.folder.best_weights, self.folder.weights)
            selected = "best"
        rows = self.folder.read_rows()
        best = max((float(row[f"miou_{method.deployed}"]) for row in rows), default=deployed.miou)
        seconds = evaluation.training_seconds + evaluation.evaluation_seconds
        summary = {
            "method": self.settings.method["name"],
            "seed": self.settings.seed,
            "split_seed": self.settings.split_seed,
            "steps": self.settings.steps,
            "seconds": round(seconds, 1),
            "training_seconds": round(evaluation.training_seconds, 1),
            "labeled_images": len(self.split.labeled),
            "unlabeled_images": len(self.split.unlabeled),
            "val_images": len(self.split.val),
            "val_from": self.split.val_from,
            "miou": round(deployed.miou, 4),
            "miou_best": round(max(best, deployed.miou), 4),
            "select": selected,
            "per_class_iou": {
                name: None if value is None else round(value, 4)
                for name, value in zip(self.data.classes, deployed.per_class, strict=True)
            },
            "networks": {role: round(score.miou, 4) for role, score in scores.items()},
            "deployed": method.deployed,
            "pixel_accuracy": round(deployed.pixel_accuracy, 4),
            "notes": list(self.split.notes),
            **provenance(),
        }
        self.folder.write_summary(summary)
        return summary
