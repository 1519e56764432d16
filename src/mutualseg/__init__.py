"""Semantic segmentation from a few labeled and many unlabeled images, by mutual knowledge distillation."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from mutualseg.api import (
    app,
    check,
    compare,
    distill,
    evaluate,
    export,
    load,
    predict,
    push,
    report,
    split,
    suggest,
    train,
)
from mutualseg.errors import MutualSegError

try:
    __version__ = version("mutualseg")
except PackageNotFoundError:  # a source tree that was not installed
    __version__ = "0+unknown"

__all__ = [
    "MutualSegError",
    "__version__",
    "app",
    "check",
    "compare",
    "distill",
    "evaluate",
    "export",
    "load",
    "predict",
    "push",
    "report",
    "split",
    "suggest",
    "train",
]
