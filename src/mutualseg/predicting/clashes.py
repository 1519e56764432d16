"""What speaks against writing the files of `predict`: other files, and what is segmented itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mutualseg.data.inside import is_inside
from mutualseg.data.regular_files import real_path
from mutualseg.errors import ConfigError
from mutualseg.predicting.saved_kinds import INDEX, overlay_video, place_of
from mutualseg.predicting.target import Target


def refuse_clashes(targets: Sequence[Target], out: Path, kinds: Sequence[str]) -> None:
    """Raise ConfigError if a file would be written twice, outside the output folder, or over an image.

    The frames of a video are files in a folder of its name, which is its own; its overlays are one video.
    """
    _refuse_files_as_folders(out, out, set())
    sources = {real_path(target.source): target.source for target in targets}
    seen: dict[Path, Path] = {}
    folders: dict[Path, Path] = {}
    checked: set[Path] = set()
    for target in targets:
        for kind in kinds:
            place, is_folder = _place(kind, out, target)
            if is_folder:
                folders[place] = target.source
            if not is_inside(str(place.absolute()), out):
                raise ConfigError(
                    f"{place} leads out of --out {out} by a link; remove the link, or name another."
                )
            _refuse_sources(place, kind, target, sources)
            if place in seen:
                raise ConfigError(
                    f"{seen[place]} and {target.source} would both be written to {place}; "
                    "predict them into two folders."
                )
            seen[place] = target.source
            _refuse_files_as_folders(place if is_folder else place.parent, out, checked)
            if not is_folder and place.is_dir():
                raise ConfigError(
                    f"{place} is a folder, where a file would be written; name another folder with --out."
                )
    if folders:
        _refuse_files_among_frames(seen, folders)
        _refuse_frames_among_sources(sources, folders)


def _place(kind: str, out: Path, target: Target) -> tuple[Path, bool]:
    """Return where files of a kind go, and whether that is a folder of frames."""
    if not target.is_video:
        return place_of(kind, out, target.name), False
    if kind == "overlay":
        return overlay_video(out, target.name), False
    return place_of(kind, out, target.name).with_suffix(""), True


def _refuse_sources(place: Path, kind: str, target: Target, sources: Iterable[Path]) -> None:
    if (real := real_path(place)) not in sources:
        return
    what = {INDEX: "mask", "overlay": "overlay"}.get(kind, "picture")
    replaced = "video" if target.is_video else "image"
    raise ConfigError(
        f"The {what} of {target.source} would replace the {replaced} itself; choose another --out."
        if real == real_path(target.source)
        else f"What is written of {target.source} would replace the image {place}; choose another --out."
    )


def _refuse_files_as_folders(folder: Path, out: Path, checked: set[Path]) -> None:
    """Raise ConfigError if a folder that files go into, or one above it, is a file."""
    for path in (folder, *folder.parents):
        if path in checked:
            return
        checked.add(path)
        if path.exists() and not path.is_dir():
            shown = f"--out {path}" if path == out else str(path)
            raise ConfigError(f"{shown} is a file, where a folder is needed; name another folder with --out.")


def _refuse_files_among_frames(seen: dict[Path, Path], folders: dict[Path, Path]) -> None:
    for place, source in seen.items():
        for folder in place.parents:
            if folder in folders:
                raise ConfigError(
                    f"{source} would be written among the frames of {folders[folder]} in {folder}; "
                    "predict them into two folders."
                )


def _refuse_frames_among_sources(sources: dict[Path, Path], folders: dict[Path, Path]) -> None:
    real = {real_path(folder): video for folder, video in folders.items()}
    for place, source in sources.items():
        if place.parent in real and place.stem.isdecimal():  # as frames are called
            video = real[place.parent]
            raise ConfigError(
                f"The frames of {video} would be written where {source} is; choose another --out."
            )
