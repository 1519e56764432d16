"""Each part of a mutual step beside its networks, alone, on the shapes of a real step."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from mutualseg.data.encoding import PLAIN
from mutualseg.data.loading import load_image, load_mask
from mutualseg.engine.sample_steps import wait_for
from mutualseg.engine.session import Session
from mutualseg.losses.mutual import mutual_distillation_loss
from mutualseg.losses.pseudo_label import hard_labels
from mutualseg.losses.resize import resize_labels
from mutualseg.losses.semantic_augmentation import ClassStatistics, perturb
from mutualseg.losses.supervised import SupervisedLoss
from mutualseg.methods.base import Progress
from mutualseg.methods.monitor import monitor
from mutualseg.methods.opinion import Opinion
from mutualseg.seeding import generator_at
from mutualseg.types import BranchOutput
from mutualseg.views import cutmix

_WARM_UP, _ROUNDS = 10, 9
"""It takes a few rounds until the allocator finds room for everything without mapping memory anew."""


def parts_ms(session: Session) -> dict[str, float]:
    """Return the median milliseconds of each part.

    views: both streams' crops of one batch from decoded images, on one CPU thread. cutmix: of images,
    validity, and both teachers' logits and features. loss: supervised and distillation, forward and
    backward. isda: class statistics and augmented logits of four networks, forward and backward. ema: both
    teachers. metrics: what a step logs.
    """
    settings = session.settings
    device, batch, crop = settings.device, settings.batch, settings.crop
    method = session.build_method().to(device)
    streams = session.build_streams(method)
    unlabeled = streams.unlabeled
    assert unlabeled is not None
    network = method.students()["student_a"]
    classes, width = network.num_classes, network.num_features
    with torch.no_grad():
        grid = network(torch.rand(2, 3, crop, crop, device=device)).logits.shape[-2:]

    images = [load_image(sample, PLAIN) for sample in session.split.labeled[:batch]]
    masks = [
        load_mask(sample, PLAIN, (image.shape[1], image.shape[2]), classes)
        for sample, image in zip(session.split.labeled, images, strict=False)
    ]
    features = torch.randn(2 * batch, width, *grid, device=device).to(memory_format=torch.channels_last)
    if settings.precision == "bf16":
        features = features.bfloat16()
    weight = network.classifier_weight.detach()
    logits = [
        torch.randn(2 * batch, classes, *grid, device=device, dtype=features.dtype)
        .to(memory_format=torch.channels_last)
        .requires_grad_()
        for _ in range(4)
    ]
    labels = torch.randint(0, classes, (batch, crop, crop), device=device)
    small = resize_labels(labels, (grid[0], grid[1]))
    valid = torch.ones(2 * batch, *grid, dtype=torch.bool, device=device)
    photographs = torch.rand(batch, 3, crop, crop, device=device)
    keep = torch.rand(batch, 1, crop, crop, device=device) > 0.3
    partner = cutmix.partner(batch, device=keep.device)
    statistics_of = [ClassStatistics(classes, width).to(device) for _ in range(4)]
    maps = {role: some.detach().float() for role, some in zip(_ROLES, logits, strict=True)}

    def views() -> None:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        for place, (image, mask) in enumerate(zip(images, masks, strict=True)):
            streams.labeled.views(image, mask, generator_at(0, "labeled", place))
            unlabeled.views(image, generator_at(0, "unlabeled", place))
        torch.set_num_threads(threads)

    def mixing() -> None:
        cutmix.mix(photographs, keep, partner)
        cutmix.mix(keep[:, 0], keep, partner)
        at_grid = cutmix.resize_keep(keep, (grid[0], grid[1]))
        for some in logits[2:]:
            cutmix.mix(some.detach()[batch:], at_grid, partner)
            cutmix.mix(features[batch:], at_grid, partner)

    supervised_loss = SupervisedLoss()

    def loss() -> None:
        a, b, teacher_a, teacher_b = logits
        total = sum(supervised_loss(some[:batch], labels) for some in (a, b))
        keeps = (valid, valid)
        distilled = mutual_distillation_loss(
            (a, b), (teacher_a, teacher_b), teacher_keep=keeps, peer_keep=keeps, valid=valid
        )
        (total + distilled.total).backward()

    def isda() -> None:
        augmented = [
            perturb(BranchOutput(some, features, weight, state), small, 1.0, valid=valid)
            for some, state in zip(logits, statistics_of, strict=True)
        ]
        torch.stack([some.sum() for some in augmented]).sum().backward()

    def metrics() -> None:
        said = {role: Opinion(some, hard_labels(some), valid, valid) for role, some in maps.items()}
        monitor(said, valid, batch)

    parts: dict[str, Callable[[], None]] = {
        "views": views,
        "cutmix": mixing,
        "loss": loss,
        "isda": isda,
        "ema": lambda: method.after_step(Progress(900, 1000)),
        "metrics": metrics,
    }
    return {name: median_ms(part, device) for name, part in parts.items()}


_ROLES = ("student_a", "student_b", "teacher_a", "teacher_b")


def median_ms(part: Callable[[], None], device: str) -> float:
    """Return the median milliseconds of one part, once the allocator has settled."""
    times = []
    for _ in range(_WARM_UP + _ROUNDS):
        started = time.perf_counter()
        part()
        wait_for(device)
        times.append(1000 * (time.perf_counter() - started))
    return round(statistics.median(times[_WARM_UP:]), 3)
