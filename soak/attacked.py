"""A place to attack: a small data folder, a finished run, and the command, watched while it works."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import resource
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, PngImagePlugin

from mutualseg.cli import main
from mutualseg.terminal import shown_lines

SECRET = "secret-4711-do-not-read"
SMALL = (
    *("--network", "fpn", "--encoder", "mobilenetv3_small_050", "--weights", "none", "--crop", "32"),
    *("--batch", "2", "--steps", "2", "--workers", "0", "--device", "cpu", "--precision", "32"),
    *("--method", "labels_only"),
)
"""A run of a second."""
_MOST_MEMORY = 2**31
"""Bytes that the process may grow by in one attack."""


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str
    harm: tuple[str, ...]
    """What an attack must never reach: network, terminal, memory, a traceback."""


@dataclass(frozen=True)
class Place:
    """A folder of its own for one attack.

    Args:
        root: an empty folder.
        run: a finished run, to copy.
    """

    root: Path
    run: Path = field(repr=False)

    @property
    def canary(self) -> Path:
        """A file that no command makes, and only code of the attacker would."""
        return self.root / "canary"

    @property
    def data(self) -> Path:
        """A data folder of this attack's own."""
        folder = self.root / "data"
        return folder if folder.is_dir() else write_data(folder)

    @property
    def outside(self) -> Path:
        """A folder that is none of the attacker's, with a text and an image."""
        folder = self.root / "outside"
        if not folder.is_dir():
            folder.mkdir()
            (folder / "secret.txt").write_text(SECRET, encoding="utf-8")
            notes = PngImagePlugin.PngInfo()
            notes.add_text("secret", SECRET)
            Image.new("RGB", (40, 32), (1, 2, 3)).save(folder / "secret.png", pnginfo=notes)
        return folder

    def copy_of_run(self) -> Path:
        """Return a run of this attack's own, killed after its last checkpoint."""
        run = self.root / "run"
        shutil.copytree(self.run, run)
        (run / "summary.json").unlink()
        return run

    def command(self, *words: object) -> Outcome:
        """Run `mutualseg` in this process, and watch it."""
        out, err, asked = io.StringIO(), io.StringIO(), list[str]()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with _watched(self.root, asked), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main([str(word) for word in words])
            except Exception as error:  # a crash is what an attack would like to see
                code, asked = 70, [*asked, f"a crash ({type(error).__name__}: {error})"]
        grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        said = out.getvalue() + err.getvalue()
        harm = [*asked]
        if shown_lines(said) != said:
            harm.append("a terminal was sent what it would obey")
        if "Traceback" in said:
            harm.append("a traceback")
        if grown > _MOST_MEMORY:
            harm.append(f"{grown / 2**30:.1f} GB of memory")
        return Outcome(code, out.getvalue(), err.getvalue(), tuple(harm))

    def harm(self, outcome: Outcome, *codes: int, says: str = "") -> str | None:
        """Return what an attack has reached; None if it stayed inert.

        Args:
            outcome: of the command that met it.
            codes: exit codes that are right: 2 for a refusal, 0 for an ordinary result.
            says: what the output has to hold.
        """
        found = list(outcome.harm)
        if self.canary.exists():
            found.append("its code ran")
        if outcome.code not in codes:
            found.append(f"exit code {outcome.code}: {outcome.err.strip()[-200:]}")
        own = [line.startswith("mutualseg: ") for line in outcome.err.strip().splitlines()]
        if (
            outcome.code == 2 and own and (own.count(True) != 1 or not own[-1])
        ):  # what was said before it is none
            found.append("more than one line of error")
        if says not in outcome.out + outcome.err:
            found.append(f"{says!r} is not said: {(outcome.out + outcome.err).strip()[-200:]}")
        found += [f"the secret was copied to {path}" for path in self._leaks()]
        return "; ".join(found) or None

    def _leaks(self) -> Iterator[Path]:
        for path in self.root.rglob("*"):
            inside = path.is_file() and not path.is_symlink() and "outside" not in path.parts
            if inside and path.stat().st_size < 2**24 and SECRET.encode() in path.read_bytes():
                yield path.relative_to(self.root)


class Gadget:
    """An object that runs a command when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch '{self.canary}'",)


def pickled(place: Place, *, as_torch: bool = False) -> bytes:
    """Return a file that runs the attacker's code when it is unpickled, plain or in torch's archive."""
    if not as_torch:
        return pickle.dumps({"state_dict": Gadget(place.canary)}, protocol=2)
    stream = io.BytesIO()
    torch.save({"state_dict": {"weight": torch.zeros(1)}, "more": Gadget(place.canary)}, stream)
    return stream.getvalue()


def write_data(root: Path, classes: tuple[str, ...] = ("ground", "disc", "box")) -> Path:
    """Write a data folder: six training images, three of them with masks, and two for val."""
    rng = np.random.default_rng(0)
    for part, count, labeled in (("train", 6, 3), ("val", 2, 2)):
        for index in range(count):
            mask = np.zeros((32, 40), np.uint8)
            mask[4:16, 4:20], mask[18:30, 20:36] = 1, 2
            image = (mask[..., None] * 80 + rng.integers(0, 60, (32, 40, 3))).astype(np.uint8)
            for kind, pixels in (("images", image), ("masks", mask)):
                if kind == "images" or index < labeled:
                    path = root / kind / part / f"{index}.png"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(pixels).save(path)
    (root / "classes.txt").write_text("\n".join(classes) + "\n", encoding="utf-8")
    return root


def write_json(path: Path, content: Any) -> Path:
    """Write JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@contextlib.contextmanager
def _watched(root: Path, asked: list[str]) -> Iterator[None]:
    """Work in a folder, from which modules can be imported, and note what is asked of the network."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def noted_connect(own: socket.socket, where: Any) -> None:
        if own.family != socket.AF_UNIX:
            asked.append(f"a connection to {where}")
            raise ConnectionRefusedError
        connect(own, where)

    def noted_look_up(host: Any, *rest: Any, **options: Any) -> Any:
        if host not in (None, "localhost", "127.0.0.1", "::1", socket.gethostname()):
            asked.append(f"the address of {host}")
            raise socket.gaierror
        return look_up(host, *rest, **options)

    planted = root / "planted.py"
    code = f"from pathlib import Path\nPath({str(root / 'canary')!r}).touch()\nclass Thing: pass\n"
    planted.write_text(code, encoding="utf-8")
    here, cache = Path.cwd(), os.environ.get("MUTUALSEG_CACHE")
    patched: Any = socket
    patched.socket.connect, patched.getaddrinfo = noted_connect, noted_look_up
    sys.path.insert(0, str(root))
    os.environ["MUTUALSEG_CACHE"] = str(root / "cache")
    os.chdir(root)
    try:
        yield
    finally:
        os.chdir(here)
        sys.path.remove(str(root))
        sys.modules.pop("planted", None)
        patched.socket.connect, patched.getaddrinfo = connect, look_up
        if cache is None:
            del os.environ["MUTUALSEG_CACHE"]
        else:
            os.environ["MUTUALSEG_CACHE"] = cache
