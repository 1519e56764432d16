"""Ask pip-audit for known flaws in what this project requires; say so where that is not possible.

python checks/advisories.py [--distribution NAME]

Exit 1 for flaws that are found; 0 where none is, pip-audit is not installed, or its service does not answer.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from requirements import required

_SECONDS = 180
ACCEPTED: dict[str, str] = {}
"""Advisories that do not concern this project, with the reason."""


def judged(answer: Mapping[str, Any]) -> tuple[list[str], str]:
    """Return the flaws that pip-audit's JSON names, and a sentence about what was looked at.

    It calls an environment of which it could look up nothing free of known flaws: that is no finding.
    """
    entries = answer.get("dependencies", [])
    looked_up = [entry for entry in entries if "skip_reason" not in entry]
    flaws = [
        f"{entry['name']} {entry['version']}: {flaw['id']}; "
        f"use {' or '.join(flaw['fix_versions']) or 'another'}"
        for entry in looked_up
        for flaw in entry.get("vulns", ())
        if not ACCEPTED.keys() & {flaw["id"], *flaw.get("aliases", ())}
    ]
    if not looked_up:
        return [], f"skipped: the advisory service knows none of {len(entries)} distributions from here"
    left = len(entries) - len(looked_up)
    unknown = f", {left} could not be looked up" if left else ""
    return flaws, f"{len(flaws)} known flaws in {len(looked_up)} distributions{unknown}"


def ask(pins: Sequence[str], program: Sequence[str], seconds: float = _SECONDS) -> tuple[list[str], str]:
    """Return like `judged` what pip-audit says of pinned distributions, such as `timm==1.0.20`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pins.txt"
        file.write_text("".join(f"{pin}\n" for pin in pins), encoding="utf-8")
        options = ["--requirement", str(file), "--no-deps", "--disable-pip", "--format", "json"]
        words = [*program, *options, "--progress-spinner", "off", "--timeout", "10"]
        try:
            ended = subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            return [], f"skipped: the advisory service did not answer within {seconds:.0f} seconds"
    try:
        return judged(json.loads(ended.stdout))
    except (ValueError, KeyError, TypeError, AttributeError):
        lines = ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"]
        return [], f"skipped: pip-audit gave no answer ({lines[-1][:120]})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was found, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--distribution", default="mutualseg", metavar="NAME", help="whose requirements")
    name = parser.parse_args(arguments).distribution
    if importlib.util.find_spec("pip_audit") is None:
        print("advisories: skipped: pip-audit is not installed (make audit installs it)")
        return 0
    found, _ = required(name, distribution(name).metadata.get_all("Provides-Extra") or [])
    pins = [f"{key}=={own.version.partition('+')[0]}" for key, own in found.items()]
    flaws, sentence = ask(pins, [sys.executable, "-m", "pip_audit"])
    for flaw in flaws:
        print(flaw)
    print(f"advisories: {sentence}")
    return 1 if flaws else 0


if __name__ == "__main__":
    raise SystemExit(main())
