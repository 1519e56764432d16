"""The paths that `report` is given: run folders to read, and the file to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mutualseg.data.regular_files import real_path
from mutualseg.errors import ConfigError, RunError
from mutualseg.run_report.page import GENERATOR
from mutualseg.runs import RunFolder
from mutualseg.shell_lines import shell_line

SEVERAL = "report.html"
"""Where the report of several runs is written if nobody says where: here."""


def check_runs(roots: Sequence[Path]) -> None:
    """Refuse what people give in place of a run folder.

    Raises:
        ConfigError: a comparison.
        RunError: a file.
    """
    for root in roots:
        if (root / "comparison.json").is_file():
            raise ConfigError(f"'{root}' is a comparison; give its runs: {shell_line('report', root)}/runs/*")
        if root.is_file():
            above = next((each for each in root.parents if RunFolder(each).config.is_file()), None)
            instead = (
                "the --out of a train" if above is None else f"the run folder: {shell_line('report', above)}"
            )
            raise RunError(f"'{root}' is a file; give {instead}" + ("." if above is None else ""))


def target_of(roots: Sequence[Path], out: Path | None) -> Path:
    """Return the file to write, which is a report already or not there; nothing is made yet.

    Raises:
        ConfigError: it is something else, or lies in what is no folder.
    """
    if out is None:
        out = RunFolder(roots[0]).report if len(roots) == 1 else Path(SEVERAL)
    if out.is_dir() or out.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--out {out} must be a file that ends in .html.")
    above = next(folder for folder in out.parents if folder.exists())
    if not above.is_dir():
        raise ConfigError(f"--out {out} cannot be written: '{above}' is no folder; name another file.")
    if out.exists() and not _is_report(out):
        raise ConfigError(f"'{out}' is there and no report of this program; name another file with --out.")
    return out


def _is_report(path: Path) -> bool:
    with path.open("rb") as file:
        return GENERATOR.encode() in file.read(1000)


def without_repeats(roots: Sequence[Path]) -> list[Path]:
    """Return run folders in their order, each once, by whatever paths they are given."""
    found: Mapping[Path, Path] = {real_path(root): root for root in reversed(roots)}
    return sorted(found.values(), key=list(roots).index)


def names_of(roots: Sequence[Path]) -> list[str | None]:
    """Return what tells runs apart: the ends of their paths, as long as it takes."""
    if len(roots) == 1:
        return [None]
    parts = [real_path(root).parts for root in roots]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(own[-length:]) for own in parts]
        if len(set(names)) == len(names):
            break
    return list(names)
