"""One training run from resolved settings to a finished run folder."""

from __future__ import annotations

import shutil
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch import distributed as dist

from mutualseg.atomic_files import replacing
from mutualseg.data.datamodule import StreamSizes, TwoStreams
from mutualseg.data.folder import DataFolder
from mutualseg.data.skipping import SkippedFile, borne
from mutualseg.data.splits import Split
from mutualseg.durations import parse_interval
from mutualseg.engine.agreement import sum_over_processes
from mutualseg.engine.best_weights import BestWeights
from mutualseg.engine.checkpoints import Checkpoints
from mutualseg.engine.collapse_cures import cure
from mutualseg.engine.collapse_guard import CollapseGuard
from mutualseg.engine.cut_records import cut_records
from mutualseg.engine.determinism import repeatable
from mutualseg.engine.evaluation_rounds import Evaluation, EvaluationRounds
from mutualseg.engine.peak_memory import PeakMemory
from mutualseg.engine.processes import share_of
from mutualseg.engine.progress_lines import ProgressLines
from mutualseg.engine.restoring import Restoring
from mutualseg.engine.run_state import RunState, read_saved
from mutualseg.engine.run_writes import writing_into
from mutualseg.engine.signals import Signals
from mutualseg.engine.skipped_files import SkippedFiles
from mutualseg.engine.skipped_steps import SkippedSteps
from mutualseg.engine.summary import summarize
from mutualseg.engine.trainer import build_trainer, trainer_silenced
from mutualseg.engine.training import Training
from mutualseg.errors import DataError, Interrupted, NetworkError, UnusableFileError, WeightsError
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.evaluation.metrics import Scores
from mutualseg.evaluation.network_scores import evaluate_networks
from mutualseg.evaluation.pseudo_label_monitor import PseudoLabelMonitor
from mutualseg.freed_memory import freed_memory_kept
from mutualseg.losses.reduction import process_count
from mutualseg.methods import method_class
from mutualseg.methods.base import Method
from mutualseg.networks.build import NetworkConfig, build_segmenter
from mutualseg.networks.segmenter import Segmenter
from mutualseg.networks.weights_license import UNKNOWN, license_line, license_of
from mutualseg.optimization import Optimization
from mutualseg.reporting.console import RunConsole
from mutualseg.reporting.kept_pictures import picture_at, thin_out
from mutualseg.reporting.training_pictures import draw_pseudo_labels, draw_views
from mutualseg.runs import RunFolder, weights_of
from mutualseg.seeding import address
from mutualseg.settings import Settings
from mutualseg.supervision import Supervision
from mutualseg.views.pipelines import UnlabeledViews
from mutualseg.weights_files import license_in, load_network, save_network


class Session:
    """Everything that a run is made of, built from its settings.

    Args:
        settings: resolved arguments.
        data: the data folder.
        split: which of its images play which part.
        folder: where the run is written.
        console: what it says.
        leads: whether this process writes; only one of several does.
        left_out: images that are not in the split since they cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        data: DataFolder,
        split: Split,
        folder: RunFolder,
        console: RunConsole,
        *,
        leads: bool = True,
        left_out: Sequence[SkippedFile] = (),
    ) -> None:
        self.leads = leads
        self.left_out = tuple(left_out)
        self.settings = settings
        self.data = data
        self.split = split
        self.folder = folder
        self.console = console
        images = data.encoding.images
        self.weights_license = license_of_start(settings)
        self.network = NetworkConfig(
            settings.network, settings.encoder, data.num_classes, images.channels, images.mean, images.std
        )

    def with_settings(self, settings: Settings) -> Session:
        """Return the same run with other settings."""
        changed = Session(
            settings,
            self.data,
            self.split,
            self.folder,
            self.console,
            leads=self.leads,
            left_out=self.left_out,
        )
        if (settings.weights, settings.init) == (self.settings.weights, self.settings.init):
            changed.weights_license = self.weights_license  # a run that goes on starts from no weights now
        return changed

    @property
    def images(self) -> int:
        """How many images the run would use if it could use all."""
        split = self.split
        return len(split.labeled) + len(split.unlabeled) + len(split.val) + len(self.left_out)

    @property
    def skips(self) -> bool:
        """Whether other images stand in for those that cannot be used."""
        return self.settings.on_bad_image == "skip"

    def build_method(self) -> Method:
        """Return a fresh method; the same settings give the same weights."""
        arguments = {key: value for key, value in self.settings.method.items() if key != "name"}
        method = method_class(self.settings.method["name"])(self._build_network, **arguments)
        method.supervised_loss = Supervision(**self.settings.supervision).build()
        return method

    def _build_network(self, role: str, network: str | None = None) -> Segmenter:
        settings = self.settings
        own = self.network if network is None else replace(self.network, network=network)
        seed = address(settings.seed, role)
        if settings.init is None:
            return build_segmenter(own, weights=settings.weights, seed=seed)
        start, config, _ = load_network(weights_of(Path(settings.init)))
        if not config.same_weights(self.network):
            channels = ""
            if config.channels != self.network.channels:
                channels = f" for images of {config.channels} and {self.network.channels} channels"
            raise NetworkError(
                f"--init {settings.init} holds a {config.network} on {config.encoder} with "
                f"{config.num_classes} classes, but this run is a {self.network.network} on "
                f"{self.network.encoder} with {self.network.num_classes}{channels}; choose the same."
            )
        if role == "student_a":
            if own != config:  # other images: they are normalized by what was measured on them
                start.normalize_like(build_segmenter(own))
            return start.train()
        # Two equal students would teach each other nothing: the others take the encoder alone.
        fresh = build_segmenter(own, seed=seed)
        fresh.encoder.load_state_dict(start.encoder.state_dict())
        return fresh

    def build_training(self, method: Method) -> Training:
        """Return the trainer's view of a method."""
        optimization = Optimization(**self.settings.optimization)
        settings = self.settings
        return Training(
            method,
            optimization,
            total_steps=settings.steps,
            seed=settings.seed,
            accumulate=settings.accumulate,
            compile_networks=settings.compile,
            activation_checkpointing=settings.activation_checkpointing,
            synchronize_batch_norm=settings.processes > 1 and settings.device == "cuda",
        )

    def build_streams(self, method: Method) -> TwoStreams:
        """Return the two streams of training samples."""
        settings = self.settings
        return TwoStreams(
            self.split.labeled,
            self.split.unlabeled,
            views=UnlabeledViews(settings.crop, strong_views=method.strong_views, **settings.views),
            sizes=StreamSizes(
                share_of(settings.batch, settings.processes, "batch"),
                share_of(settings.unlabeled_batch, settings.processes, "unlabeled-batch"),
            ),
            total_steps=settings.steps,
            num_classes=self.data.num_classes,
            seed=settings.seed,
            unlabeled_steps=method.unlabeled_steps(settings.steps),
            workers=settings.workers,
            accumulate=settings.accumulate,
            processes=settings.processes,
            encoding=self.data.encoding,
            # A GPU would wait for colors made one image at a time; elsewhere the loader processes make them.
            # Of images that are not 8-bit RGB they always do: batches of such have no changes of their own.
            color_on_device=settings.device == "cuda" and self.data.encoding.images.is_rgb,
            cache=settings.cache,
            # When so many in a row are bad, there are too many in all.
            tries=max(2, 1 + borne(self.images)) if self.skips else 1,
        )

    def introduce(self, *notes: str | None) -> None:
        """Say what is about to be trained on what."""
        settings, split = self.settings, self.split
        for note in (*split.notes, *notes, license_line(self.weights_license)):
            if note:
                self.console.say(note)
        self.console.say(
            f"{settings.method['name']}: {len(split.labeled)} labeled, {len(split.unlabeled)} unlabeled, "
            f"{len(split.val)} val images, {self.data.num_classes} classes"
        )
        uses_unlabeled = method_class(settings.method["name"]).uses_unlabeled
        unlabeled = f" + {settings.unlabeled_batch}" if uses_unlabeled else ""
        times = f"{settings.accumulate} times " if settings.accumulate > 1 else ""
        self.console.say(
            f"{settings.network} on {settings.encoder}, on {settings.device} in "
            f"{'float32' if settings.precision == '32' else settings.precision}; "
            f"{settings.steps} steps of {times}{settings.batch}{unlabeled} crops of {settings.crop} pixels, "
            f"seed {settings.seed}"
        )

    def build_guard(self, method: Method) -> CollapseGuard:
        """Return what watches over the pseudo-labels of a method."""
        settings = self.settings
        return CollapseGuard(
            method,
            self.console,
            mode=settings.guard,
            classes=self.data.classes,
            total_steps=settings.steps,
            advise=lambda finding: cure(
                finding, settings.method, class_weights=settings.supervision["class_weights"]
            ),
        )

    def evaluate(self, method: Method) -> Evaluation:
        """Score every network of a method on the val images, which the processes of a run share.

        None is ever skipped, whatever `--on-bad-image` says: a score of other images than before would look
        like any other.

        Raises:
            UnusableFileError: a val image or its mask cannot be used.
        """
        device = next(method.parameters()).device
        monitor = PseudoLabelMonitor(
            list(method.networks()),
            method.labels_from,
            self.data.num_classes,
            threshold=method.label_threshold(),
        )
        rank = dist.get_rank() if process_count() > 1 else 0
        try:
            scores = evaluate_networks(
                method.networks(),
                self.split.val[rank :: process_count()],
                self.data.num_classes,
                encoding=self.data.encoding,
                device=self.settings.device,
                precision=self.settings.precision,
                options=InferenceOptions(self.settings.window),
                total=lambda counts: sum_over_processes(counts, device),
                monitor=monitor,
            )
        except DataError as error:
            why = " (a val image is never skipped in a run: the score would be another)" if self.skips else ""
            raise UnusableFileError(f"{str(error).removesuffix('.')}{why}.") from None
        return Evaluation(scores, monitor.percentages(self.data.classes))

    def run(self, method: Method, *, resume: bool) -> dict[str, Any]:
        """Train a fresh method to the end, or on from the newest checkpoint, and return the summary."""
        with repeatable(self.settings, self.console), writing_into(self.folder) as check_folder:
            return self._run(method, check_folder, resume=resume)

    def _run(self, method: Method, check_folder: Callable[[], None], *, resume: bool) -> dict[str, Any]:
        settings = self.settings
        memory = PeakMemory(settings.device)
        training = self.build_training(method)
        streams = self.build_streams(method)
        if self.leads:
            cut_records(self.folder, read_saved(self.folder.newest_checkpoint).step if resume else 0)
            if not resume:
                draw_views(streams, self.data.classes, self.folder.views, colors=self.data.colors)
        steps, seconds = parse_interval(settings.checkpoint_every, "checkpoint-every")
        checkpoints = Checkpoints(self.folder, steps=steps, seconds=seconds, check=check_folder)
        signals = Signals(checkpoints)
        skipped = SkippedSteps(self.folder, self.console, streams)
        unusable = SkippedFiles(self.folder, self.console, images=self.images)
        guard = self.build_guard(method)
        rounds = EvaluationRounds(
            self.folder,
            self.console,
            classes=self.data.classes,
            evaluate=lambda: self.evaluate(method),
            every=settings.evaluate_every,
            before=check_folder,
            after=lambda step, scores: self._after_evaluation(method, streams, step, scores),
            guard=guard,
        )
        # In this order: what is recorded of a step comes before its checkpoint, and a signal after it.
        lines = ProgressLines(self.console)
        callbacks = [skipped, guard, rounds, lines, checkpoints, signals, RunState(self.folder)]
        if settings.select == "best":
            callbacks.append(BestWeights(self.folder.best_weights))
        if self.skips:
            callbacks.append(unusable)
        restoring, start = Restoring(), self.folder.newest_checkpoint if resume else None
        callbacks.append(restoring)
        if threading.current_thread() is threading.main_thread():
            signals.install()
        try:
            with trainer_silenced(), freed_memory_kept(settings.device), restoring.refused(start):
                trainer = build_trainer(settings, self.folder.root, callbacks)
                trainer.fit(
                    training,
                    datamodule=streams,
                    ckpt_path=None if start is None else str(start),
                    weights_only=True,
                )
            unusable.refuse_too_many()
            rounds.make_up(trainer, training, settings.device)
        except UnusableFileError as error:
            if trainer.global_step > 0 and training.is_between_steps and process_count() == 1:
                checkpoints.save(trainer)
                advice = f"step {trainer.global_step} is saved, so then go on with"
            elif self.folder.newest_checkpoint.is_file():
                advice = "then go on from the last checkpoint with"
            else:
                raise
            raise UnusableFileError(
                f"{str(error).rstrip('.')}; {advice}: mutualseg train --resume {self.folder.root}"
            ) from None
        except SIGTERMException:  # the trainer's answer to a SIGTERM that came before its first step
            raise Interrupted(signal.SIGTERM.name) from None
        except SystemExit:  # the trainer's answer to a second SIGINT
            raise KeyboardInterrupt from None
        finally:
            signals.restore()
        check_folder()
        return self._finish(method, rounds, memory, guard=guard, skipped=skipped, unusable=unusable.files)

    def _after_evaluation(
        self, method: Method, streams: TwoStreams, step: int, scores: dict[str, Scores]
    ) -> None:
        settings = self.settings
        # Rounded like the recorded ones, among which this one is already.
        miou = round(scores[method.deployed].miou, 4)
        if settings.select == "best" and miou >= self._best_so_far(method.deployed):
            self._save(method, self.folder.best_weights, step)
        picture = picture_at(self.folder.pseudo_labels, step)
        draw_pseudo_labels(
            method,
            streams,
            self.data.classes,
            picture,
            device=settings.device,
            precision=settings.precision,
            colors=self.data.colors,
        )
        thin_out(self.folder.pseudo_labels, step, settings.evaluate_every)

    def _best_so_far(self, role: str) -> float:
        return max(float(row[f"miou_{role}"]) for row in self.folder.read_rows())

    def _save(self, method: Method, path: Path, step: int) -> None:
        facts = {
            "classes": list(self.data.classes),
            "colors": self.data.colors,
            "role": method.deployed,
            "method": self.settings.method["name"],
            "step": step,
            "precision": self.settings.precision,
            "window": self.settings.window,
            "image_code": self.settings.image_code,
            "weights_license": self.weights_license,
        }
        save_network(path, method.networks()[method.deployed], self.network, facts)

    def _finish(
        self,
        method: Method,
        rounds: EvaluationRounds,
        memory: PeakMemory,
        *,
        guard: CollapseGuard,
        skipped: SkippedSteps,
        unusable: Sequence[SkippedFile],
    ) -> dict[str, Any]:
        # A run killed after its last step has no scores of this process; its networks are off the device.
        found = rounds.latest or self.evaluate(method.to(self.settings.device))
        if self.leads:
            self._save(method, self.folder.weights, self.settings.steps)
            if self.settings.select == "best" and self.folder.best_weights.is_file():
                with replacing(self.folder.weights) as partial:
                    shutil.copyfile(self.folder.best_weights, partial)
        rows = self.folder.read_rows()
        summary = summarize(
            self.settings,
            self.split,
            self.data.classes,
            found.scores,
            monitor=found.monitor,
            warnings=guard.warnings,
            skipped_steps=skipped.count,
            deployed=method.deployed,
            recorded={role: [float(row[f"miou_{role}"]) for row in rows] for role in found.scores},
            training_seconds=rounds.training_seconds,
            evaluation_seconds=rounds.evaluation_seconds,
            peak_memory_mb=memory.megabytes(),
            skipped=unusable,
            weights_license=self.weights_license,
        )
        if self.leads:
            self.folder.write_summary(summary)
            if skipped.count:
                self.console.say(
                    f"{skipped.count} of {self.settings.steps} steps were skipped, since their loss or "
                    f"gradient was not finite; the first of them are in {self.folder.bad_batches}."
                )
            per_class = summary["networks_per_class_iou"][method.deployed]
            self.console.per_class(per_class, f"val, {method.deployed} at the last step")
        return summary


def license_of_start(settings: Settings) -> str | None:
    """Return the license of what a run starts from: a run that it goes on from has passed its own on."""
    if settings.init is None:
        return license_of(settings.encoder, settings.weights)
    try:
        return license_in(weights_of(Path(settings.init)))
    except WeightsError:  # refused where it is loaded, and gone where the run is resumed
        return UNKNOWN
