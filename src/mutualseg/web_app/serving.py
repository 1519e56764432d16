"""From a viewer to a server that answers, and back to nothing: no file and no thread of it is left."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mutualseg.web_app.addresses import Listener
from mutualseg.web_app.guard import Guard
from mutualseg.web_app.viewer import Viewer

if TYPE_CHECKING:
    import fastapi

_MOST_FILES = 100
"""Of the largest size, that all visitors may drop together."""
_PATIENCE = 20.0
"""Seconds until the server answers."""
_LIBRARIES = (
    r"(gradio|gradio_client|starlette|fastapi|uvicorn|anyio|httpx|httpcore|pydantic|websockets|jinja2)\b"
)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a folder that only this user may enter, and delete it afterwards with all that is in it."""
    folder = Path(tempfile.mkdtemp(prefix="mutualseg-app-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def library_settings(uploads: Path) -> Iterator[None]:
    """Have Gradio keep its files in a folder, tell nobody that it is used, and print nothing."""
    wanted = {
        "GRADIO_TEMP_DIR": str(uploads),
        "GRADIO_EXAMPLES_CACHE": str(uploads / "examples"),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    loggers = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "httpx", "asyncio")]
    levels = [logger.level for logger in loggers]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=_LIBRARIES)
            for logger in loggers:
                logger.setLevel(logging.CRITICAL + 1)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def running(
    viewer: Viewer, listener: Listener, *, uploads: Path, limits: str, max_megabytes: float
) -> Iterator[threading.Thread]:
    """Serve a viewer's page in a thread while the block runs; call it inside `library_settings`.

    Args:
        viewer: acts.
        listener: where.
        uploads: where dropped images are; it may hold those of a hundred of the largest files.
        limits: what may be dropped, in words.
        max_megabytes: larger files are refused before they are whole.
    """
    import uvicorn

    def is_full() -> bool:
        return _bytes_in(uploads) > most

    most = _MOST_FILES * max_megabytes * 1e6
    app = _application(viewer, listener, limits=limits, max_megabytes=max_megabytes)
    config = uvicorn.Config(
        Guard(app, hosts=listener.hosts, is_full=is_full),  # type: ignore[arg-type]  # uvicorn names its own protocol of what answers
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=1,  # open pages keep a connection for good
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener.socket]}, name="mutualseg-app", daemon=True
    )
    thread.start()
    try:
        _await(server, thread)
        yield thread
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        listener.socket.close()


def _application(viewer: Viewer, listener: Listener, *, limits: str, max_megabytes: float) -> fastapi.FastAPI:
    import fastapi
    import gradio as gr

    from mutualseg.web_app.page import page_style
    from mutualseg.web_app.wiring import make_page

    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/result/{token}/{key}")
    def result(token: str, key: str) -> Any:
        found = viewer.sessions.download(token, key)
        if found is None or not found[0].is_file():
            return fastapi.responses.PlainTextResponse(
                "There is no such mask any more; look at the image again.", 404
            )
        return fastapi.responses.FileResponse(
            found[0], filename=found[1], headers={"Cache-Control": "no-store"}
        )

    fonts = [gr.themes.Font(name) for name in ("system-ui", "sans-serif")]
    mono = [gr.themes.Font(name) for name in ("ui-monospace", "monospace")]
    mounted: fastapi.FastAPI = gr.mount_gradio_app(
        app,
        make_page(viewer, limits=limits, may_add_networks=listener.is_local),
        path="/",
        footer_links=[],
        run_history=False,
        allowed_paths=[],
        show_error=listener.is_local,  # of a fault of the program, which the terminal has in full
        max_file_size=round(max_megabytes * 1e6),
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=gr.themes.Default(font=fonts, font_mono=mono),
        head=f"<style>{page_style()}</style>",  # as css Gradio would change its selectors
    )
    return mounted


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # deleted meanwhile
            total += path.stat().st_size
    return total


def _await(server: Any, thread: threading.Thread) -> None:
    start = time.monotonic()
    while not server.started:
        if not thread.is_alive() or time.monotonic() - start > _PATIENCE:
            raise RuntimeError("the app's server did not start")
        with suppress(InterruptedError):
            time.sleep(0.02)
