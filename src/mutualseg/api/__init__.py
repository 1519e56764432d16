"""The verbs of the product as functions; the command line is made from their signatures.

Heavy imports stand inside the functions, so that `import mutualseg` and `--help` are quick.
"""

from __future__ import annotations

from mutualseg.api.comparing import compare
from mutualseg.api.distilling import distill
from mutualseg.api.exporting import export
from mutualseg.api.labeling_next import suggest
from mutualseg.api.looking import report
from mutualseg.api.preparing import check, split
from mutualseg.api.sharing import push
from mutualseg.api.training import train
from mutualseg.api.trying import app
from mutualseg.api.using import evaluate, load, predict

__all__ = [
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
