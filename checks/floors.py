"""Install the oldest versions that pyproject.toml allows into an environment of their own, and test there.

python checks/floors.py [--folder .floors] [--print] [pytest arguments]

torch and torchvision are installed as they are to be had: they are large, and their floors name what the
suite was written against.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
_AS_THEY_ARE = ("torch", "torchvision")
_TEST_TOOLS = ("pytest", "hypothesis", "torchmetrics", "build", "setuptools")
"""Of the dev extra, what tests import; linters are no part of what users install."""
_FAST = ("-q", "-m", "not slow and not soak")
_OLD = ("DeprecationWarning", "FutureWarning")
"""Of old versions beside new ones, and of no meaning for whether they work."""


def floors(project: Mapping[str, Any]) -> dict[str, str]:
    """Return the lowest version by requirement, such as `{"jsonargparse[signatures]": "4.53"}`.

    Args:
        project: the table of that name in pyproject.toml.

    Raises:
        ValueError: a requirement has no floor, or two differ.
    """
    extras = {name: texts for name, texts in project["optional-dependencies"].items() if name != "dev"}
    tools = project["optional-dependencies"].get("dev", ())
    texts = [*project["dependencies"], *(text for own in extras.values() for text in own)]
    texts += [text for text in tools if Requirement(text).name in _TEST_TOOLS]
    found: dict[str, str] = {}
    for text in texts:
        needed = Requirement(text)
        lowest = [part.version for part in needed.specifier if part.operator == ">="]
        name = needed.name + (f"[{','.join(sorted(needed.extras))}]" if needed.extras else "")
        if len(lowest) != 1:
            raise ValueError(f"{text} has no floor; write one as NAME>=VERSION")
        if found.setdefault(name, lowest[0]) != lowest[0]:
            raise ValueError(f"{name} has the floors {found[name]} and {lowest[0]}; keep one")
    return found


def pins(lowest: Mapping[str, str]) -> list[str]:
    """Return what pip installs: each at its floor, besides those that are taken as they are."""
    return [name if name in _AS_THEY_ARE else f"{name}=={version}" for name, version in lowest.items()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the environment, run the tests in it, and return their exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=ROOT / ".floors", help="of the environment")
    parser.add_argument("--print", action="store_true", help="only print what would be installed")
    given, tests = parser.parse_known_args(arguments)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = pins(floors(project))
    if given.print:
        print("\n".join(wanted))
        return 0
    python = given.folder / "bin" / "python"
    if not python.is_file():
        venv.create(given.folder, with_pip=True)
    install = [str(python), "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "--upgrade", "pip"], check=True)
    subprocess.run([*install, *wanted], check=True)
    subprocess.run([*install, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], check=True)
    ignored = [word for kind in _OLD for word in ("-W", f"ignore::{kind}")]
    run = [str(python), "-m", "pytest", *ignored, *(tests or _FAST)]
    return subprocess.run(run, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
