"""Where and in what precision a run computes; `auto` follows capability flags, never a timing."""

from __future__ import annotations

import os
import shutil
from contextlib import AbstractContextManager, nullcontext

import torch

from mutualseg.errors import ConfigError

DEVICES = ("cpu", "cuda", "mps")
PRECISIONS = ("32", "bf16")


def resolve_device(device: str) -> str:
    """Return `cpu`, `cuda` or `mps` for a name or `auto`.

    Raises:
        ConfigError: the device is unknown, or not on this machine.
    """
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if present[name])
    if device not in present:
        raise ConfigError(f"There is no device '{device}'; use auto, {', '.join(DEVICES)}.")
    if not present[device]:
        raise ConfigError(f"This machine offers no '{device}' to PyTorch; use --device cpu or auto.")
    return device


def resolve_precision(precision: str, device: str) -> str:
    """Return `32` or `bf16`; `auto` takes bf16 where the processor computes in it.

    Raises:
        ConfigError: the precision is unknown.
    """
    if precision == "auto":
        return "bf16" if _computes_bf16(device) else "32"
    if precision not in PRECISIONS:
        raise ConfigError(f"There is no precision '{precision}'; use auto, {', '.join(PRECISIONS)}.")
    return precision


def refuse_compilation(device: str) -> None:
    """Raise ConfigError where networks cannot be compiled."""
    if device == "cpu" and not any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "clang++")):
        raise ConfigError("--compile needs a C++ compiler on a CPU, and none was found; install g++.")


def refuse_compiled_checkpointing(compiled: bool, checkpointing: bool) -> None:
    """Raise ConfigError if networks shall run compiled and compute their encoders twice."""
    if compiled and checkpointing:
        raise ConfigError("--compile and --activation-checkpointing exclude each other; use one of them.")


def _computes_bf16(device: str) -> bool:
    """Tell whether matrix products in bfloat16 are native: CUDA from Ampere on, AVX512-BF16, AMX."""
    if device == "cuda":
        return torch.cuda.get_device_capability()[0] >= 8
    if device == "cpu":
        flags = torch.cpu.get_capabilities()
        return bool(flags.get("avx512_bf16") or flags.get("amx_bf16"))
    return False


def autocast(device: str, precision: str) -> AbstractContextManager[object]:
    """Return the context in which networks run; losses and statistics stay float32."""
    return torch.autocast(device, torch.bfloat16) if precision == "bf16" else nullcontext()
