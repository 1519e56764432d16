"""What a page does when somebody acts on it; knows nothing of how the page is served."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import RLock
from typing import NamedTuple

from mutualseg.errors import ImageError, MutualSegError
from mutualseg.web_app.looking import Seen, mask_of, see
from mutualseg.web_app.mask_names import mask_names
from mutualseg.web_app.networks import AppNetwork, Networks
from mutualseg.web_app.page_images import PageImage, in_page_words, left_out, require_readable
from mutualseg.web_app.sessions import Session, Sessions
from mutualseg.web_app.zipped_masks import write_masks

MOST_DROPPED = 200
"""Dropped files that a page holds."""


class Dropped(NamedTuple):
    """A file as the server received it."""

    path: Path
    name: str
    """What it is called on the visitor's machine: whatever a browser claims."""


class View(NamedTuple):
    """What a page shows after an action."""

    networks: tuple[AppNetwork, ...]
    position: int
    """From 0."""
    total: int
    """Images that can be paged through."""
    shows_folder: bool
    seen: Seen | None
    """None if there is no image yet."""
    problems: tuple[str, ...]
    dropped: int
    """Files that were dropped on the page."""
    mask_addresses: tuple[str | None, ...] = ()
    """Where the mask of the image shown is fetched, for each network."""


class Viewer:
    """The state of all pages of one app.

    Args:
        networks: that the app was started with, one or two.
        folder: images to page through; none if there are none.
        sessions: of the open pages.
        max_megapixels: images of more are refused.
    """

    def __init__(
        self,
        networks: Networks,
        folder: Sequence[PageImage],
        sessions: Sessions,
        *,
        max_megapixels: float,
    ) -> None:
        self.networks = networks
        self.folder = tuple(folder)
        self.sessions = sessions
        self.max_megapixels = max_megapixels
        self._lock = RLock()  # networks look at one image at a time, and pages act one after the other

    def open(self, page: str) -> View:
        """Return what a new page shows: the first image of the folder, if there is one."""
        with self._lock:
            session = self.sessions.of(page)
            session.shows_folder = bool(self.folder) and not session.dropped
            if session.other is None and len(self.networks.given) > 1:
                session.other = self.networks.given[1].address
            return self._view(session)

    def drop(self, page: str, files: Sequence[Dropped]) -> View:
        """Take files in, and show the first of them."""
        with self._lock:
            session = self.sessions.of(page)
            first, problems, too_many = len(session.dropped), [], 0
            for file in files:
                if len(session.dropped) >= MOST_DROPPED:
                    file.path.unlink(missing_ok=True)
                    too_many += 1
                    continue
                own = session.new_file(_suffix(file.name))
                shutil.move(file.path, own)
                image = PageImage(own, file.name.replace("\\", "/").rpartition("/")[2] or "image")
                problem = self._problem(session, image)
                if problem is None:
                    session.dropped.append(image)
                else:
                    own.unlink()
                    problems.append(problem)
            said = left_out(problems)
            if too_many:
                said.append(
                    f"A page holds {MOST_DROPPED} images, and {too_many} more were left out; remove some, or "
                    "start the app with --images FOLDER."
                )
            session.shows_folder = not session.dropped and bool(self.folder)
            if not session.shows_folder:
                session.positions[False] = max(0, min(first, len(session.dropped) - 1))
            return self._view(session, said)

    def clear(self, page: str) -> View:
        """Delete the dropped files of a page."""
        with self._lock:
            session = self.sessions.of(page)
            session.forget_dropped()
            session.shows_folder = bool(self.folder)
            return self._view(session)

    def show_folder(self, page: str, shows_folder: bool) -> View:
        """Show the images of the folder, or the dropped ones."""
        with self._lock:
            session = self.sessions.of(page)
            session.shows_folder = shows_folder and bool(self.folder)
            return self._view(session)

    def go(self, page: str, position: int) -> View:
        """Show the image at a position, from 0, or the nearest that there is."""
        with self._lock:
            session = self.sessions.of(page)
            last = len(self._images(session)) - 1
            session.positions[session.shows_folder] = max(0, min(position, last))
            return self._view(session)

    def step(self, page: str, by: int) -> View:
        """Show the image so many further on."""
        with self._lock:
            session = self.sessions.of(page)
            return self.go(page, session.positions[session.shows_folder] + by)

    def compare(self, page: str, address: str) -> View:
        """Compare with another network; with none if the address is empty."""
        with self._lock:
            session = self.sessions.of(page)
            wanted = address.strip()
            try:
                if wanted:
                    self.networks.get(wanted)
                session.other = wanted or None
            except MutualSegError as error:
                return self._view(session, [str(error)])
            return self._view(session)

    def position(self, page: str) -> int:
        """Return which image a page shows, from 0."""
        with self._lock:
            session = self.sessions.of(page)
            return session.positions[session.shows_folder]

    def compared(self, page: str) -> str | None:
        """Return the address of the network that a page compares with."""
        with self._lock:
            return self.sessions.of(page).other

    def zip_masks(self, page: str, advance: Callable[[int, int], None]) -> tuple[str | None, View]:
        """Write the masks of all dropped images, or of those images of the folder that were shown.

        Args:
            page: whose.
            advance: told how many images of how many are done.

        Returns:
            The address of the archive, None if there is no mask; and the page, with what could not be read.
        """
        with self._lock:
            session = self.sessions.of(page)
            networks = self._shown_networks(session)
            images = self._images(session)
            if session.shows_folder:
                images = [i for i in images if any(path == i.path for path, _ in session.masks)]
            names = mask_names([image.name for image in images])
            entries: list[tuple[AppNetwork, str, Path]] = []
            left_out = []
            for done, (image, name) in enumerate(zip(images, names, strict=True)):
                advance(done, len(images))
                for network in networks:
                    mask = mask_of(session, image, network, self.max_megapixels)
                    if mask is None:
                        left_out.append(image.name)
                    else:
                        entries.append((network, name, mask))
            problems = [
                f"Not in the archive, since it cannot be read: {name}" for name in dict.fromkeys(left_out)
            ]
            if not entries:
                return None, self._view(session, problems or ["There is no mask yet; drop an image first."])
            archive = session.folder / "masks.zip"
            write_masks(archive, entries)
            return self._address(session, "masks.zip", archive, "masks.zip"), self._view(session, problems)

    def _problem(self, session: Session, image: PageImage) -> str | None:
        """Return what is wrong with a file by its header, if none of the networks shown reads it."""
        problem = None
        for network in self._shown_networks(session):
            try:
                require_readable(image, self.max_megapixels)
                network.predictor.images.look(image.path)
                return None
            except ImageError as error:
                problem = problem or in_page_words(error, image)
        return problem

    def _images(self, session: Session) -> Sequence[PageImage]:
        return self.folder if session.shows_folder else session.dropped

    def _shown_networks(self, session: Session) -> tuple[AppNetwork, ...]:
        first = self.networks.given[0]
        return (first,) if session.other is None else (first, self.networks.get(session.other))

    def _view(self, session: Session, problems: Sequence[str] = ()) -> View:
        networks, images = self._shown_networks(session), self._images(session)
        position = session.positions[session.shows_folder]
        if not images:
            return View(networks, 0, 0, session.shows_folder, None, tuple(problems), len(session.dropped))
        seen = see(session, images[position], networks, self.max_megapixels)
        name = mask_names([images[position].name])[0].rpartition("/")[2]
        addresses = tuple(
            None if answer is None else self._address(session, f"{place}.png", answer.mask, name)
            for place, answer in enumerate(seen.answers)
        )
        everything = (*problems, *seen.problems)
        return View(
            *(networks, position, len(images), session.shows_folder),
            *(seen, everything, len(session.dropped), addresses),
        )

    def _address(self, session: Session, key: str, file: Path, name: str) -> str:
        session.downloads[key] = file, name
        return f"result/{session.token}/{key}"


def _suffix(name: str) -> str:
    """Return the suffix of a dropped file where it is one that says how to read it: TIFF is known by it."""
    suffix = Path(name).suffix.lower()
    return suffix if suffix.isascii() and suffix[1:].isalnum() and len(suffix) <= 6 else ""
