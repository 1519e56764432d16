"""How image and mask files with broken bytes end: as a good image, or as one typed error that names the file.

    python soak/bad_files.py --cases 5000 --seed 0 --json out.json

Files of many forms are made, broken in many ways, and given to every reader. Beside them stand files that
declare or unpack to very much. Each case is on disk before it is tried, in one of a few processes with a
bound on time and memory; what crashes, hangs, takes too much memory, or ends otherwise is kept in --keep.
Every other process has no imagecodecs, as in an installation without `mutualseg[tiff]`.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bombs import bombs
from image_seeds import Seed, seeds
from mutations import mutated

_BOUND = 1 << 30
"""Bytes that a case may take above what the process had before it,"""
_A_PIXEL = 48
"""and for each pixel of an image that is read: several readers hold several copies."""
_HARD = 6 << 30
"""Bytes of address space above that; more ends as MemoryError instead of harming the machine."""
_SECONDS = 40.0
"""Of the processor, for all readers of one case: an image of 31 million pixels takes them 10 together."""
_WALL = 10 * _SECONDS
"""For the same by the clock, should a process wait for nothing."""
BAD = ("crashed", "hung", "over memory", "untyped", "talked")
"""Outcomes that must not be."""


class Outcome(NamedTuple):
    """How a case ended."""

    kind: str
    """`good` (some reader returned an image), `refused` (none did), or one of `BAD`."""
    detail: str = ""
    peak: int = 0
    """Bytes above the start."""
    seconds: float = 0.0
    """Of the processor."""


def case(index: int, seed: int, extreme: Sequence[Seed], sound: Sequence[Seed]) -> Seed:
    """Return a case: first the sound files themselves, then the extreme ones, then broken ones."""
    known = (*sound, *extreme)
    return known[index] if index < len(known) else mutated(np.random.default_rng([seed, index]), sound)


def _resident() -> tuple[int, int]:
    """Return the bytes resident now and at most since the last reset."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    found = {line.split()[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith("Vm")}
    return found["VmRSS:"], found["VmHWM:"]


def work(connection: Connection, folder: Path, without_codecs: bool) -> None:
    """Try the cases that arrive as (suffix, content), one at a time, until None does."""
    folder.mkdir(parents=True)
    spoken = folder / "stderr.txt"
    file = os.open(spoken, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 2)
    faulthandler.enable(2)
    if without_codecs:
        sys.modules["imagecodecs"] = None  # type: ignore[assignment]
    warnings.simplefilter("error")
    from file_readers import read_everywhere

    own = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (own + _HARD, own + _HARD))
    connection.send("ready")
    while (asked := connection.recv()) is not None:
        suffix, content = asked
        path = folder / f"case{suffix}"
        path.write_bytes(content)
        heard = spoken.stat().st_size
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        pixels = 0
        before, started = _resident()[0], time.process_time()
        try:
            good, pixels = read_everywhere(path)
            outcome = Outcome("good" if good else "refused")
        except BaseException:
            outcome = Outcome("untyped", traceback.format_exc())
        outcome = outcome._replace(peak=_resident()[1] - before, seconds=time.process_time() - started)
        if outcome.peak > _BOUND + _A_PIXEL * pixels:
            outcome = outcome._replace(kind="over memory")
        with spoken.open("rb") as said:
            said.seek(heard)
            words = said.read().decode(errors="replace")
        if words and outcome.kind in ("good", "refused"):
            outcome = outcome._replace(kind="talked", detail=words)
        path.unlink()
        connection.send(outcome)


class _Worker:
    """A process that tries cases, started again when it is gone."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder, self._number, self._starts = folder, number, 0
        self.case = -1
        self.sent, self.processor = 0.0, 0.0
        self.start()

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        own = self._folder / f"{self._number}-{self._starts}"
        self._starts += 1
        self.process = context.Process(target=work, args=(other, own, self._number % 2 == 1), daemon=True)
        self.process.start()
        other.close()
        assert self.connection.recv() == "ready"
        self.last_words = own / "stderr.txt"

    def _used(self) -> float:
        """Return the processor seconds of the process so far."""
        try:
            fields = (
                Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            )
        except OSError:  # it is gone
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def give(self, index: int, seed: Seed) -> None:
        self.case, self.sent, self.processor = index, time.monotonic(), self._used()
        self.connection.send((seed.suffix, seed.content))

    def result(self) -> Outcome:
        """Wait for the case that was given; a process that died or hung is replaced."""
        try:
            before = self.processor
            while not self.connection.poll(1.0):
                used, waited = self._used() - before, time.monotonic() - self.sent
                if used > _SECONDS or waited > _WALL:
                    outcome = Outcome("hung", f"{used:.0f} s of the processor, {waited:.0f} s in all")
                    self.process.kill()
                    break
            else:
                received: Outcome = self.connection.recv()
                return received
        except (EOFError, ConnectionResetError):
            outcome = Outcome(
                "crashed", self.last_words.read_text(encoding="utf-8", errors="replace")[-3000:]
            )
        self.process.join()
        self.start()
        return outcome

    def close(self) -> None:
        self.connection.send(None)
        self.process.join()


def try_cases(
    cases: int,
    seed: int,
    *,
    workers: int,
    minutes: float,
    first: int = 0,
    keep: Path | None = None,
    real: Path | None = None,
) -> dict[str, Any]:
    """Try so many cases, or as many as there is time for, and return what is printed."""
    sound, extreme = seeds(real), list(bombs())
    counts: Counter[str] = Counter()
    bad: list[dict[str, Any]] = []
    peak, slowest, started = 0, 0.0, time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        crew = [_Worker(Path(temporary), number) for number in range(workers)]
        index = first
        cases += first
        while index < cases and time.monotonic() < started + 60 * minutes:
            busy = []
            for worker in crew[: cases - index]:
                given = case(index, seed, extreme, sound)
                worker.give(index, given)
                busy.append((worker, given))
                index += 1
            for worker, given in busy:
                outcome = worker.result()
                counts[outcome.kind] += 1
                peak, slowest = max(peak, outcome.peak), max(slowest, outcome.seconds)
                if outcome.kind in BAD:
                    bad.append(
                        {
                            "case": worker.case,
                            "name": given.name,
                            "kind": outcome.kind,
                            "said": outcome.detail,
                        }
                    )
                    _keep(keep, worker.case, given, outcome)
        for worker in crew:
            worker.close()
    return {
        "tried": sum(counts.values()),
        **{kind: counts[kind] for kind in ("good", "refused", *BAD)},
        "peak_mib": peak >> 20,
        "slowest_cpu_s": round(slowest, 2),
        "seconds": round(time.monotonic() - started, 1),
        "seed": seed,
        "bad": bad,
    }


def _keep(folder: Path | None, index: int, given: Seed, outcome: Outcome) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{index}-{outcome.kind.replace(' ', '-')}{given.suffix}").write_bytes(given.content)


def main() -> int:
    """Run the program; returns 1 if a case ended as none may."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the case to begin with")
    parser.add_argument("--minutes", type=float, default=30.0, help="stop after this time")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--real", type=Path, help="a data folder, of which a few files are broken too")
    parser.add_argument("--keep", type=Path, help="folder for the cases that ended as none may")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = try_cases(
        options.cases,
        options.seed,
        workers=options.workers,
        minutes=options.minutes,
        first=options.first,
        keep=options.keep,
        real=options.real,
    )
    for name, value in found.items():
        if name != "bad":
            print(f"{name:<14} {value}")
    for one in found["bad"]:
        print(f"\n{one['kind']}: case {one['case']} ({one['name']})\n{one['said']}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 1 if found["bad"] else 0


if __name__ == "__main__":
    sys.exit(main())
