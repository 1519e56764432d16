"""`app` from its arguments to its end: loads, announces, waits for a signal, deletes what visitors left."""

from __future__ import annotations

import signal
import threading
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from mutualseg.errors import ConfigError, Interrupted
from mutualseg.hub.addresses import is_address
from mutualseg.runs import require_there
from mutualseg.web_app.announcing import Announcement

_MOST_RUNS = 2

Served = AbstractContextManager[tuple[Announcement, threading.Thread]]
"""An app that runs while a block does: what is said of it, and the thread that answers."""


@contextmanager
def serve(
    runs: Sequence[str],
    *,
    images: str | None,
    host: str,
    port: int | None,
    max_megabytes: float,
    max_megapixels: float,
    device: str,
) -> Iterator[tuple[Announcement, threading.Thread]]:
    """Serve an app while the block runs; see `mutualseg.app`.

    Raises:
        MutualSegError: a run, the folder or an option cannot be used, or Gradio is missing.
    """
    _check(runs, max_megabytes, max_megapixels)
    from mutualseg.web_app.addresses import listen
    from mutualseg.web_app.networks import Networks
    from mutualseg.web_app.page_images import folder_images
    from mutualseg.web_app.serving import library_settings, running, temporary_folder
    from mutualseg.web_app.sessions import Sessions
    from mutualseg.web_app.viewer import Viewer

    folder = () if images is None else folder_images(Path(images))
    with ExitStack() as stack:
        listener = listen(host, port)
        stack.callback(listener.socket.close)
        networks = Networks(runs, device=device)
        kept = stack.enter_context(temporary_folder())
        for name in ("uploads", "sessions"):
            (kept / name).mkdir(mode=0o700)
        stack.enter_context(library_settings(kept / "uploads"))
        viewer = Viewer(networks, folder, Sessions(kept / "sessions"), max_megapixels=max_megapixels)
        limits = f"Up to {max_megabytes:g} MB and {max_megapixels:g} megapixels each."
        server = running(
            viewer, listener, uploads=kept / "uploads", limits=limits, max_megabytes=max_megabytes
        )
        thread = stack.enter_context(server)
        yield Announcement(listener.url, listener.is_local, len(folder)), thread


def serve_until_stopped(app: Served, announce: Callable[[Announcement], None], *, open_browser: bool) -> None:
    """Serve an app until Ctrl-C or a signal ends it.

    Args:
        app: of `serve`, not begun yet.
        announce: tells the user where it is.
        open_browser: open the page there.

    Raises:
        KeyboardInterrupt: at Ctrl-C.
        Interrupted: at SIGTERM.
        SystemExit: when the terminal is closed.
        MutualSegError: see `serve`.
    """
    with _stopped_by_signals(), app as (announcement, thread):
        announce(announcement)
        if open_browser:
            webbrowser.open(announcement.url)
        # Not `thread.join`: of a thread whose join a signal interrupts Python 3.11 believes that it ended.
        pause = threading.Event()
        while thread.is_alive():
            pause.wait(1.0)
    raise RuntimeError("the app's server ended by itself")


def _check(runs: Sequence[str], max_megabytes: float, max_megapixels: float) -> None:
    if not 1 <= len(runs) <= _MOST_RUNS:
        raise ConfigError(f"app takes one run or two to compare, and was given {len(runs)}; name one or two.")
    for run in runs:
        if not is_address(run):
            require_there(Path(run))
    for name, value in (("megabytes", max_megabytes), ("megapixels", max_megapixels)):
        if not 0 < value < float("inf"):
            raise ConfigError(f"--max-{name} {value:g} leaves nothing to look at; give a number above 0.")
    if find_spec("gradio") is None:
        raise ConfigError("The app needs gradio; pip install 'mutualseg[app]'.")


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Let SIGTERM, and a terminal that is closed, end the block as Ctrl-C does: files are deleted then."""
    if threading.current_thread() is not threading.main_thread():  # only there can signals be answered
        yield
        return
    answers = {signal.SIGTERM: _terminate}
    if hasattr(signal, "SIGHUP"):
        answers[signal.SIGHUP] = _hang_up
    before = {number: signal.signal(number, answer) for number, answer in answers.items()}
    try:
        yield
    finally:
        for number, answer in before.items():
            signal.signal(number, answer)


def _terminate(number: int, frame: FrameType | None) -> None:
    stopped = Interrupted("SIGTERM")
    stopped.advice = "; dropped images and masks are deleted"
    raise stopped


def _hang_up(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
