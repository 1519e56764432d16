"""`app`: a page to try a network on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal


def app(
    runs: str | Sequence[str],
    *,
    images: str | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    max_megabytes: float = 100.0,
    max_megapixels: float = 50.0,
    open_browser: bool = False,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    quiet: bool = False,
) -> None:
    """Serve a page on this machine to try a network on images, or to compare two; Ctrl-C ends it.

    Images dropped on the page are segmented: overlay, classes and their shares, confidence, and masks to
    download. Dropped images, and masks, are deleted when the app ends. The page loads nothing from other
    machines, and tells them nothing. Needs pip install 'mutualseg[app]'.

    Args:
        runs: One run to try, or two to compare: run folders, weights files that `train` wrote, or hf://NAME.
        images: Folder of images to page through, with its subfolders.
        host: Address to listen on. The default is reached from this machine alone; any other one, such as
            0.0.0.0 for all, lets everybody who reaches it use the page without a password and see --images.
        port: Port to listen on, 0 for any free one; the first free one from 7860 on if not given.
        max_megabytes: Larger files are not taken, in 1,000,000 bytes.
        max_megapixels: Images of more pixels are not read, in 1,000,000.
        open_browser: Open the page in the browser.
        device: auto, cpu, cuda or mps.
        quiet: Print nothing.

    Raises:
        MutualSegError: a run, the folder or an option cannot be used, or Gradio is missing.
        KeyboardInterrupt: at Ctrl-C, once everything is deleted.
    """
    from mutualseg.web_app.announcing import announce
    from mutualseg.web_app.running_app import serve, serve_until_stopped

    served = serve(
        [str(run) for run in ([runs] if isinstance(runs, str) else runs)],
        images=images,
        host=host,
        port=port,
        max_megabytes=max_megabytes,
        max_megapixels=max_megapixels,
        device=device,
    )
    serve_until_stopped(served, partial(announce, quiet=quiet), open_browser=open_browser)
