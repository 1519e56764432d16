"""The images that a page shows: those that were dropped, and those of one folder, of which none is left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mutualseg.data.images import image_size
from mutualseg.data.inside import is_inside
from mutualseg.data.listing import walk_names
from mutualseg.data.natural_order import natural_key
from mutualseg.data.samples import is_image_file
from mutualseg.errors import DataError, ImageError


class PageImage(NamedTuple):
    """An image that a page may show."""

    path: Path
    name: str
    """What people call it: of a dropped file its name, of one in a folder its path below that folder."""
    folder: Path | None = None
    """The folder that it must lie in; None for dropped files, which are the page's own copies."""


def folder_images(folder: Path) -> tuple[PageImage, ...]:
    """Return the images in a folder and its subfolders, in natural order.

    Links that lead out of the folder are passed over.

    Raises:
        DataError: there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise DataError(
            f"--images {folder} is no folder; give a folder of images, or drop files on the page."
        )
    names = [name for name in walk_names(folder) if is_image_file(name) and is_inside(name, folder)]
    if not names:
        raise DataError(f"There is no image in --images {folder}; check the path.")
    return tuple(PageImage(folder / name, name, folder) for name in sorted(names, key=natural_key))


def require_readable(image: PageImage, max_megapixels: float) -> None:
    """Look at an image's header before anything of it is decoded.

    Raises:
        ImageError: it is missing, no image, too large, or meanwhile a link that leads out of its folder.
    """
    if image.folder is not None and not is_inside(image.name, image.folder):
        raise ImageError(f"{image.name} leads out of the folder {image.folder}; replace the link by a file.")
    height, width = image_size(image.path)
    if height * width > max_megapixels * 1e6:
        raise ImageError(
            f"{image.path} has {height * width / 1e6:.1f} megapixels, and at most {max_megapixels:g} are "
            "read here; start the app with a larger --max-megapixels, or use mutualseg predict."
        )


def left_out(problems: Sequence[str], most: int = 5) -> list[str]:
    """Return sentences on files that were left out, the first few and how many more there are."""
    shown = [f"Left out: {problem}" for problem in problems[:most]]
    more = len(problems) - len(shown)
    return [*shown, f"{more} more files were left out."] if more > 0 else shown


def in_page_words(error: Exception, image: PageImage) -> str:
    """Return what is wrong with an image as a sentence for the page, which knows it by name alone."""
    return str(error).replace(str(image.path), image.name)
