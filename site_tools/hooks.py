"""What mkdocs calls while it builds the site: pages made from the program, and links that leave docs/."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_ROOT), str(_ROOT / "src")]  # mkdocs runs this file alone

from site_tools.command_page import command_page  # noqa: E402
from site_tools.notebook_page import notebook_page  # noqa: E402

_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]+\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    made = {
        "commands.md": command_page(),
        "notebook.md": notebook_page(_ROOT / "examples" / "first_steps.ipynb"),
    }
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files, **_: Any) -> str:
    """Leave the words of links to files that are no part of the site, which readers of the source have."""
    return _OUTSIDE.sub(r"\1", markdown)
