"""The words of `--logger`, checked before anything is trained."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from mutualseg.errors import ConfigError
from mutualseg.nearest import unknown_name

TENSORBOARD, CSV, WANDB, MLFLOW = "tensorboard", "csv", "wandb", "mlflow"
LOGGERS = (TENSORBOARD, CSV, WANDB, MLFLOW)
NONE = "none"

_EXTRAS = {WANDB: "wandb", MLFLOW: "mlflow"}
"""The library of a logger, which is also the extra of this package that brings it."""


def read_loggers(given: str | Iterable[str]) -> list[str]:
    """Return the loggers that `--logger` names, each once and in one order; none for `none`.

    Args:
        given: names, several in one text parted by commas or spaces.

    Raises:
        ConfigError: there is no such logger, or `none` stands beside one.
    """
    words = [given] if isinstance(given, str) else [str(word) for word in given]
    names = [part.lower() for word in words for part in word.replace(",", " ").split()]
    for name in names:
        if name not in (*LOGGERS, NONE):
            raise ConfigError(unknown_name(f"logger '{name}'", name, [*LOGGERS, NONE]))
    if NONE in names and len(set(names)) > 1:
        raise ConfigError("--logger none excludes every other; name either none or the loggers.")
    return [name for name in LOGGERS if name in names]


def require_libraries(loggers: Iterable[str]) -> None:
    """Raise ConfigError for a logger whose library is not installed."""
    for name in loggers:
        library = _EXTRAS.get(name)
        if library is not None and not _is_installed(library):
            raise ConfigError(f"--logger {name} needs {library}; pip install 'mutualseg[{library}]'.")


def _is_installed(library: str) -> bool:
    """Tell whether a library is there: a folder of that name, as W&B leaves one behind, is none."""
    try:
        found = importlib.util.find_spec(library)
    except ValueError:  # it is being imported in an odd way
        return False
    return found is not None and found.origin is not None
