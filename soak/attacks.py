"""Attack the program with files that a stranger may have made, and see whether each stays inert.

python soak/attacks.py [--only WORD] [--minutes 10] [--json FILE]

An attack is inert if none of its code ran, nothing was asked of a network, nothing outside of the folders
that were named was read into a result or written, a terminal was sent no command, and the program ended with
one sentence (exit code 2) or an ordinary result.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import attacks_on_configurations
import attacks_on_links
import attacks_on_names
import attacks_on_paths
import attacks_on_records
import attacks_on_sizes
import attacks_on_weights
from attacked import SMALL, Place, write_data
from attacks_on_weights import Attack
from mutualseg.cli import main as command

_KINDS = (
    attacks_on_weights,
    attacks_on_configurations,
    attacks_on_names,
    attacks_on_paths,
    attacks_on_links,
    attacks_on_records,
    attacks_on_sizes,
)


def all_attacks() -> dict[str, Attack]:
    """Return every attack by its name."""
    return {name: attack for kind in _KINDS for name, attack in kind.attacks()}


def made_run(root: Path) -> Path:
    """Return a finished run, below an empty folder."""
    words = ("train", "--data", str(write_data(root / "data")), "--out", str(root / "run"), *SMALL, "--quiet")
    with contextlib.redirect_stdout(io.StringIO()):
        code = command([*words, "--json"])
    if code != 0:
        raise RuntimeError("the run that is attacked could not be made")
    return root / "run"


def carry_out(attack: Attack, root: Path, run: Path) -> str | None:
    """Carry out one attack in an empty folder, and return its harm, None if it was inert."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries, about hostile files
            return attack(Place(root, run))
    except Exception as error:  # the attack itself failed: nothing is known
        return f"not carried out ({type(error).__name__}: {error})"


def _tried(names: Sequence[str], seconds: float) -> Iterator[tuple[str, str | None]]:
    end = time.monotonic() + seconds
    known = all_attacks()
    with tempfile.TemporaryDirectory() as folder:
        run = made_run(Path(folder))
        for number, name in enumerate(names):
            if time.monotonic() > end:
                yield name, "not tried: no time left (see --minutes)"
                continue
            place = Path(folder) / f"attack-{number}"
            place.mkdir()
            yield name, carry_out(known[name], place, run)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each attack, and return the exit code: 1 if one was not inert."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", metavar="WORD", help="attacks whose names hold it")
    parser.add_argument("--minutes", type=float, default=10.0, help="no attack begins later")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there too")
    given = parser.parse_args(arguments)
    rows = []
    for name, harm in _tried([name for name in all_attacks() if given.only in name], 60 * given.minutes):
        rows.append({"attack": name, "inert": harm is None, "harm": harm})
        print(f"{'inert' if harm is None else 'HARM ':<6} {name}{'' if harm is None else f': {harm}'}")
    inert = sum(bool(row["inert"]) for row in rows)
    print(f"attacks inert / tried: {inert} / {len(rows)}")
    if given.json:
        content = {"inert": inert, "tried": len(rows), "rows": rows}
        given.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0 if rows and inert == len(rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
