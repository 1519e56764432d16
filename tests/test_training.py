from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from mutualseg.data.collating import collate_labeled
from mutualseg.data.datamodule import StreamSizes, TwoStreams
from mutualseg.data.folder import read_folder
from mutualseg.engine.sample_steps import SampleSteps
from mutualseg.engine.training import Training
from mutualseg.errors import DataError, TrainingError, UnusableFileError
from mutualseg.methods.base import Method, Progress
from mutualseg.methods.labels_only import LabelsOnly
from mutualseg.methods.mutual import Mutual
from mutualseg.optimization import Optimization
from mutualseg.reporting.training_pictures import draw_pseudo_labels, draw_views
from mutualseg.types import Batch
from mutualseg.views.pipelines import UnlabeledViews
from tests.conftest import CLASSES, parts

if TYPE_CHECKING:
    from mutualseg.networks.segmenter import Segmenter
    from tests.conftest import BuildTiny

pytestmark = [
    # Lightning 2.6 still makes the LeafSpec that torch 2.9 deprecated.
    pytest.mark.filterwarnings("ignore:.*LeafSpec.* is deprecated:FutureWarning"),
    # Teachers are in evaluation mode on purpose.
    pytest.mark.filterwarnings("ignore:Found .* in eval mode at the start of training"),
    # Advice on loader processes, which runs of a few steps do not need.
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
]

CROP = 18  # no multiple of the network's 4


def make_streams(
    root: Path,
    steps: int,
    *,
    needs_unlabeled: bool = True,
    accumulate: int = 1,
    size: int = 2,
    color_on_device: bool = False,
) -> TwoStreams:
    folder = read_folder(root)
    return TwoStreams(
        folder.labeled,
        [sample for sample in folder.train if sample.mask is None],
        views=UnlabeledViews(CROP),
        sizes=StreamSizes(size, size),
        total_steps=steps,
        num_classes=3,
        seed=0,
        unlabeled_steps=range(steps if needs_unlabeled else 0),
        workers=0,
        accumulate=accumulate,
        color_on_device=color_on_device,
    )


class Watch(pl.Callback):
    """Calls back at two points of a step."""

    def __init__(
        self,
        *,
        before_optimizer: Callable[[Training, Any], None] = lambda training, optimizer: None,
        after_batch: Callable[[Training], None] = lambda training: None,
    ) -> None:
        self.before_optimizer = before_optimizer
        self.after_batch = after_batch

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Any
    ) -> None:
        assert isinstance(pl_module, Training)
        self.before_optimizer(pl_module, optimizer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, Training)
        self.after_batch(pl_module)


def make_trainer(steps: int, *callbacks: pl.Callback, accumulate: int = 1) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        max_steps=steps,
        accumulate_grad_batches=accumulate,
        logger=False,
        callbacks=list(callbacks),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )


def make_mutual(tiny_segmenter: BuildTiny, **options: Any) -> Mutual:
    off = ("burn_in", "ramp", "cooldown", "threshold", "peer_threshold")
    settings = {**dict.fromkeys(off, 0.0), **options}
    return Mutual(tiny_segmenter, **settings)


def make_training(
    method: Method, *, total_steps: int, seed: int = 0, accumulate: int = 1, **options: Any
) -> Training:
    return Training(
        method, Optimization(**options), total_steps=total_steps, seed=seed, accumulate=accumulate
    )


@pytest.mark.parametrize(("power", "warmup"), [(0.9, 0), (1.0, 2)])
def test_rates_follow_the_schedule(
    tiny_segmenter: BuildTiny, tiny_data: Path, power: float, warmup: int
) -> None:
    rates: list[list[float]] = []
    training = make_training(
        LabelsOnly(tiny_segmenter),
        total_steps=4,
        encoder_rate=0.1,
        decoder_rate=0.3,
        poly_power=power,
        warmup=warmup,
    )
    watch = Watch(before_optimizer=lambda _, opt: rates.append([g["lr"] for g in opt.param_groups]))
    make_trainer(4, watch).fit(training, datamodule=make_streams(tiny_data, 4, needs_unlabeled=False))
    rise = [min((step + 1) / (warmup + 1), 1) for step in range(4)]
    factors = [rise[step] * (1 - step / 4) ** power for step in range(4)]
    assert rates == [pytest.approx([0.1 * factor, 0.3 * factor]) for factor in factors]


def test_teachers_move_once_per_optimizer_step(
    tiny_segmenter: BuildTiny, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two batches are accumulated into each step: after the first of them nothing moves."""
    method = make_mutual(tiny_segmenter)
    moves: list[Progress] = []
    after_step = method.after_step

    def noting(progress: Progress) -> None:
        moves.append(progress)
        after_step(progress)

    monkeypatch.setattr(method, "after_step", noting)
    counts: list[int] = []
    weights: list[tuple[Tensor, Tensor]] = []

    def note(_: Training) -> None:
        counts.append(len(moves))
        networks = method.teacher_a.network, method.student_a
        weights.append(tuple(n.classifier.weight.detach().clone() for n in networks))  # type: ignore[arg-type]

    start = method.teacher_a.network.classifier.weight.clone()
    training = make_training(method, total_steps=3, accumulate=2)
    trainer = make_trainer(3, Watch(after_batch=note), accumulate=2)
    trainer.fit(training, datamodule=make_streams(tiny_data, 3, accumulate=2))
    assert moves == [Progress(1, 3), Progress(2, 3), Progress(3, 3)]
    assert counts == [0, 1, 1, 2, 2, 3]
    teachers, students = zip(*weights, strict=True)
    assert torch.equal(teachers[0], start)
    assert torch.equal(teachers[1], students[1])  # the first update copies
    assert not torch.equal(students[1], start)
    assert torch.equal(teachers[2], teachers[1])
    torch.testing.assert_close(teachers[3], (teachers[1] + students[3]) / 2)  # 1 - 1/2
    assert torch.equal(teachers[4], teachers[3])
    torch.testing.assert_close(teachers[5], teachers[3] * 2 / 3 + students[5] / 3)  # 1 - 1/3


def test_accumulated_batches_are_those_of_the_larger_batch(
    tiny_segmenter: BuildTiny, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def batches(size: int, accumulate: int) -> list[Batch]:
        method = make_mutual(tiny_segmenter)
        seen: list[Batch] = []
        step = method.step

        def noting(batch: Batch, progress: Progress) -> Any:
            seen.append(batch)
            return step(batch, progress)

        monkeypatch.setattr(method, "step", noting)
        training = make_training(method, total_steps=2, accumulate=accumulate)
        streams = make_streams(tiny_data, 2, size=size, accumulate=accumulate)
        make_trainer(2, accumulate=accumulate).fit(training, datamodule=streams)
        assert training.is_between_steps
        return seen

    whole, halves = batches(4, 1), batches(2, 2)
    assert [len(whole), len(halves)] == [2, 4]
    for place, one in enumerate(whole):
        first, second = halves[2 * place : 2 * place + 2]
        for part, a, b in zip(one, first, second, strict=True):
            for large, *small in zip(parts(part), parts(a), parts(b), strict=True):  # type: ignore[arg-type]
                assert torch.equal(large, torch.cat(small))


def test_accumulated_gradients_are_averaged(tiny_segmenter: BuildTiny, tiny_data: Path) -> None:
    def build() -> LabelsOnly:
        return LabelsOnly(lambda role: tiny_segmenter(role, patchwise=True))

    method, fresh = build(), build()
    found: list[Tensor | None] = []
    watch = Watch(before_optimizer=lambda *_: found.append(method.student_a.classifier.weight.grad))
    training = make_training(method, total_steps=1, accumulate=2)
    streams = make_streams(tiny_data, 1, needs_unlabeled=False, accumulate=2)
    make_trainer(1, watch, accumulate=2).fit(training, datamodule=streams)
    single: list[Tensor] = []
    for place in (0, 2):
        batch = collate_labeled([streams.labeled[place], streams.labeled[place + 1]])
        loss = make_training(fresh, total_steps=1).loss_at({"labeled": batch}, Progress(0, 1))
        single += torch.autograd.grad(loss, [fresh.student_a.classifier.weight])
    assert found[0] is not None
    torch.testing.assert_close(found[0], (single[0] + single[1]) / 2)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="a CPU's networks are compiled by g++")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the compiler's own
def test_compiled_networks_compute_the_same(tiny_segmenter: BuildTiny, tiny_data: Path) -> None:
    plain, compiled = (
        Training(LabelsOnly(tiny_segmenter), Optimization(), total_steps=1, seed=0, compile_networks=compiles)
        for compiles in (False, True)
    )
    streams = make_streams(tiny_data, 1, needs_unlabeled=False)
    batch = {"labeled": collate_labeled([streams.labeled[0], streams.labeled[1]])}
    losses, gradients = [], []
    for training in (plain, compiled):
        training.make_ready()
        loss = training.loss_at(batch, Progress(0, 1))
        student = training.method.students()["student_a"]
        losses.append(loss)
        gradients.append(torch.autograd.grad(loss, [student.classifier.weight])[0])
        assert (student._compiled_call_impl is not None) == training.compile_networks
        assert not any("_orig_mod" in name for name in student.state_dict())
    torch.testing.assert_close(losses[1], losses[0])
    torch.testing.assert_close(gradients[1], gradients[0])


def test_progress_is_what_the_method_sees(
    tiny_segmenter: BuildTiny, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = make_mutual(tiny_segmenter, burn_in=0.5)
    seen: list[tuple[Batch, Progress]] = []
    step = method.step

    def noting(batch: Batch, progress: Progress) -> Any:
        seen.append((batch, progress))
        return step(batch, progress)

    monkeypatch.setattr(method, "step", noting)
    make_trainer(4).fit(make_training(method, total_steps=4), datamodule=make_streams(tiny_data, 4))
    assert [progress for _, progress in seen] == [Progress(done, 4) for done in range(4)]
    assert [batch.unlabeled is None for batch, _ in seen] == [True, True, False, False]


def test_a_batch_is_padded_to_the_multiple_of_the_network(
    tiny_segmenter: BuildTiny, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = make_mutual(tiny_segmenter)
    seen: list[Batch] = []
    step = method.step

    def noting(batch: Batch, progress: Progress) -> Any:
        seen.append(batch)
        return step(batch, progress)

    monkeypatch.setattr(method, "step", noting)
    streams = make_streams(tiny_data, 1)
    make_trainer(1).fit(make_training(method, total_steps=1), datamodule=streams)
    labeled, unlabeled = seen[0].labeled, seen[0].unlabeled
    assert unlabeled is not None
    assert streams.unlabeled is not None
    made = [torch.stack(part) for part in zip(streams.labeled[0], streams.labeled[1], strict=True)]
    views = [torch.stack(part) for part in zip(streams.unlabeled[0], streams.unlabeled[1], strict=True)]  # type: ignore[arg-type]
    outside = torch.ones(20, 20, dtype=torch.bool)
    outside[:CROP, :CROP] = False
    pairs = [(labeled.images, made[0] / 255, 0.5), (labeled.masks, made[1], 255), (labeled.valid, made[2], 0)]
    pairs += [(unlabeled.weak, views[0] / 255, 0.5), (unlabeled.strong, views[1] / 255, 0.5)]
    pairs += [(unlabeled.valid, views[2], 0), (unlabeled.keep, views[3], 1)]
    for padded, original, value in pairs:
        assert padded.shape[-2:] == (20, 20)
        assert torch.equal(padded[..., :CROP, :CROP], original)
        assert (padded[..., outside] == value).all()
    assert labeled.images.dtype == unlabeled.weak.dtype == torch.float32


def test_latest_holds_named_terms_and_their_sum(tiny_segmenter: BuildTiny, tiny_data: Path) -> None:
    training = make_training(make_mutual(tiny_segmenter), total_steps=1)
    assert not training.latest
    make_trainer(1).fit(training, datamodule=make_streams(tiny_data, 1))
    terms = ("supervised_a", "supervised_b", "teacher", "peer")
    assert {"loss", "kept", "students_disagree", *terms} <= set(training.latest)
    total = sum(float(training.latest[term]) for term in terms)
    assert float(training.latest["loss"]) == pytest.approx(total)
    assert not any(value.requires_grad for value in training.latest.values())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_weight_that_is_no_number_is_an_error(
    tiny_segmenter: BuildTiny, tiny_data: Path, value: float
) -> None:
    method = LabelsOnly(tiny_segmenter)
    training = make_training(method, total_steps=3)
    training.check_finite()  # nothing yet

    def spoil(own: Training) -> None:
        own.check_finite()
        nn.init.constant_(method.student_a.classifier.weight[0], value)

    streams = make_streams(tiny_data, 3, needs_unlabeled=False)
    with pytest.raises(TrainingError, match=r"A weight became (nan|inf) at step \d; train again with lower"):
        make_trainer(3, Watch(after_batch=spoil)).fit(training, datamodule=streams)


def test_an_unreadable_file_is_an_error_that_names_it(tiny_segmenter: BuildTiny, tiny_data: Path) -> None:
    streams = make_streams(tiny_data, 2)
    for path in (tiny_data / "images" / "train").iterdir():
        path.write_bytes(b"no image")
    training = make_training(make_mutual(tiny_segmenter), total_steps=2)
    with pytest.raises(DataError, match=r"images/train/\d\d\.png") as caught:
        make_trainer(2).fit(training, datamodule=streams)
    assert "Traceback" not in str(caught.value)


def test_an_unlabeled_file_that_no_longer_teaches_ends_nothing(
    tiny_segmenter: BuildTiny, tiny_data: Path
) -> None:
    """As after the last rollback of a guard, when loaders still deliver unlabeled images."""
    streams = make_streams(tiny_data, 2)
    assert streams.unlabeled is not None
    for sample in streams.unlabeled.samples:
        sample.image.write_bytes(b"")
    training = make_training(make_mutual(tiny_segmenter, burn_in=0.0), total_steps=2)
    with pytest.raises(UnusableFileError, match="empty"):
        make_trainer(2).fit(training, datamodule=streams)
    training = make_training(make_mutual(tiny_segmenter, burn_in=0.0), total_steps=2)
    training.method.unlabeled_factor = 0.0
    trainer = make_trainer(2)
    trainer.fit(training, datamodule=make_streams(tiny_data, 2))
    assert trainer.global_step == 2


def with_dropout(tiny_segmenter: BuildTiny) -> Callable[[str], Segmenter]:
    def build(role: str) -> Segmenter:
        network = tiny_segmenter(role)
        network.neck = nn.Sequential(nn.Tanh(), nn.Dropout(0.5))
        return network

    return build


def train_once(build: Callable[[str], Segmenter], root: Path, *, seed: int = 0, before: int = 0) -> Tensor:
    torch.manual_seed(before)
    training = make_training(LabelsOnly(build), total_steps=2, seed=seed)
    make_trainer(2).fit(training, datamodule=make_streams(root, 2, needs_unlabeled=False))
    return training.method.networks()["student_a"].classifier.weight.detach()


def test_dropout_is_addressed_by_seed_and_step(tiny_segmenter: BuildTiny, tiny_data: Path) -> None:
    build = with_dropout(tiny_segmenter)
    first = train_once(build, tiny_data)
    assert torch.equal(first, train_once(build, tiny_data, before=7))
    assert not torch.equal(first, train_once(build, tiny_data, seed=1))
    for accumulate in (1, 2):
        seeds: list[int] = []
        watch = Watch(after_batch=lambda _, seeds=seeds: seeds.append(torch.initial_seed()))  # type: ignore[misc]
        training = make_training(LabelsOnly(build), total_steps=3, accumulate=accumulate)
        streams = make_streams(tiny_data, 3, needs_unlabeled=False, accumulate=accumulate)
        make_trainer(3, watch, accumulate=accumulate).fit(training, datamodule=streams)
        assert len(set(seeds)) == 3 * accumulate


# It restarts the loaders, and ours begin at the global step: that this is right is what is tested.
@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch")
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_resumed_run_ends_where_the_whole_one_does(
    tiny_segmenter: BuildTiny, tiny_data: Path, tmp_path: Path, accumulate: int
) -> None:
    """Optimizer, teachers, statistics, data, dropout and schedules all go on."""
    build = with_dropout(tiny_segmenter)
    checkpoint = tmp_path / "half.ckpt"

    def make() -> Training:
        method = Mutual(build, burn_in=0.0, ramp=0.5, threshold=0.4, peer_threshold=0.4)
        return make_training(method, total_steps=4, accumulate=accumulate)

    def streams() -> TwoStreams:
        return make_streams(tiny_data, 4, accumulate=accumulate)

    whole, half, rest = make(), make(), make()
    make_trainer(4, accumulate=accumulate).fit(whole, datamodule=streams())
    trainer = make_trainer(2, accumulate=accumulate)
    trainer.fit(half, datamodule=streams())
    trainer.save_checkpoint(checkpoint)
    make_trainer(4, accumulate=accumulate).fit(
        rest, datamodule=streams(), ckpt_path=str(checkpoint), weights_only=True
    )
    assert rest.global_step == 4
    expected, before = whole.state_dict(), half.state_dict()
    for key, value in rest.state_dict().items():
        assert torch.equal(value, expected[key]), key
    moved = "method.student_a.classifier.weight"
    assert not torch.equal(before[moved], expected[moved])


def test_colors_made_in_the_step_are_those_of_the_loaders(
    tiny_segmenter: BuildTiny, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[bool, list[Batch]] = {}
    for late in (False, True):
        method = make_mutual(tiny_segmenter, burn_in=0.5)
        step = method.step
        received = seen.setdefault(late, [])

        def noting(
            batch: Batch, progress: Progress, step: Any = step, received: list[Batch] = received
        ) -> Any:
            received.append(batch)
            return step(batch, progress)

        monkeypatch.setattr(method, "step", noting)
        streams = make_streams(tiny_data, 4, color_on_device=late)
        make_trainer(4).fit(make_training(method, total_steps=4), datamodule=streams)
    assert [batch.unlabeled is None for batch in seen[True]] == [True, True, False, False]
    for early, later in zip(seen[False], seen[True], strict=True):
        pairs = [*zip(early.labeled, later.labeled, strict=True)]
        if early.unlabeled is not None and later.unlabeled is not None:
            pairs += zip(parts(early.unlabeled), parts(later.unlabeled), strict=True)
        for one, two in pairs:
            assert (one.dtype, one.shape, one.stride()) == (two.dtype, two.shape, two.stride())
            apart = (one.float() - two.float()).abs()
            assert apart.max() <= 6 / 255
            assert (apart > 0).float().mean() < 0.005


def test_pictures_and_sample_steps_work_with_colors_made_later(
    tiny_segmenter: BuildTiny, tiny_data: Path, tmp_path: Path
) -> None:
    pictures = {}
    for late in (False, True):
        streams = make_streams(tiny_data, 2, color_on_device=late)
        method = make_mutual(tiny_segmenter)
        views, labels = tmp_path / f"views_{late}.png", tmp_path / f"labels_{late}.png"
        draw_views(streams, CLASSES, views)
        draw_pseudo_labels(method, streams, CLASSES, labels, device="cpu", precision="32")
        pictures[late] = views.read_bytes(), labels.read_bytes()
        training = make_training(method, total_steps=2)
        SampleSteps(training, streams, device="cpu", precision="32")(0.9)
        assert math.isfinite(float(training.latest["loss"]))
    assert pictures[False] == pictures[True]
