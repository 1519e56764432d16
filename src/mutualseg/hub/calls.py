"""Calls of the Hub's library: without its noise, and with its errors in one sentence each."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mutualseg.errors import HubError, MutualSegError, cure_of
from mutualseg.one_line import one_line

if TYPE_CHECKING:
    from huggingface_hub import HfApi


def hub_api() -> HfApi:
    """Return the library's interface, at the endpoint that HF_ENDPOINT names now."""
    from huggingface_hub import HfApi

    return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, library_name="mutualseg")


@contextmanager
def hub_calls(name: str, doing: str) -> Iterator[None]:
    """Keep the library silent, and raise what goes wrong as a HubError.

    Args:
        name: of the model.
        doing: what is done to it, as in "upload".

    Raises:
        HubError: the Hub cannot be reached, does not know the model or refuses; the sentence says which.
    """
    with _silent():
        try:
            yield
        except (MutualSegError, KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # the uploading part, which is no Python, panics in its own way
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            raise HubError(_sentence(error, name, doing)) from error


def is_out_of_reach(error: Exception) -> bool:
    """Tell whether an error says nothing of a model, but that the Hub gives no answer now."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    # By name: the library changed what it speaks HTTP with.
    has_no_answer = any(kind.__name__ == "TransportError" for kind in type(error).__mro__)
    status = getattr(getattr(error, "response", None), "status_code", 0)
    return isinstance(error, OfflineModeIsEnabled) or has_no_answer or status == 429 or status >= 500


@contextmanager
def _silent() -> Iterator[None]:
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    logger = logging.getLogger("huggingface_hub")
    level, had_bars = logger.level, not are_progress_bars_disabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.CRITICAL)
        disable_progress_bars()
        try:
            yield
        finally:
            logger.setLevel(level)
            if had_bars:
                enable_progress_bars()


def _sentence(error: BaseException, name: str, doing: str) -> str:
    from huggingface_hub import errors

    if isinstance(error, errors.OfflineModeIsEnabled):
        return f"'{name}' cannot be had offline (HF_HUB_OFFLINE is set); unset it, and try again."
    if isinstance(error, errors.GatedRepoError):
        return (
            f"'{name}' is gated: its owner wants to be asked first; accept the terms on its page, log in "
            "with `hf auth login`, and try again."
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return f"'{name}' has no such revision on the Hub; give another branch, tag or commit, or none."
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 401 or (isinstance(error, errors.RepositoryNotFoundError) and status != 403):
        return (
            f"The Hub knows no '{name}' that you may {doing}; check the name, and if it is private log in "
            "with `hf auth login` or set HF_TOKEN."
        )
    if status == 403:
        return (
            f"The Hub does not let you {doing} '{name}': your token has no right to; make one that may, at "
            "https://huggingface.co/settings/tokens, or give a name of your own."
        )
    if status is not None:
        return f"The Hub could not {doing} '{name}' (HTTP {status}: {_reason(error)}); try again later."
    if isinstance(error, OSError) and error.filename is not None:
        reason = error.strerror or type(error).__name__
        return f"'{error.filename}' cannot be used ({reason}); {cure_of(error)}, and try again."
    if isinstance(error, errors.HFValidationError):
        return f"'{name}' is no name of a model on the Hub; give OWNER/MODEL."
    return (
        f"The Hub cannot be reached to {doing} '{name}' ({_reason(error)}); check the network, and "
        "HF_ENDPOINT if it is set."
    )


def _reason(error: Any) -> str:
    said = getattr(error, "server_message", None) or str(error).partition("\n")[0]
    return one_line(f"{type(error).__name__}: {said}" if said else type(error).__name__, 120).rstrip(".")
