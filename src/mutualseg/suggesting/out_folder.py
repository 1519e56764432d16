"""The folder that `suggest` writes: it appears whole, and never replaces what somebody may have corrected."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mutualseg.data.regular_files import real_path
from mutualseg.errors import ConfigError

_WRITTEN = {
    *("suggested.txt", "suggested.csv", "labeled.txt", "classes.txt", "dataset.yaml", "annotations.xml"),
    *("images", "masks", "labelme", "views"),
}
"""What such a folder holds, beside sheets; `--overwrite` deletes nothing else."""


def check_out(out: Path, *, run: Path | None, read_only: Sequence[Path], overwrite: bool) -> None:
    """Raise ConfigError if the folder must not be written.

    Args:
        out: of `--out`.
        run: the run folder, which may lie within the data folder; None for weights.
        read_only: the data folder and `--unlabeled` folders.
        overwrite: of `--overwrite`.
    """
    place = real_path(out)
    for folder in read_only:
        if place.is_relative_to(real_path(folder)) and not (
            run is not None and place.is_relative_to(real_path(run))
        ):
            raise ConfigError(f"--out {out} lies in {folder}, which is only read; name a folder outside it.")
    if out.is_symlink():
        raise ConfigError(f"--out {out} is a link, which a folder would replace; name a folder.")
    if place == Path.cwd():
        raise ConfigError(
            f"--out {out} is the folder that you are in, which cannot be replaced; name one within it."
        )
    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out} is a file; name a folder.")
    _refuse_partial_of_others(_partial_of(out))
    held = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    if not held:
        return
    if not overwrite:
        raise ConfigError(
            f"{out} holds files already, perhaps masks that somebody corrected; name another folder with "
            "--out, or replace them with --overwrite."
        )
    strangers = [name for name in held if not _is_ours(name)]
    if strangers:
        raise ConfigError(
            f"{out} holds '{strangers[0]}', which suggest did not write, so --overwrite leaves it alone; "
            "name another folder with --out."
        )


def _partial_of(out: Path) -> Path:
    place = real_path(out)  # the last part of `out` may be ..
    return place.with_name(f"{place.name}.partial")


def _refuse_partial_of_others(partial: Path) -> None:
    """Raise ConfigError unless only a call that was killed can have left what is deleted before writing."""
    is_folder = partial.is_dir() and not partial.is_symlink()
    if is_folder and all(_is_ours(path.name) for path in partial.iterdir()):
        return
    if is_folder or partial.is_symlink() or partial.exists():
        raise ConfigError(
            f"{partial} is in the way, where suggest writes first; rename it, or choose another --out."
        )


def _is_ours(name: str) -> bool:
    return name in _WRITTEN or (name.startswith("sheet") and name.endswith(".png"))


@contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """Yield an empty folder to write into, which then takes the place of `out`; after a failure it is gone.

    Raises:
        OSError: it cannot be written.
    """
    out, partial = real_path(out), _partial_of(out)
    _remove(partial)
    partial.mkdir(parents=True)
    try:
        yield partial
        _remove(out)
        partial.rename(out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
