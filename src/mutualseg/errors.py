"""Typed errors: each message is one sentence that says what is wrong, where, and what to do next.

Every class takes exactly one message, so that an error raised in a worker process pickles.
"""

from __future__ import annotations

import errno


def is_disk_full(error: OSError) -> bool:
    """Tell whether the system had no space left, or the user's share of it."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def cure_of(error: OSError) -> str:
    """Return what to do about a file that the system did not write, as an imperative without an end."""
    if is_disk_full(error):
        return "free some space"
    if error.errno == errno.EFBIG:
        return "allow larger files (ulimit -f, or another file system)"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "make it writable"
    return "check path and rights"


class MutualSegError(Exception):
    """Base of every error that a user can mend; the command prints it and exits with code 2."""


class DataError(MutualSegError):
    """The data folder does not hold what the run needs."""


class UnusableFileError(DataError):
    """A file that training came upon cannot be used; what was trained so far is sound."""


class ImageError(DataError):
    """An image or mask file cannot be read."""


class MaskError(DataError):
    """A mask is readable but wrong: size, values or encoding."""


class SplitError(DataError):
    """The asked-for split of labeled and unlabeled images cannot be made."""


class ConfigError(MutualSegError):
    """An option or a configuration key is unknown, malformed or in conflict with another."""


class NetworkError(MutualSegError):
    """A network and encoder do not fit together."""


class WeightsError(MutualSegError):
    """Weights are missing, unreadable or made for another network."""


class RunError(MutualSegError):
    """A run folder is missing, incomplete or in the way."""


class CheckpointError(RunError):
    """The checkpoints of a run are damaged, so that it cannot go on."""


class ExportError(MutualSegError):
    """A network cannot be exported, or what was exported says something else than the network."""


class HubError(MutualSegError):
    """The Hugging Face Hub, or what is stored there, cannot be used."""


class TrainingError(MutualSegError):
    """Training itself went wrong, for example the loss became infinite."""


class Interrupted(BaseException):  # like KeyboardInterrupt: no handler of errors may take it for one
    """A signal stopped a run after its checkpoint was written; the message is the signal's name."""

    run: str = ""
    """The run folder."""
    advice: str = ""
    """What to do next, where that is not to resume this one run."""
    saved: bool = True
    """Whether all that was trained is in a checkpoint."""
