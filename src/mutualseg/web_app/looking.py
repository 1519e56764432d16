"""One image, seen by the networks that a page shows: from the page's memory, or through the network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mutualseg.data.image_codes import ImageCode
from mutualseg.errors import ImageError
from mutualseg.one_line import one_line
from mutualseg.reporting.pictures import Pixels
from mutualseg.web_app.answers import Answer, make_answer
from mutualseg.web_app.drawing import photo
from mutualseg.web_app.networks import AppNetwork
from mutualseg.web_app.page_images import PageImage, in_page_words, require_readable
from mutualseg.web_app.sessions import Session


class Seen(NamedTuple):
    """An image and what each network says of it, or why it says nothing."""

    image: PageImage
    photo: Pixels | None
    """[h,w,3] as shown; None if no network can read the image."""
    answers: tuple[Answer | None, ...]
    problems: tuple[str, ...]
    """Sentences."""


def see(session: Session, image: PageImage, networks: Sequence[AppNetwork], max_megapixels: float) -> Seen:
    """Return an image as networks see it.

    Nothing is decoded or asked of a network that the session still holds.

    Args:
        session: of the page.
        image: to look at.
        networks: one, or two to compare.
        max_megapixels: images of more are refused.
    """
    problems: list[str] = []
    answers: list[Answer | None] = []
    try:
        if not _is_all_kept(session, image, networks):
            require_readable(image, max_megapixels)
    except ImageError as error:
        return Seen(image, None, (None,) * len(networks), (in_page_words(error, image),))
    read: dict[ImageCode, Any] = {}
    for network in networks:
        try:
            answers.append(_answer(session, image, network, read))
        except ImageError as error:
            answers.append(None)
            problems.append(_of(network, networks, in_page_words(error, image)))
        except (MemoryError, RuntimeError) as error:  # of PyTorch: no memory left
            answers.append(None)
            problems.append(
                _of(
                    network,
                    networks,
                    f"{image.name} could not be segmented ({one_line(error)}); try a smaller image.",
                )
            )
    return Seen(image, session.photos.get(image.path), tuple(answers), tuple(dict.fromkeys(problems)))


def mask_of(session: Session, image: PageImage, network: AppNetwork, max_megapixels: float) -> Path | None:
    """Return the file of an image's mask, made if it is not there; None if the image cannot be read."""
    known = session.masks.get((image.path, network.address))
    if known is not None:
        return known
    answer = see(session, image, [network], max_megapixels).answers[0]
    return None if answer is None else answer.mask


def _answer(session: Session, image: PageImage, network: AppNetwork, read: dict[ImageCode, Any]) -> Answer:
    key = (image.path, network.address)
    if key in session.answers and image.path in session.photos:
        session.answers.move_to_end(key)
        session.photos.move_to_end(image.path)
        return session.answers[key]
    code = network.predictor.images
    if code not in read:
        read[code] = code.read(image.path)
    if image.path not in session.photos:
        session.keep_photo(image, photo(read[code]))
    mask = session.masks.get(key) or session.new_file(".png")
    answer = make_answer(network.look(read[code]), network, mask)
    session.keep_answer(image, network.address, answer)
    return answer


def _is_all_kept(session: Session, image: PageImage, networks: Sequence[AppNetwork]) -> bool:
    keys = [(image.path, network.address) for network in networks]
    return image.path in session.photos and all(key in session.answers for key in keys)


def _of(network: AppNetwork, networks: Sequence[AppNetwork], problem: str) -> str:
    return problem if len(networks) == 1 else f"{network.label}: {problem}"
