"""The images that annotation files are about: below images/ or beside those files, with or without parts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mutualseg.data.listing import Files, list_files, list_tree
from mutualseg.data.samples import PARTS, Part

_PART_NAMES: dict[str, Part] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}


@dataclass(frozen=True)
class PartedImages:
    """Image files by part."""

    root: Path
    divided: bool
    """Whether the parts have folders of their own."""
    parts: Mapping[Part, Files]

    def named(self, part: Part | None) -> dict[str, Path]:
        """Return the images of a part, of all for None, by their paths below the root."""
        return dict(self._named(part))

    def _named(self, part: Part | None) -> Iterator[tuple[str, Path]]:
        for own in PARTS if part is None else (part,):
            prefix = self.prefix(own)
            for path in self.parts[own].paths:
                yield f"{prefix}{path}", self.parts[own].folder / path

    def prefix(self, part: Part) -> str:
        """Return what the path of a part's folder below the root is, with / after it; "" for the root."""
        below = self.parts[part].folder.relative_to(self.root).as_posix()
        return "" if below == "." else f"{below}/"

    def divided_by(self, part_of: Mapping[str, Part]) -> PartedImages:
        """Return the same images with the parts that other files give them, by their paths below the root."""
        if self.divided or not part_of:
            return self
        moved = {part: Files(self.root) for part in PARTS}
        files = self.parts["train"]
        for path, stem in zip(files.paths, files.stems, strict=True):
            own = moved[part_of.get(path, "train")]
            own.paths.append(path)
            own.stems.append(stem)
        return PartedImages(self.root, True, moved)


def find_images(home: Path) -> PartedImages:
    """List the images of a folder of annotations; tools also call val/ valid/ or validation/."""
    root = home / "images" if (home / "images").is_dir() else home
    folders = {part: root / name for name, part in reversed(_PART_NAMES.items()) if (root / name).is_dir()}
    if "train" in folders:
        return PartedImages(
            root,
            True,
            {part: list_files(folders[part]) if part in folders else Files(root / part) for part in PARTS},
        )
    tree = list_tree(root)
    return PartedImages(root, tree.has_parts, tree.files)


def part_named(path: str) -> Part | None:
    """Return the part that a path names, such as "annotations/instances_val2017.json", or None."""
    words = re.findall("[a-z]+", path.lower())
    found = [_PART_NAMES[word] for word in words if word in _PART_NAMES]
    return found[-1] if found else None
