"""Every command that a document tells users to call: it parses, and it runs, on made data and shrunk."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

import mutualseg
from mutualseg.cli import main
from mutualseg.command_line.parsing import parse_verb
from mutualseg.command_line.verbs import VERBS
from tests.command.made import SMALL, flags, write_data, write_photos
from tests.documented import DOCUMENTS, QUOTING, Documented, documented_commands, documented_python

COMMANDS = [each for document in (*DOCUMENTS, *QUOTING) for each in documented_commands(document)]
_SHRUNK = {name: value for name, value in SMALL.items() if name not in ("steps", "evaluate_every")}
_REPLACED = ("--steps", "--budget", "--crop", "--encoder", "--network", "--batch", "--accumulate")


@pytest.mark.parametrize("documented", COMMANDS, ids=str)
def test_every_documented_command_parses(documented: Documented, tmp_path: Path) -> None:
    words = documented.words
    if words[0] == "VERB" or "--help" in words:
        assert main([word for word in words if word != "VERB"]) == 0
    elif words[0] != "--version":
        assert parse_verb(words[0], VERBS[words[0]], list(words[1:])) is not None


@pytest.mark.slow
@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_commands_of_a_document_run_in_order(
    document: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _make_placeholders(tmp_path, monkeypatch)
    Path("grid.yaml").write_text(yaml.safe_dump({"low": {"method": {"name": "mutual", "threshold": 0.5}}}))
    for name in ("RUN", "runs/mine"):
        shutil.copytree(finished, name)
    failed = []
    for documented in documented_commands(document):
        if not documented.only_parsed and "--help" not in documented.words:
            code = main(_shrunk(documented.words))
            if code != 0:
                failed.append(f"{documented} -> {code}")
    assert failed == []


@pytest.mark.slow
@pytest.mark.parametrize("document", ["README.md", "docs/python.md"])
def test_the_python_of_a_document_runs(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _make_placeholders(tmp_path, monkeypatch)
    train = mutualseg.train

    def shrunk(*arguments: Any, **options: Any) -> Any:
        return train(*arguments, **(options | SMALL | {"budget": None, "quiet": True}))

    monkeypatch.setattr(mutualseg, "train", shrunk)
    blocks = documented_python(document)
    assert blocks
    for block in blocks:
        exec(compile(block, document, "exec"), {})


def _make_placeholders(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make what the documents' names stand for, in the current folder."""
    monkeypatch.chdir(here)
    write_data(Path("DIR"), {"train": 20, "val": 3, "test": 2}, labeled=16)
    write_photos(Path("MORE_IMAGES"), ("a.png", "b.png"))
    write_photos(Path("photos"), ("c.png", "below/d.png"))
    write_photos(Path(), ("photo.jpg",))


def _shrunk(words: Sequence[str]) -> list[str]:
    """Return a command with a small network, few steps and a folder that is free."""
    own = [r"^(\d)" if word.startswith("^(") else word for word in words]  # as the made names are
    begins = own[0] == "train" and ("--resume" not in own or "--data" in own)
    if begins:
        own = _without(
            own, "--steps", "--budget", "--crop", "--encoder", "--network", "--batch", "--accumulate"
        )
        own += [*flags(_SHRUNK, steps=2, evaluate_every=1)]
        own += [] if "--resume" in own else ["--overwrite"]
    if own[0] == "train" and not begins and "--steps" in own:
        own[own.index("--steps") + 1] = "6"
    if own[0] == "compare":
        own = _without(own, "--steps", "--budget")
        own = [word.replace("--ablation", "--ablation=no_cutmix") for word in own]  # all of it takes minutes
        own += [*flags(_SHRUNK, steps=1, evaluate_every=1), "--methods", "labels_only,mutual"]
    return own


def _without(words: Sequence[str], *options: str) -> list[str]:
    """Return words without some options and their values."""
    found, skip = [], False
    for word in words:
        if word in options:
            skip = True
        elif skip:
            skip = False
        else:
            found.append(word)
    return found
