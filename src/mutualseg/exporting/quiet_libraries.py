"""What PyTorch's exporter and ONNX Runtime print and warn of by themselves, kept from the user."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator

_RUNTIME_ERRORS, _RUNTIME_WARNINGS = 3, 2


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silence warnings, log records and prints of libraries; errors are raised as ever."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    _set_runtime_severity(_RUNTIME_ERRORS)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
        _set_runtime_severity(_RUNTIME_WARNINGS)


def _set_runtime_severity(severity: int) -> None:
    """Set from which severity on ONNX Runtime writes to the terminal, which Python cannot redirect."""
    with contextlib.suppress(ImportError):  # pt2 does without
        import onnxruntime

        onnxruntime.set_default_logger_severity(severity)
