"""The documentation site: it builds without a warning, and is made from the program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from site_tools.command_page import command_page

from mutualseg.command_line.verbs import VERBS
from tests.documented import ROOT


def test_the_page_on_commands_has_every_verb_and_option() -> None:
    page = command_page()
    assert re.findall(r"^## (\w+)$", page, re.MULTILINE) == [*VERBS]
    assert "| `--labeled` | text, whole number |  | " in page
    assert "| `--method.teacher_weight` |" in page
    assert "%%" not in page


@pytest.mark.slow
def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", tmp_path / "site"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},  # that its successor is called Zensical
    )
    assert (built.returncode, "WARNING" in built.stderr) == (0, False), built.stderr
    start = (tmp_path / "site" / "start.html").read_text(encoding="utf-8")
    assert not re.findall(r'<(?:script|img|link rel="stylesheet")[^>]+(?:src|href)="(?:https?:)?//', start)
    assert "teacher_weight" in (tmp_path / "site" / "commands.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    notebook = nbformat.read(ROOT / "examples" / "first_steps.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    assert not any(cell.get("outputs") for cell in notebook.cells)
    notebook.cells[1].source = notebook.cells[1].source.replace("STEPS = 40", "STEPS = 2")
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    said = [output.text for output in shown if output.get("name") == "stderr"]
    assert [text for text in said if "TqdmWarning" not in text] == []  # it misses ipywidgets
    assert sum("image/png" in output.get("data", {}) for output in shown) == 2


def test_the_dockerfile_copies_what_there_is_and_names_extras_that_exist() -> None:
    import tomllib

    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = [name for line in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE) for name in line.split()]
    assert copied
    assert all((ROOT / name).exists() for name in copied)
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    asked = {name for names in re.findall(r"/source\[([^\]]+)\]", text) for name in names.split(",")}
    assert asked <= extras.keys()
