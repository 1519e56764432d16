"""What `app` does with its arguments, and what it prints."""

from __future__ import annotations

from functools import partial
from typing import Any

from mutualseg import api


def perform_app(arguments: dict[str, Any], as_json: bool) -> int:
    """Serve the page until a signal ends it, which `cli` turns into an exit code."""
    if not as_json:
        api.app(**arguments)
        return 0
    from mutualseg.web_app.announcing import announce
    from mutualseg.web_app.running_app import serve, serve_until_stopped

    options = {name: value for name, value in arguments.items() if name not in ("quiet", "open_browser")}
    serve_until_stopped(
        serve(**options), partial(announce, as_json=True), open_browser=arguments["open_browser"]
    )
    return 0
