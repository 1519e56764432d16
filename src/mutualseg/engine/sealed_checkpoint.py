"""A checkpoint file with a seal: the SHA-256 of all its bytes, so that any change of any bit is noticed.

PyTorch does not compare the checksums in its archives with what it reads. The seal is the comment that ends
a zip archive, so `torch.load` reads the file like any other.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, BinaryIO, cast

import torch
from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO

from mutualseg.errors import CheckpointError

_MARK = b"mutualseg sha256 "
_SEAL_BYTES = len(_MARK) + 64
_NO_COMMENT = bytes(2)
"""How an archive without a comment ends: with the comment's length."""
_END_RECORD = b"PK\5\6"
_END_RECORD_BYTES = 22
_CHUNK = 1 << 20


class SealedCheckpoints(CheckpointIO):
    """How the trainer writes and reads checkpoints."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Write a sealed file, all of it on the disk on return.

        Raises:
            OSError: it cannot be written.
        """
        with Path(path).open("w+b") as file:
            write_sealed(checkpoint, file)
            file.flush()
            os.fsync(file.fileno())

    def load_checkpoint(
        self, path: str | os.PathLike[str], map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Return what a sealed file holds, on the CPU; nothing in it is ever executed.

        Raises:
            CheckpointError: the file is not what was written, or holds more than tensors and plain values.
        """
        if not is_sealed(Path(path)):
            raise CheckpointError(f"'{path}' is damaged; call the same command again.")
        try:
            held: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except UnpicklingError as error:
            raise CheckpointError(f"'{path}' was not written by this program; delete it.") from error
        return held

    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)


def write_sealed(content: Any, file: BinaryIO) -> None:
    """Write an object and its seal.

    Args:
        content: what `torch.save` takes.
        file: open for writing and reading, empty.

    Raises:
        OSError: it cannot be written.
    """
    hashing = _Hashing(file)
    torch.save(content, cast(BinaryIO, hashing))
    if hashing.fault is not None:
        raise hashing.fault
    file.seek(-_END_RECORD_BYTES, os.SEEK_END)
    end = file.read()
    if not (end.startswith(_END_RECORD) and end.endswith(_NO_COMMENT)):
        raise RuntimeError("torch.save wrote no archive that can be sealed; is it another version of torch?")
    file.seek(-len(_NO_COMMENT), os.SEEK_END)
    file.write(_seal(hashing.digest))


def is_sealed(path: Path) -> bool:
    """Return whether every byte of a file is as `write_sealed` wrote it."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        left = os.fstat(file.fileno()).st_size - len(_NO_COMMENT) - _SEAL_BYTES
        if left < _END_RECORD_BYTES - len(_NO_COMMENT):
            return False
        while left and (chunk := file.read(min(left, _CHUNK))):
            digest.update(chunk)
            left -= len(chunk)
        digest.update(_NO_COMMENT)
        return file.read() == _seal(digest)


def _seal(digest: hashlib._Hash) -> bytes:
    """Return the comment and its length: the digest is that of the archive when it had none."""
    return _SEAL_BYTES.to_bytes(2, "little") + _MARK + digest.hexdigest().encode("ascii")


class _Hashing:
    """A file that hashes what goes through it.

    An error is kept, and what follows is dropped: thrown through PyTorch's archive writer it would come out
    as another one that does not say what happened.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.digest = hashlib.sha256()
        self.fault: BaseException | None = None
        self._file = file

    def write(self, part: memoryview) -> int:
        """Write and hash some bytes."""
        if self.fault is None:
            try:
                self._file.write(part)
                self.digest.update(part)
            except BaseException as fault:  # a disk that is full, or a signal
                self.fault = fault
        return len(part)

    def flush(self) -> None:
        """Pass what is buffered on."""
        if self.fault is None:
            try:
                self._file.flush()
            except BaseException as fault:
                self.fault = fault
