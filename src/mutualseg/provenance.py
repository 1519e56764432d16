"""Where a result comes from: package versions, and the commit of a source checkout."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_REPORTED_PACKAGES = (
    "mutualseg",
    "torch",
    "torchvision",
    "pytorch-lightning",
    "segmentation-models-pytorch",
    "timm",
)


def provenance() -> dict[str, Any]:
    """Return package versions, and the commit of the source checkout where there is one."""
    versions: dict[str, str] = {}
    for package in _REPORTED_PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "unknown"
    return {"versions": versions, "commit": _commit()}


def _commit() -> str | None:
    """Return the commit of this source file, with + if the tree has changes; None outside a checkout."""
    here = Path(__file__)

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here.parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", here.name)  # an installed copy may lie in another project
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return None
