"""Safetensors files, written so that a failure leaves the old file and says what the system said."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from mutualseg.atomic_files import replacing


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors by name into a file that appears, or replaces the one before, once it is whole.

    Args:
        path: a .safetensors file, whose folder has to be there.
        tensors: of any shape, dtype and device.
        metadata: texts that the file carries beside them.

    Raises:
        OSError: the file cannot be written; the error names it.
    """
    # safetensors takes neither channels_last nor shared storage.
    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as partial:
        try:
            save_file(held, partial, metadata=None if metadata is None else dict(metadata))
        except SafetensorError as error:
            raise _system_error(error, path) from error


def _system_error(error: SafetensorError, path: Path) -> OSError:
    """Return what the system said when safetensors could not write, which it passes on as text only."""
    number = re.search(r"(?:\(os error |Os \{ code: )(\d+)", str(error))  # as newer and older versions say it
    if number is None:
        return OSError(errno.EIO, str(error), str(path))
    return OSError(int(number[1]), os.strerror(int(number[1])), str(path))
