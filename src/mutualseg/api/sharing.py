"""`push`: a trained network for others, on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mutualseg.api.arguments import own_run


def push(
    run: str,
    name: str,
    *,
    private: bool = True,
    license: str | None = None,
    message: str | None = None,
    dry_run: str | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """Publish a finished run's deployed network on the Hugging Face Hub.

    It becomes three files in one commit: the weights as safetensors, config.json, and a model card with the
    data (as counts and class names), the scores, the limits and the licenses. Nothing else of the run leaves
    this machine: no image, no path. Then `load("hf://NAME")`, `predict hf://NAME` and all that takes a run's
    weights can use it.

    Args:
        run: Run folder that `train` wrote.
        name: OWNER/MODEL on the Hub; without OWNER/ it is who the token belongs to.
        private: Whether a new model is seen by its owner alone. One that is there already stays as it is.
        license: Under which others may use the model, such as apache-2.0; not stated if not given.
        message: Of the commit; method, score and seed if not given.
        dry_run: Folder to write the files to instead of uploading them.
        quiet: Say nothing while uploading.

    Returns:
        name, files and notes; with an upload also address (hf://...), url, commit and whether it is private,
        else the folder.

    Raises:
        MutualSegError: the run is not finished, the name cannot be, or the Hub refuses or is not reached.
    """
    folder = own_run(run, "push")
    from mutualseg.hub.publishing import publish
    from mutualseg.reporting.console import RunConsole

    return publish(
        folder,
        name,
        private=private,
        license=license,
        message=message,
        dry_run=None if dry_run is None else Path(dry_run),
        say=RunConsole(quiet=quiet).say,
    )
