"""The notebook as a page: its texts and its cells of code, without what they print."""

from __future__ import annotations

import json
from pathlib import Path


def notebook_page(path: Path) -> str:
    """Return Markdown of a notebook.

    Args:
        path: of an .ipynb file.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    parts = []
    for cell in cells:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    return "\n\n".join(parts) + "\n"
