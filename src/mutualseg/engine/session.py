"""What one training run is made of, built from its resolved settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import distributed as dist

from mutualseg.data.datamodule import StreamSizes, TwoStreams
from mutualseg.data.folder import DataFolder
from mutualseg.data.skipping import SkippedFile, borne
from mutualseg.data.splits import Split
from mutualseg.engine.agreement import from_every_process, total_on_cpu
from mutualseg.engine.collapse_cures import cure
from mutualseg.engine.collapse_guard import OFF, CollapseGuard
from mutualseg.engine.evaluation_rounds import Evaluation
from mutualseg.engine.processes import share_of
from mutualseg.engine.starting_weights import build_start, license_of_start
from mutualseg.engine.teachers import Teachers, load_teachers
from mutualseg.engine.training import Training
from mutualseg.errors import DataError, UnusableFileError
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.evaluation.network_scores import evaluate_networks
from mutualseg.evaluation.pseudo_label_monitor import PseudoLabelMonitor
from mutualseg.losses.reduction import process_count
from mutualseg.methods import method_class
from mutualseg.methods.base import Method
from mutualseg.methods.distillation import Distillation
from mutualseg.networks.build import NetworkConfig
from mutualseg.networks.segmenter import Segmenter
from mutualseg.networks.weights_license import license_line
from mutualseg.optimization import Optimization
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings
from mutualseg.supervision import Supervision
from mutualseg.views.pipelines import UnlabeledViews


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
        if isinstance(method, Distillation):
            method.teach_by(self._load_teachers())
        return method

    def _load_teachers(self) -> dict[str, Segmenter]:
        return load_teachers(
            Teachers.from_plain(self.settings.teachers or {}),
            beside=self.folder.root,
            num_classes=self.network.num_classes,
            channels=self.network.channels,
        )

    def _build_network(self, role: str, network: str | None = None) -> Segmenter:
        own = self.network if network is None else replace(self.network, network=network)
        return build_start(self.settings, self.network, own, role)

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
        uses_unlabeled = method_class(settings.method["name"]).uses_unlabeled and split.unlabeled
        others = f"{len(split.unlabeled)} unlabeled, " if uses_unlabeled else ""
        self.console.say(
            f"{settings.method['name']}: {len(split.labeled)} labeled, {others}"
            f"{len(split.val)} val images, {self.data.num_classes} classes"
        )
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
            # Teachers that are frozen cannot collapse.
            mode=settings.guard if settings.teachers is None else OFF,
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
                complete=lambda: self._refuse_together(None),
                total=lambda counts: total_on_cpu(counts, device),
                monitor=monitor,
            )
        except DataError as error:
            self._refuse_together(error)
            raise
        return Evaluation(scores, monitor.percentages(self.data.classes))

    def _refuse_together(self, own: DataError | None) -> None:
        """Raise UnusableFileError in every process if one of them has a val image that cannot be used."""
        found = from_every_process(None if own is None else str(own))
        message = next((each for each in found if each is not None), None)
        if message is not None:
            why = " (a val image is never skipped in a run: the score would be another)" if self.skips else ""
            raise UnusableFileError(f"{message.removesuffix('.')}{why}.") from None
