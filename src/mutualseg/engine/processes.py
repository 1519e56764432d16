"""Several processes that train one network: who this process is, and how the others are started.

`--devices N` on one machine starts the other N - 1 processes itself; they read everything from the run
folder. Several machines are started by torchrun or SLURM, which run the same command everywhere.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from mutualseg.errors import ConfigError, TrainingError
from mutualseg.shell_lines import resume_line

_JOINING = timedelta(hours=2)
_ENDED = 2
"""Exit code of a run one of whose processes was lost."""


@dataclass(frozen=True)
class Place:
    """A process among those of a run."""

    rank: int
    count: int

    @property
    def leads(self) -> bool:
        """Whether this process writes and speaks."""
        return self.rank == 0


def place_from(environment: Mapping[str, str]) -> Place | None:
    """Return this process's place if torchrun or SLURM started several, else None."""
    for rank, count in (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS")):
        if rank in environment and int(environment.get(count, "1")) > 1:
            return Place(int(environment[rank]), int(environment[count]))
    return None


def connect(place: Place, device: str) -> None:
    """Connect the processes that torchrun or SLURM started, before the trainer does.

    Args:
        place: of this process.
        device: cpu, cuda or mps.
    """
    import torch

    if "MASTER_ADDR" not in os.environ:
        from lightning_fabric.plugins.environments.slurm import SLURMEnvironment

        slurm = SLURMEnvironment()
        os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = slurm.main_address, str(slurm.main_port)
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", os.environ.get("SLURM_LOCALID", "0"))))
    backend = "nccl" if device == "cuda" else "gloo"
    # The first process may measure a budget before it joins.
    torch.distributed.init_process_group(backend, rank=place.rank, world_size=place.count, timeout=_JOINING)


def check_processes(devices: int, num_nodes: int, place: Place | None, device: str, present: int) -> None:
    """Raise ConfigError if a run cannot have so many processes here.

    Args:
        devices: processes on each machine.
        num_nodes: machines.
        place: of this process, if it was started with others.
        device: cpu, cuda or mps.
        present: how many such devices this machine has.
    """
    if device == "mps" and devices > 1:
        raise ConfigError("--devices above 1 needs cuda or cpu; mps has one device.")
    if device == "cuda" and devices > present:
        raise ConfigError(f"--devices {devices} is more than the {present} CUDA devices of this machine.")
    if place is None and num_nodes > 1:
        raise ConfigError(
            f"--num-nodes {num_nodes} needs torchrun or SLURM to start the command on each machine, e.g. "
            f"torchrun --nnodes {num_nodes} --nproc-per-node {devices} ... -m mutualseg train ..."
        )
    if place is not None and place.count != devices * num_nodes:
        raise ConfigError(
            f"{place.count} processes were started, but --devices {devices} times --num-nodes {num_nodes} "
            f"is {devices * num_nodes}; make them agree."
        )


def share_of(batch: int, processes: int, name: str) -> int:
    """Return each process's part of a batch.

    Args:
        batch: images per step of all processes.
        processes: among which they are shared evenly, in pairs: CutMix mixes two neighbors.
        name: of the option, for the message.

    Raises:
        ConfigError: it does not come out even.
    """
    unit = 2 * processes if processes > 1 else 1
    if batch % unit:
        raise ConfigError(
            f"--{name} {batch} cannot be shared by {processes} processes; give a multiple of {unit}."
        )
    return batch // processes


@contextmanager
def others_started(root: Path, processes: int, *, resume: bool) -> Iterator[None]:
    """Have the other processes of a run train along; leave when they have ended.

    Args:
        root: run folder, complete with settings and split.
        processes: of the run, this one included.
        resume: whether they go on from its checkpoint.
    """
    if processes == 1:
        yield
        return
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": str(processes)}
    before = dict(os.environ)
    others = [
        subprocess.Popen(
            [sys.executable, "-m", "mutualseg.engine.follow", str(root), "resume" if resume else "begin"],
            env=before | shared | {"LOCAL_RANK": str(rank), "RANK": str(rank), "NODE_RANK": "0"},
        )
        for rank in range(1, processes)
    ]
    os.environ.update(shared | {"LOCAL_RANK": "0", "RANK": "0", "NODE_RANK": "0"})
    done = threading.Event()
    threading.Thread(target=_leave_if_lost, args=(others, done), daemon=True).start()
    try:
        yield
        for other in others:
            other.wait()
    except RuntimeError:  # what a broken connection is to the library
        lost = _lost(others, patience=5.0)
        if lost is None:
            raise
        raise TrainingError(
            f"Process {lost} of the run ended early, as it says above; mend that and go on with: "
            f"{resume_line(root)}"
        ) from None
    finally:
        done.set()
        for other in others:
            if other.poll() is None:
                other.terminate()
        _disconnect()
        os.environ.clear()
        os.environ.update(before)


def _lost(others: list[subprocess.Popen[bytes]], *, patience: float) -> int | None:
    """Return the id of a process that failed, waiting some seconds for it to end; None if none did."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        for other in others:
            if other.poll() not in (None, 0):
                return other.pid
        time.sleep(0.1)
    return None


def _disconnect() -> None:
    """Leave the group that the trainer formed, so that the next run of this process is on its own."""
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()


def _leave_if_lost(others: list[subprocess.Popen[bytes]], done: threading.Event) -> None:
    """End this process if another one failed: the rest would wait for it forever."""
    while not done.wait(0.5):
        failed = [other for other in others if other.poll() not in (None, 0)]
        if failed:
            if done.wait(10.0):  # this one noticed too, and says more
                return
            for other in others:
                other.kill()
            with suppress(OSError):  # whoever read it may be gone
                print(
                    f"mutualseg: process {failed[0].pid} of the run ended early; see above.", file=sys.stderr
                )
                sys.stderr.flush()
            os._exit(_ENDED)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
