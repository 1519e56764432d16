"""`--deterministic`: the same machine gives the same bits, or the run says which operation cannot."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

from mutualseg.errors import TrainingError
from mutualseg.reporting.console import RunConsole
from mutualseg.settings import Settings
from mutualseg.threads import threads_set

_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
_FIXED = (":4096:8", ":16:8")
"""What cuBLAS has to be told so that its products are the same on every call (NVIDIA's documentation)."""

_REFUSED = re.compile(r"^(\S+) does not have a deterministic implementation")
"""How PyTorch refuses."""


@contextmanager
def repeatable(settings: Settings, console: RunConsole) -> Iterator[None]:
    """Train as the run asks for: deterministic and with its own number of threads, or as the process is.

    Everything is as before once the context is closed; a process may train several runs.

    Args:
        settings: of the run. Its threads are those of its beginning; a resumed run may find others.
        console: is told where they differ and stay different.

    Raises:
        TrainingError: the run is deterministic, and an operation of it cannot be.
    """
    own, now = settings.threads, torch.get_num_threads()
    differs = settings.device == "cpu" and own is not None and own != now
    if differs and not settings.deterministic:
        console.say(
            f"this run computed with {_counted(own)} so far and now does with {now}, so the last bits of its "
            f"numbers may differ from those of a run that was not stopped; OMP_NUM_THREADS={own} keeps them."
        )
    with (
        deterministic_algorithms(settings) if settings.deterministic else nullcontext(),
        threads_set(own) if differs and settings.deterministic and own is not None else nullcontext(),
    ):
        yield


@contextmanager
def deterministic_algorithms(settings: Settings) -> Iterator[None]:
    """Have PyTorch take deterministic algorithms and refuse others while the context is open.

    Args:
        settings: of the run, for the message.

    Raises:
        TrainingError: an operation has none.
    """
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    workspace = os.environ.get(_CUBLAS)
    if workspace not in _FIXED:  # read when CUDA's first matrix product of this process is computed
        os.environ[_CUBLAS] = _FIXED[0]
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    try:
        yield
    except RuntimeError as error:
        refused = _REFUSED.match(str(error))
        if refused is None and _CUBLAS not in str(error):
            raise
        operation = refused.group(1) if refused else "a matrix product of cuBLAS"
        raise TrainingError(
            f"PyTorch has no deterministic way to compute {operation} on {settings.device}, which "
            f"{settings.network} on {settings.encoder} with --method {settings.method['name']} needs; train "
            "without --deterministic, or choose another --network, or --device cpu."
        ) from None
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn
        if workspace is None:
            os.environ.pop(_CUBLAS, None)
        else:
            os.environ[_CUBLAS] = workspace


def _counted(threads: int | None) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"
