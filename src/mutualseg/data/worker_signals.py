"""Signals in loader processes: a terminal and SLURM send them to all processes, but the training answers."""

from __future__ import annotations

import os
import signal
import threading


def leave_signals_to_the_training() -> None:
    """Let a loader process, which calls this as it starts, end by its training's word alone.

    On Ctrl-C, `timeout` or `scancel` the training finishes its step, for which it needs its loaders.
    """
    for name in ("SIGINT", "SIGUSR1"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # macOS has none: there PyTorch's own handler stays, which ends it
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_when_told, args=[os.getppid()], daemon=True).start()


def _end_when_told(training: int) -> None:
    """End this process on a SIGTERM from the training; one from elsewhere is the training's to answer."""
    while True:
        if signal.sigwaitinfo({signal.SIGTERM}).si_pid == training:
            os._exit(0)
