"""A step whose loss or gradient is not finite changes nothing, is counted, and ten in a row are the end."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import pytorch_lightning as pl
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mutualseg.data.datamodule import TwoStreams
from mutualseg.data.loading import load_image
from mutualseg.data.past_batches import BatchPlace, files_of, tensors_of
from mutualseg.data.samples import Sample
from mutualseg.data.skipping import BadFile
from mutualseg.data.streams import Positions
from mutualseg.engine.agreement import any_host, from_every_process, is_finite_everywhere
from mutualseg.engine.session import Session
from mutualseg.engine.skipped_steps import MOST_IN_A_ROW, SkippedSteps, gradient_norm
from mutualseg.engine.training import Training
from mutualseg.errors import DataError, TrainingError, UnusableFileError
from mutualseg.methods.base import Method, Progress
from mutualseg.reporting.console import RunConsole
from mutualseg.runs import RunFolder
from mutualseg.types import Batch, StepOutput
from tests.test_processes import free_port
from tests.test_training import Watch, make_mutual, make_streams, make_trainer, make_training

if TYPE_CHECKING:
    from tests.conftest import BuildTiny

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.* is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Found .* in eval mode at the start of training"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
]


def spoil_loss(
    method: Method,
    steps: Collection[int],
    value: float = math.nan,
    *,
    accumulate: int = 1,
    with_gradient: bool = True,
) -> None:
    """Let the teacher's term be no number in the first micro-step of some steps, from 0 on."""
    step = method.step
    calls = [0]

    def step_of(batch: Batch, progress: Progress) -> StepOutput:
        output = step(batch, progress)
        if progress.step in steps and calls[0] % accumulate == 0:
            spoiled = output.losses["teacher"] * value
            output.losses["teacher"] = spoiled if with_gradient else spoiled.detach()
        calls[0] += 1
        return output

    method.step = step_of  # type: ignore[method-assign]


def everything(training: Training) -> dict[str, Tensor]:
    """Return copies of all weights, statistics and moments."""
    state = {name: tensor.clone() for name, tensor in training.method.state_dict().items()}
    optimizer: Any = training.optimizers()
    for index, moments in enumerate(optimizer.state.values()):
        state |= {f"{index} {name}": value.clone() for name, value in moments.items() if value is not None}
    return state


def run(
    training: Training, streams: TwoStreams, root: Path, steps: int, *callbacks: pl.Callback
) -> SkippedSteps:
    skipped = SkippedSteps(RunFolder(root), RunConsole(quiet=True), streams)
    trainer = make_trainer(steps, skipped, *callbacks, accumulate=training.accumulate)
    trainer.fit(training, datamodule=streams)
    return skipped


@pytest.mark.parametrize(
    ("spoiled", "reason"),
    [
        ("nan", "the loss term 'teacher' became nan"),
        ("nan without gradient", "the loss term 'teacher' became nan"),
        ("inf", "the loss term 'teacher' became inf"),
        ("gradient", "the gradient of student_b became inf (in classifier.weight)"),
        ("square", "the gradient of student_b became inf (in classifier.weight)"),
    ],
)
@pytest.mark.parametrize(("optimizer", "accumulate"), [("adamw", 1), ("sgd", 2)])
def test_a_skipped_step_changes_nothing(
    spoiled: str,
    reason: str,
    optimizer: str,
    accumulate: int,
    tiny_segmenter: BuildTiny,
    tiny_data: Path,
    tmp_path: Path,
) -> None:
    method = make_mutual(tiny_segmenter, augment_teachers=True, teacher_batch_norm="own")
    training = make_training(method, total_steps=4, accumulate=accumulate, optimizer=optimizer)
    of_gradient = {"gradient": math.inf, "square": 1e30}.get(spoiled)
    if of_gradient is None:
        value, *rest = spoiled.split()
        spoil_loss(method, [2], float(value), accumulate=accumulate, with_gradient=not rest)
    else:
        weight = method.student_b.classifier.weight
        weight.register_hook(lambda grad: grad + of_gradient if training.global_step == 2 else grad)
    states: list[dict[str, Tensor]] = []
    seen = Watch(after_batch=lambda own: states.append(everything(own)) if own.is_between_steps else None)
    streams = make_streams(tiny_data, 4, accumulate=accumulate)
    skipped = run(training, streams, tmp_path, 4, seen)

    assert (skipped.count, skipped.in_a_row, training.global_step) == (1, 0, 4)
    before, after = states[1], states[2]
    assert before.keys() == after.keys()
    assert [name for name in before if not torch.equal(before[name], after[name])] == []
    for one, two in ((0, 1), (2, 3)):  # the steps beside it do move all that a step moves
        moved = {name for name in states[one] if not torch.equal(states[one][name], states[two][name])}
        roles = {"student_a", "student_b", "teacher_a", "teacher_b", "statistics", "label_weights"}
        assert roles <= {name.split(".")[0] for name in moved}
    assert all(bool(tensor.isfinite().all()) for tensor in states[3].values())

    facts = json.loads((tmp_path / "bad_batches/step_000003.json").read_text(encoding="utf-8"))
    assert (facts["step"], facts["reason"]) == (3, reason)
    assert len(facts["losses"]) == accumulate
    assert (facts["losses"][0]["teacher"] in ("nan", "inf")) == (of_gradient is None)
    blamed = 2 if of_gradient is None else 2 * accumulate
    assert len(facts["labeled"]) == len(facts["unlabeled"]) == blamed
    held = load_file(tmp_path / "bad_batches/step_000003.safetensors")
    assert held["labeled.images"].shape == held["unlabeled.strong"].shape == (2, 3, 18, 18)


def test_a_full_disk_names_the_bad_batch(
    tiny_segmenter: BuildTiny, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The facts are kept; of the tensors, which are larger, no half file is."""

    def full(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half")
        raise SafetensorError("Error while serializing: I/O error: full (os error 28)")

    monkeypatch.setattr("mutualseg.tensor_files.save_file", full)
    method = make_mutual(tiny_segmenter)
    spoil_loss(method, [0])
    with pytest.raises(OSError, match="No space left") as raised:
        run(make_training(method, total_steps=1), make_streams(tiny_data, 1), tmp_path, 1)
    folder = tmp_path / "bad_batches"
    assert raised.value.filename == str(folder / "step_000001.safetensors")
    assert [path.name for path in folder.iterdir()] == ["step_000001.json"]


def test_finite_steps_are_as_without_the_callback(
    tiny_segmenter: BuildTiny, tiny_data: Path, tmp_path: Path
) -> None:
    plain, watched = (make_training(make_mutual(tiny_segmenter), total_steps=3) for _ in range(2))
    make_trainer(3).fit(plain, datamodule=make_streams(tiny_data, 3))
    assert run(watched, make_streams(tiny_data, 3), tmp_path, 3).count == 0
    own, other = plain.method.state_dict(), watched.method.state_dict()
    assert [name for name in own if not torch.equal(own[name], other[name])] == []
    assert not (tmp_path / "bad_batches").exists()


def test_ten_in_a_row_end_the_run(
    tiny_segmenter: BuildTiny, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    method = make_mutual(tiny_segmenter)
    training = make_training(method, total_steps=40)
    spoil_loss(method, [1, 3, 5, 7, *range(12, 40)])
    streams = make_streams(tiny_data, 40)
    skipped = SkippedSteps(RunFolder(tmp_path), RunConsole(), streams)
    with pytest.raises(TrainingError) as error:
        make_trainer(40, skipped).fit(training, datamodule=streams)
    assert training.global_step == 21
    assert (skipped.count, skipped.in_a_row) == (4 + MOST_IN_A_ROW, MOST_IN_A_ROW)
    path = tmp_path / "bad_batches/step_000022.json"
    first, second = json.loads(path.read_text(encoding="utf-8"))["labeled"]
    message = str(error.value)
    assert message.startswith(
        "10 steps in a row were skipped, the last of them step 22, since the loss term 'teacher' became nan; "
        f"look at what it was given, '{first}', '{second}', "
    )
    assert f"(saved in '{path}'" in message
    assert "--optimization.encoder_rate 0.0002 --optimization.decoder_rate 0.001" in message
    saved = sorted(each.name for each in (tmp_path / "bad_batches").glob("*.json"))
    assert saved == [f"step_{step:06d}.json" for step in (2, 4, 6, 22)], "three first of a row, and the last"
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" is skipped")[0] for line in lines] == ["step 2", "step 4", "step 6"]
    assert lines[2].endswith("Further ones are only counted.")
    assert all(bool(tensor.isfinite().all()) for tensor in method.state_dict().values())


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_named_files_are_those_that_were_read(
    accumulate: int, tiny_segmenter: BuildTiny, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = make_streams(tiny_data, 3, accumulate=accumulate)
    read: list[str] = []
    load = load_image

    def spy(sample: Sample, *others: Any) -> Tensor:
        read.append(str(sample.image))
        return load(sample, *others)

    monkeypatch.setattr("mutualseg.data.streams.load_image", spy)
    received = list(streams.train_dataloader())
    places = [BatchPlace(step, micro, 0) for step in range(3) for micro in range(accumulate)]
    assert len(received) == len(places)
    named = [name for place in places for half in files_of(streams, [place]).values() for name in half]
    assert named == read
    batch, _, _ = received[-1]
    made = tensors_of(streams, places[-1])
    for kind in ("labeled", "unlabeled"):
        for name, part in zip(batch[kind]._fields, batch[kind], strict=True):
            assert (part is None and f"{kind}.{name}" not in made) or torch.equal(
                made[f"{kind}.{name}"], part
            )


def test_the_places_of_processes_are_those_that_they_are_dealt() -> None:
    size, accumulate, processes = 3, 2, 4
    for rank in range(processes):
        dealt = list(
            Positions(0, 2 * accumulate * processes * size, size=size, rank=rank, processes=processes)
        )
        own = [
            position
            for step in range(2)
            for micro in range(accumulate)
            for position in BatchPlace(step, micro, rank).positions(size, accumulate, processes)
        ]
        assert own == dealt


def test_batches_that_were_not_looked_at_are_not_named(tiny_data: Path) -> None:
    streams = make_streams(tiny_data, 3, needs_unlabeled=False)
    assert files_of(streams, [BatchPlace(1, 0, 0)])["unlabeled"] == []
    assert [name for name in tensors_of(streams, BatchPlace(1, 0, 0)) if "unlabeled" in name] == []


def test_a_batch_whose_file_is_gone_is_named_all_the_same(tiny_data: Path) -> None:
    streams = make_streams(tiny_data, 3)
    named = files_of(streams, [BatchPlace(0, 0, 0)])
    Path(named["unlabeled"][0]).unlink()
    assert files_of(streams, [BatchPlace(0, 0, 0)]) == named
    assert {name.split(".")[0] for name in tensors_of(streams, BatchPlace(0, 0, 0))} == {"labeled"}


def test_gradient_norm() -> None:
    weights = [nn.Parameter(torch.zeros(2)) for _ in range(3)]
    assert float(gradient_norm(weights)) == 0.0
    weights[0].grad, weights[2].grad = torch.tensor([3.0, 4.0]), torch.tensor([0.0, 2.0])
    assert float(gradient_norm(weights)) == 7.0
    weights[2].grad[0] = -math.inf
    assert float(gradient_norm(weights)) == math.inf


def _vote(rank: int, port: int, folder: Path) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2
    )
    cases = [(1.0, 2.0), (1.0, math.nan), (math.inf, 1.0), (math.inf, -math.inf)]
    votes = [is_finite_everywhere(torch.tensor(values[rank])) for values in cases]
    votes += [any_host(wants) for wants in (False, rank == 1)]
    bad = "its file is bad" if rank == 1 else None
    said = []
    batch = [] if bad is None else [BadFile(bad)]
    training = cast(Any, SimpleNamespace(looked_at=lambda batch: batch["labeled"]))
    session = cast(Any, SimpleNamespace(skips=False))
    acts: list[Callable[[], None]] = [
        lambda: Training.on_train_batch_start(training, {"labeled": batch}, 0),
        lambda: Session._refuse_together(session, None if bad is None else DataError(bad)),
    ]
    for act in acts:
        try:
            act()
        except UnusableFileError as error:
            said.append(str(error).rstrip("."))
    (folder / f"{rank}.json").write_text(json.dumps([votes, from_every_process([f"from {rank}"]), said]))
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_processes_skip_alike(tmp_path: Path) -> None:
    port = free_port()
    processes = [get_context("spawn").Process(target=_vote, args=(rank, port, tmp_path)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    for rank in range(2):
        votes, gathered, said = json.loads((tmp_path / f"{rank}.json").read_text())
        assert votes == [True, False, False, False, False, True]
        assert said == ["its file is bad"] * 2, "no process is left to wait for one that ended"
        assert gathered == [["from 0"], ["from 1"]]
