from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

import mutualseg
from mutualseg.data.datamodule import StreamSizes, TwoStreams
from mutualseg.data.folder import read_folder
from mutualseg.data.streams import Positions
from mutualseg.engine.processes import Place, check_processes, place_from, share_of
from mutualseg.engine.training import Training
from mutualseg.errors import ConfigError
from mutualseg.methods.mutual import Mutual
from mutualseg.networks.batch_norm import synchronize_batch_norm
from mutualseg.networks.build import NetworkConfig, build_segmenter
from mutualseg.networks.segmenter import Segmenter
from mutualseg.optimization import Optimization
from mutualseg.seeding import address
from mutualseg.views.pipelines import UnlabeledViews
from tests.command.made import SMALL, flags, write_data

STEPS = 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, None),
        ({"RANK": "0", "WORLD_SIZE": "1"}, None),
        ({"RANK": "1", "WORLD_SIZE": "4"}, Place(1, 4)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}, Place(0, 8)),
        ({"SLURM_PROCID": "0"}, None),  # an allocation without srun
    ],
)
def test_place(environment: dict[str, str], place: Place | None) -> None:
    assert place_from(environment) == place


@pytest.mark.parametrize(
    ("devices", "num_nodes", "place", "device", "said"),
    [
        (2, 1, None, "mps", "mps has one device"),
        (3, 1, None, "cuda", "more than the 2 CUDA devices"),
        (2, 2, None, "cuda", "needs torchrun or SLURM"),
        (2, 2, Place(0, 3), "cpu", "3 processes were started, but"),
    ],
)
def test_what_cannot_be(devices: int, num_nodes: int, place: Place | None, device: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_processes(devices, num_nodes, place, device, present=2)


def test_what_can_be() -> None:
    check_processes(2, 1, None, "cuda", present=2)
    check_processes(2, 2, Place(3, 4), "cpu", present=0)
    assert share_of(5, 1, "batch") == 5
    assert share_of(12, 3, "batch") == 4
    with pytest.raises(ConfigError, match="--batch 6 cannot be shared by 2 processes; give a multiple of 4"):
        share_of(6, 2, "batch")


def test_processes_share_what_one_would_see() -> None:
    whole = list(Positions(8, 24))
    parts = [list(Positions(8, 24, size=2, rank=rank, processes=2)) for rank in range(2)]
    assert parts == [[8, 9, 12, 13, 16, 17, 20, 21], [10, 11, 14, 15, 18, 19, 22, 23]]
    assert sorted(parts[0] + parts[1]) == whole
    assert len(Positions(8, 24, size=2, rank=0, processes=2)) == 12


def test_synchronized_batch_norm_keeps_what_it_replaces() -> None:
    network = build_segmenter(NetworkConfig("deeplabv3plus", "tf_efficientnet_lite0", 3)).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        before = network(images).logits
        names = list(network.state_dict())
        synchronize_batch_norm(network)
        assert any(isinstance(module, nn.SyncBatchNorm) for module in network.modules())
        assert list(network.state_dict()) == names
        torch.testing.assert_close(network(images).logits, before)


def without_batch_norm(role: str) -> Segmenter:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(address(0, role))
        return Segmenter(
            nn.Sequential(nn.Conv2d(3, 8, 4, stride=4), nn.Tanh()),
            nn.Conv2d(8, 5, 3, padding=1),
            nn.Tanh(),
            nn.Conv2d(5, 3, 1),
            multiple=4,
            pixel_mean=(0.4, 0.5, 0.6),
            pixel_std=(0.2, 0.25, 0.3),
        )


class Losses(pl.Callback):
    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, Training)
        self.seen.append(pl_module.latest["loss"])


def train(root: Path, processes: int) -> dict[str, Tensor]:
    """Train 20 steps of 4 + 4 crops, shared by processes; return losses and all state."""
    folder = read_folder(root)
    method = Mutual(without_batch_norm, burn_in=0.2, ramp=0.3, threshold=0.4, peer_threshold=0.4)
    training = Training(method, Optimization(), total_steps=STEPS, seed=0)
    streams = TwoStreams(
        folder.labeled,
        [sample for sample in folder.train if sample.mask is None],
        views=UnlabeledViews(24),
        sizes=StreamSizes(4 // processes, 4 // processes),
        total_steps=STEPS,
        num_classes=3,
        seed=0,
        unlabeled_steps=method.unlabeled_steps(STEPS),
        workers=0,
        processes=processes,
    )
    losses = Losses()
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=processes,
        strategy="ddp" if processes > 1 else "auto",
        max_steps=STEPS,
        logger=False,
        callbacks=[losses],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(training, datamodule=streams)
    return {"losses": torch.stack(losses.seen), **training.method.state_dict()}


def work(rank: int, port: int, root: str, out: str) -> None:
    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    os.environ |= {"LOCAL_RANK": str(rank), "RANK": str(rank), "NODE_RANK": "0"}
    torch.save(train(Path(root), 2), f"{out}/{rank}.pt")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*LeafSpec.* is deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:Found .* in eval mode at the start of training")
@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_two_processes_are_one_process_at_the_same_batch(tmp_path: Path) -> None:
    """Losses, students, teachers, optimizer's effect, class statistics and confidences."""
    data = write_data(tmp_path / "data", {"train": 12, "val": 2, "test": 2}, labeled=6)
    context, port = get_context("spawn"), free_port()
    started = [context.Process(target=work, args=(rank, port, str(data), str(tmp_path))) for rank in range(2)]
    for process in started:
        process.start()
    expected = train(data, 1)
    for process in started:
        process.join(timeout=240)
    assert [process.exitcode for process in started] == [0, 0]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    losses = (first.pop("losses") + second.pop("losses")) / 2
    torch.testing.assert_close(losses, expected.pop("losses"), rtol=1e-3, atol=1e-4)
    for name, value in expected.items():
        assert torch.equal(first[name], second[name]), name
        # 20 steps of AdamW grow what the order of sums rounds differently.
        torch.testing.assert_close(first[name], value, rtol=5e-3, atol=5e-3, msg=name)


def command(*words: object, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | (environment or {}),
    )


@pytest.mark.slow
@pytest.mark.parametrize("started_by", ["mutualseg", "torchrun"])
def test_the_command_in_two_processes(tmp_path: Path, started_by: str) -> None:
    data = write_data(tmp_path / "data")
    run = tmp_path / "run"
    small = flags({**SMALL, "batch": 4, "devices": 2})
    words = ["-m", "mutualseg", "train", "--data", data, "--out", run, *small]
    if started_by == "torchrun":
        port = f"--master-port={free_port()}"
        words = ["-m", "torch.distributed.run", "--nproc-per-node=2", port, *words]
    done = command(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("mIoU") == 1
    summary = json.loads((run / "summary.json").read_text())
    assert summary["steps"] == SMALL["steps"]
    rows = (run / "metrics.csv").read_text().splitlines()
    assert len(rows) == 3
    scored = command("-m", "mutualseg", "evaluate", run, "--json")
    assert json.loads(scored.stdout)["miou"] == pytest.approx(summary["miou"], abs=0.01)
    again = command("-m", "mutualseg", "train", "--resume", run)
    assert again.returncode == 0
    assert "finished already" in again.stderr


@pytest.mark.slow
def test_a_process_that_fails_ends_the_run(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    small = flags({**SMALL, "batch": 4, "devices": 2, "steps": 500})
    done = command(
        *("-m", "mutualseg", "train", "--data", data, "--out", tmp_path / "run", *small),
        environment={"PYTHONPATH": f"{_poisoned(tmp_path)}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
    )
    assert done.returncode == 2, done.stderr
    assert "of the run ended early" in done.stderr
    assert "Traceback" not in done.stderr


def _poisoned(root: Path) -> Path:
    """Return a folder whose sitecustomize ends processes of rank 1 a moment after they begin to train."""
    folder = root / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import os, sys, threading\n"
        "if os.environ.get('RANK') == '1':\n"
        "    threading.Timer(20.0, lambda: os._exit(7)).start()\n"
    )
    return folder


@pytest.mark.parametrize("rank", [0, 1])
def test_the_first_process_alone_chooses_the_run_folder(
    rank: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[Path | None] = []

    def noting(*, out: Path | None, **arguments: Any) -> dict[str, Any]:
        given.append(out)
        return {}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RANK", str(rank))
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("mutualseg.engine.launch.launch", noting)
    monkeypatch.setattr("mutualseg.run_report.writing.leave_report", lambda *_, **__: None)  # of no run
    (tmp_path / "data").mkdir()
    mutualseg.train("data")
    assert given == [Path("runs/data") if rank == 0 else None]
    assert "".join(capsys.readouterr()) == ""
