"""What belongs to one open page: its dropped files, what networks said of images, where it is."""

from __future__ import annotations

import secrets
import shutil
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from mutualseg.reporting.pictures import Pixels
from mutualseg.web_app.answers import Answer
from mutualseg.web_app.page_images import PageImage

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

MOST_SESSIONS = 20
"""Pages whose files are kept; of more, that which was used the longest ago loses them."""
MOST_PICTURES = 8
"""Images whose pictures a page keeps in memory."""


@dataclass
class Session:
    """One page."""

    folder: Path
    """For its files, of this page alone."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    """Known to this page alone: part of the addresses under which its masks are fetched."""
    dropped: list[PageImage] = field(default_factory=list)
    shows_folder: bool = False
    positions: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})
    """Which image is shown of the dropped ones (False) and of the folder (True), from 0."""
    other: str | None = None
    """Address of the network to compare with."""
    photos: OrderedDict[Path, Pixels] = field(default_factory=OrderedDict)
    answers: OrderedDict[tuple[Path, str], Answer] = field(default_factory=OrderedDict)
    """By image and address of the network."""
    masks: dict[tuple[Path, str], Path] = field(default_factory=dict)
    """Of every image that was looked at."""
    downloads: dict[str, tuple[Path, str]] = field(default_factory=dict)
    """File and name for people of what may be fetched, by the end of its address."""
    _count: int = 0

    def new_file(self, suffix: str) -> Path:
        """Return a path for a new file, of a name that says nothing."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._count += 1
        return self.folder / f"{self._count:06d}{suffix}"

    def keep_photo(self, image: PageImage, photo: Pixels) -> None:
        """Keep a picture, instead of the oldest if there are many."""
        _keep(self.photos, image.path, photo, MOST_PICTURES)

    def keep_answer(self, image: PageImage, address: str, answer: Answer) -> None:
        """Keep an answer likewise; its mask stays as a file."""
        self.masks[image.path, address] = answer.mask
        _keep(self.answers, (image.path, address), answer, 2 * MOST_PICTURES)

    def forget_dropped(self) -> None:
        """Delete the dropped files and all that was made of them."""
        for image in self.dropped:
            image.path.unlink(missing_ok=True)
            self.photos.pop(image.path, None)
            for key in [key for key in self.masks if key[0] == image.path]:
                self.masks.pop(key).unlink(missing_ok=True)
                self.answers.pop(key, None)
        self.dropped, self.positions[False] = [], 0


class Sessions:
    """The open pages.

    Args:
        folder: for the folders of all pages.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: OrderedDict[str, Session] = OrderedDict()

    def of(self, page: str) -> Session:
        """Return the session of a page, a new one if it has none, or none any more.

        Args:
            page: what its browser calls it; no part of any path.
        """
        if page not in self._open:
            self._open[page] = Session(self._folder / secrets.token_hex(16))
            if len(self._open) > MOST_SESSIONS:
                _, oldest = self._open.popitem(last=False)
                shutil.rmtree(oldest.folder, ignore_errors=True)
        self._open.move_to_end(page)
        return self._open[page]

    def download(self, token: str, key: str) -> tuple[Path, str] | None:
        """Return the file at an address and its name for people; None if there is none."""
        for session in list(self._open.values()):
            if secrets.compare_digest(session.token.encode(), token.encode()):
                return session.downloads.get(key)
        return None


def _keep(kept: OrderedDict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
