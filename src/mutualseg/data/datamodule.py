"""The two streams of a run as loaders: labeled and unlabeled crops, delivered together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.utilities import CombinedLoader
from torch.utils.data import DataLoader

from mutualseg.data.cache_choice import open_cache
from mutualseg.data.collating import collate_labeled, collate_unlabeled
from mutualseg.data.encoding import PLAIN, Encoding
from mutualseg.data.loading import Shelf
from mutualseg.data.samples import Sample
from mutualseg.data.streams import LabeledStream, Positions, UnlabeledStream
from mutualseg.data.worker_signals import leave_signals_to_the_training
from mutualseg.freed_memory import give_freed_memory_back
from mutualseg.views.pipelines import LabeledViews, UnlabeledViews


@dataclass(frozen=True)
class StreamSizes:
    """How many images of each kind one process takes in a micro-step."""

    labeled: int
    unlabeled: int


class TwoStreams(pl.LightningDataModule):
    """Labeled and unlabeled training crops.

    One endless epoch: the loaders start where the trainer's global step says, so that a resumed run
    goes on with the very next sample.

    Args:
        labeled: samples with masks.
        unlabeled: samples without; may be empty if no step needs one.
        views: of the unlabeled stream; the labeled one takes the same scale, flip and weak colors.
        sizes: images per process and micro-step.
        total_steps: optimizer steps of the whole run.
        num_classes: K.
        seed: addresses every choice of both streams.
        unlabeled_steps: steps that look at unlabeled images; it may be empty.
        workers: loader processes per stream; 0 loads in the training process.
        accumulate: micro-steps per optimizer step.
        processes: that share each step.
        encoding: how the files of the samples are read.
        color_on_device: deliver crops whose color changes are drawn and not made, for the training to make
            them where it computes.
        cache: where decoded images that are drawn more than once are kept (see `open_cache`).
        tries: files that are tried at a position at most; 1 lets none stand in for a bad one.
    """

    def __init__(
        self,
        labeled: Sequence[Sample],
        unlabeled: Sequence[Sample],
        *,
        views: UnlabeledViews,
        sizes: StreamSizes,
        total_steps: int,
        num_classes: int,
        seed: int,
        unlabeled_steps: range,
        workers: int,
        accumulate: int = 1,
        processes: int = 1,
        encoding: Encoding = PLAIN,
        color_on_device: bool = False,
        cache: str = "off",
        tries: int = 1,
    ) -> None:
        super().__init__()
        labeled_views = LabeledViews(
            views.crop, scale=views.scale, flip=views.flip, weak_strength=views.weak_strength
        )
        per_step = accumulate * processes * sizes.unlabeled
        positions = range(unlabeled_steps.start * per_step, unlabeled_steps.stop * per_step)
        repeats = len(positions) > len(unlabeled)
        self.store = open_cache(
            cache, labeled, unlabeled if repeats else (), processes=processes, images=encoding.images
        )
        self.labeled = LabeledStream(
            labeled,
            labeled_views,
            num_classes=num_classes,
            seed=seed,
            encoding=encoding,
            color_on_device=color_on_device,
            shelf=Shelf(self.store),
            tries=tries,
        )
        self.unlabeled = None
        if unlabeled_steps:
            self.unlabeled = UnlabeledStream(
                unlabeled,
                views,
                seed=seed,
                positions=positions,
                encoding=encoding,
                color_on_device=color_on_device,
                shelf=Shelf(self.store, 2 * len(labeled)) if repeats else None,
                tries=tries,
            )
        self.sizes = sizes
        self.total_steps = total_steps
        self.workers = workers
        self.accumulate = accumulate
        self.processes = processes

    def train_dataloader(self) -> CombinedLoader:
        """Return the loaders from the trainer's global step on."""
        step = self.trainer.global_step if self.trainer is not None else 0
        loaders = {"labeled": self._loader(self.labeled, self.sizes.labeled, step, collate_labeled)}
        if self.unlabeled is not None:
            loaders["unlabeled"] = self._loader(self.unlabeled, self.sizes.unlabeled, step, collate_unlabeled)
        return CombinedLoader(loaders, "min_size")

    def teardown(self, stage: str) -> None:
        """Give back the space of decoded images: the trainer's references would keep it for long."""
        if self.store is not None:
            self.store.close()

    def _loader(self, stream: Any, size: int, step: int, collate: Any) -> DataLoader[Any]:
        per_step = self.accumulate * self.processes * size
        positions = Positions(
            step * per_step,
            self.total_steps * per_step,
            size=size,
            rank=self.trainer.global_rank if self.processes > 1 and self.trainer is not None else 0,
            processes=self.processes,
        )
        return DataLoader(
            stream,
            batch_size=size,
            sampler=positions,
            num_workers=self.workers,
            collate_fn=collate,
            worker_init_fn=_start_worker,
            pin_memory=self.trainer is not None and self.trainer.strategy.root_device.type == "cuda",
        )


def _start_worker(number: int) -> None:
    # Forked while the training keeps what it frees: a loader would keep its largest photograph for good.
    give_freed_memory_back()
    leave_signals_to_the_training()
