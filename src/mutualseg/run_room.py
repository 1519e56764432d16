"""Whether a run may have a folder, and how the folder is emptied for it."""

from __future__ import annotations

import shutil

from mutualseg.atomic_files import partial_of
from mutualseg.data.file_names import printable
from mutualseg.errors import RunError
from mutualseg.runs import RunFolder, is_distilled

_WRITTEN = {
    *("config", "split", "classes", "baseline", "checkpoints", "weights"),
    *("metrics", "monitor", "timing", "losses", "events", "loggers", "wandb", "mlruns"),
    *("views", "pseudo_labels", "val_predictions", "summary", "report"),
    *("error", "bad_batches", "skipped", "suggested", "export"),
}
"""What a run folder holds, up to the first dot; `--overwrite` deletes nothing else."""


def check_free(folder: RunFolder, *, overwrite: bool) -> None:
    """Raise RunError if a folder holds something that may not be replaced."""
    root = folder.root
    if printable(str(root.absolute())) != str(root.absolute()):  # TensorBoard takes only text
        raise RunError(f"--out {root} holds bytes that are no UTF-8 text; name another folder.")
    if root.exists() and not root.is_dir():
        raise RunError(f"--out {root} is a file; name a folder.")
    if not root.is_dir() or _holds_nothing(folder):
        return
    if not overwrite:
        raise RunError(
            f"--out {root} is not empty; use --resume to continue that run, "
            "--overwrite to start it anew, or another folder."
        )
    strangers = _strangers(folder)
    if strangers or not folder.config.is_file():
        held = f"'{strangers[0]}', which no run wrote" if strangers else "files but no run"
        raise RunError(f"--out {root} holds {held}, so --overwrite leaves it alone; name another folder.")


def make_room(folder: RunFolder, *, overwrite: bool) -> None:
    """Make a folder for a run, empty; raise RunError where `check_free` does."""
    check_free(folder, overwrite=overwrite)
    inside = (folder.checkpoint.parent, folder.weights.parent, folder.pseudo_labels, folder.val_predictions)
    try:
        _clear(folder)
        for path in inside:
            path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"--out {folder.root} cannot be made ({error.strerror}); name another folder."
        ) from error


def clear_remains(folder: RunFolder) -> None:
    """Empty a folder whose run was killed before it had its config.yaml, or while it was deleted.

    Raises:
        RunError: something is there that no run wrote.
    """
    strangers = _strangers(folder)
    if strangers:
        raise RunError(
            f"'{folder.root}' holds '{strangers[0]}', which no run wrote, and no run; "
            "move it away, or name another folder."
        )
    _clear(folder)


def _holds_nothing(folder: RunFolder) -> bool:
    """Whether all there is are our empty folders and half-written files: a run that could not begin."""
    if _strangers(folder):
        return False
    return all(path.is_dir() or path.suffix == partial_of(path).suffix for path in folder.root.rglob("*"))


def _strangers(folder: RunFolder) -> list[str]:
    names = (path.name for path in folder.root.iterdir())
    return sorted(name for name in names if name.partition(".")[0] not in _WRITTEN and not is_distilled(name))


def _clear(folder: RunFolder) -> None:
    """Delete everything, config.yaml last: after a kill in between, `--overwrite` still sees a run."""
    held = folder.root.iterdir() if folder.root.is_dir() else ()
    for path in sorted(held, key=lambda path: path == folder.config):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
