"""What `suggest` writes of the chosen images: lists, copies, sheets, and masks to begin with."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
import torch
import yaml
from PIL import Image

from mutualseg.data.catalog import class_colors
from mutualseg.data.folder import DataFolder
from mutualseg.data.mask_codes import IGNORE, Color, MaskCode, color_name
from mutualseg.reporting.display import as_rgb
from mutualseg.suggesting.branches import Branches
from mutualseg.suggesting.looking import draw_maps
from mutualseg.suggesting.prefilled import CVAT_END, cvat_head, cvat_image, labelme_text, save_mask
from mutualseg.suggesting.rarity import rare_classes
from mutualseg.suggesting.sheet import PER_PAGE, Panel, brightest, draw_sheet, small_panel
from mutualseg.suggesting.suggestions import Suggestion, as_csv, as_list

Indices = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Package:
    """Where and how everything about the chosen images is written."""

    folder: Path
    source: DataFolder
    branches: Branches
    """Ready to look."""
    formats: tuple[str, ...]
    """Of `prefilled.FORMATS`."""

    @property
    def colors(self) -> Sequence[Color]:
        """RGB of each class."""
        return self.source.colors or class_colors(self.source.num_classes)

    def write(
        self,
        suggestions: Iterable[Suggestion],
        label_shares: npt.NDArray[np.float64],
        labeled: Sequence[str],
        heading: str,
        advance: Callable[[int], None],
    ) -> tuple[Suggestion, ...]:
        """Write everything, image by image, and return the suggestions with what is predicted in each.

        Args:
            suggestions: in the order of their ranks.
            label_shares: share of each class among the labeled pixels, [K].
            labeled: how a list names the images that are labeled already.
            heading: of the sheet.
            advance: told how many images are done.

        Raises:
            DataError: an image cannot be read any more.
            OSError: a file cannot be written.
        """
        written: list[Suggestion] = []
        panels: list[Panel] = []
        wants_cvat = "cvat" in self.formats
        path = self.folder / "annotations.xml"
        with path.open("w", encoding="utf-8") if wants_cvat else nullcontext() as cvat:
            if cvat is not None:
                cvat.write(cvat_head(self.source.classes, self.source.colors))
            for one in suggestions:
                complete, panel, classes = self._write_image(one, label_shares)
                if cvat is not None:
                    cvat.write(cvat_image(len(written), one.target, classes, self.source.classes))
                written.append(complete)
                panels.append(panel)
                advance(len(written))
            if cvat is not None:
                cvat.write(CVAT_END)
        self._write_sheets(panels, heading)
        self._write_lists(written, labeled)
        return tuple(written)

    def _write_image(
        self, one: Suggestion, label_shares: npt.NDArray[np.float64]
    ) -> tuple[Suggestion, Panel, Indices]:
        code = self.source.encoding.images
        pixels = code.read(one.image)
        image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)
        maps = draw_maps(self.branches, image)
        rgb = as_rgb(pixels)
        complete = replace(one, rare=rare_classes(maps.classes, label_shares, self.source.classes))
        copy = _make_room(self.folder / "images" / one.target)
        shutil.copyfile(one.image, copy)
        if "png" in self.formats:
            mask = self.folder / "masks" / one.mask
            save_mask(mask, maps.classes, self.source.encoding.masks, self.colors)
        if "labelme" in self.formats:
            seen = copy
            if not code.is_rgb:  # LabelMe shows 8-bit images alone
                seen = _make_room(self.folder / "views" / one.mask)
                Image.fromarray(rgb).save(seen)
            file = _make_room((self.folder / "labelme" / one.target).with_suffix(".json"))
            text = labelme_text(maps.classes, self.source.classes, _way(file, seen, self.folder))
            file.write_text(text, encoding="utf-8")
        title = f"{one.rank}   {one.line}   score {one.score:.2f}"
        reason = complete.reason(are_two=self.branches.are_two)
        return complete, small_panel(title, reason, rgb, maps.classes, maps.uncertainty), maps.classes

    def _write_sheets(self, panels: Sequence[Panel], heading: str) -> None:
        scale = brightest(panels)
        third = "where networks disagree" if self.branches.are_two else "uncertainty"
        pages = [panels[start : start + PER_PAGE] for start in range(0, len(panels), PER_PAGE)]
        for number, page in enumerate(pages, start=1):
            name = "sheet.png" if number == 1 else f"sheet-{number}.png"
            of = f" ({number} of {len(pages)})" if len(pages) > 1 else ""
            picture = draw_sheet(page, heading + of, self.source.classes, self.colors, scale, third=third)
            picture.save(self.folder / name)

    def _write_lists(self, suggestions: Sequence[Suggestion], labeled: Sequence[str]) -> None:
        texts = {
            "suggested.txt": as_list([one.line for one in suggestions]),
            "suggested.csv": as_csv(suggestions),
            "classes.txt": as_list(self.source.classes),
        }
        if labeled:
            texts["labeled.txt"] = as_list([*labeled, *(one.labeled_line for one in suggestions)])
        if self.source.encoding.masks.kind != "indices":
            texts["dataset.yaml"] = dataset_yaml(self.source.encoding.masks, self.source.classes)
        for name, text in texts.items():
            (self.folder / name).write_text(text, encoding="utf-8")


def _make_room(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _way(file: Path, image: Path, top: Path) -> str:
    """Return the path of an image from a file's folder on, both below a folder."""
    up = len(file.relative_to(top).parts) - 1
    return str(PurePosixPath(*[".."] * up, *image.relative_to(top).parts))


def dataset_yaml(code: MaskCode, classes: Sequence[str]) -> str:
    """Return what masks hold for each class, as `class_files` reads it."""
    names = {**dict(enumerate(classes)), IGNORE: "ignore"}
    held: dict[str, list[int | str]] = {}
    for key, index in code.table:
        if index in names:
            held.setdefault(names[index], []).append(key if code.kind == "values" else color_name(key))
    return yaml.safe_dump({"classes": list(classes), code.kind: held}, sort_keys=False, allow_unicode=True)
