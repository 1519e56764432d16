"""Under which license pretrained weights are: what is trained from them may have to keep it."""

from __future__ import annotations

import importlib.util
import re

import timm

from mutualseg.networks.weights import OFFLINE_ENCODER, OFFLINE_PACKAGE
from mutualseg.terminal import shown

OWN_FILE = "own file"
UNKNOWN = "unknown"

_FREE = {"apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc-by-4.0", "cc0-1.0"}
_NOT_COMMERCIAL = re.compile(r"(^|-)nc(-|$)|non-?commercial|research|seer|amlr")
"""In the names of licenses; SEER's and Apple's AMLR allow research alone, which their names do not say."""


_COLUMNS = 80


def license_of(encoder: str, weights: str) -> str | None:
    """Return the license of the weights that an encoder starts from, in the words of who published them.

    Args:
        encoder: timm name of the encoder.
        weights: `imagenet`, `none` or the path of a file.

    Returns:
        A name in small letters, such as `apache-2.0`; `own file`, `unknown`, or None without weights.
    """
    if weights == "none":
        return None
    if weights != "imagenet":
        return OWN_FILE
    if encoder == OFFLINE_ENCODER and importlib.util.find_spec(OFFLINE_PACKAGE):
        return "apache-2.0"  # the package's LICENSE file; its metadata name none
    try:
        published = timm.get_pretrained_cfg(encoder)
    except RuntimeError:  # a tag that timm does not know: the weights are refused later
        return UNKNOWN
    return (getattr(published, "license", None) or UNKNOWN).lower()


def license_line(name: str | None) -> str | None:
    """Return a license as one line of at most 80 columns for the user, None if there are no weights."""
    if name is None:
        return None
    if name == OWN_FILE:
        return "pretrained weights: from your own file, under whatever license you had it"
    if name == UNKNOWN:
        return "pretrained weights: license unknown; see the model's page"
    warning = ""
    if name not in _FREE:
        warning = "TERMS OF THEIR OWN, read them: "
    if _NOT_COMMERCIAL.search(name):
        warning = "NOT FOR COMMERCIAL USE: "
    return f"pretrained weights: {warning}license {shown(name)}"[:_COLUMNS]
