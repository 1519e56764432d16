"""What a model card says of licenses: that of the model, and that of the weights it started from."""

from __future__ import annotations

import re
from typing import Any

from mutualseg.errors import ConfigError
from mutualseg.networks.weights_license import OWN_FILE, UNKNOWN
from mutualseg.one_line import one_line

_HUB_KNOWS = {
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "isc", "zlib", "unlicense", "mpl-2.0"),
    *("gpl-2.0", "gpl-3.0", "agpl-3.0", "lgpl-2.1", "lgpl-3.0", "epl-2.0", "eupl-1.2"),
    *("cc0-1.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nd-4.0"),
    *("cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0"),
    *("openrail", "cdla-permissive-2.0", "cdla-sharing-1.0", "odbl", "pddl"),
}
"""The commoner ones of what the Hub takes as `license:`; all others are named beside `other`."""
_NAME = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}")


def checked_license(name: str | None) -> str | None:
    """Return a license as the Hub writes it, in small letters.

    Raises:
        ConfigError: it is no name of a license.
    """
    if name is None:
        return None
    written = name.strip().lower().replace(" ", "-")
    if not _NAME.fullmatch(written):
        raise ConfigError(
            f"--license {one_line(name)} is no name of a license; give one such as apache-2.0 or "
            "cc-by-nc-4.0."
        )
    return written


def front_matter_license(license: str | None) -> dict[str, Any]:
    """Return the lines of a card's YAML on the license; none where its maker has not said."""
    if license is None:
        return {}
    if license in _HUB_KNOWS:
        return {"license": license}
    return {"license": "other", "license_name": license}


def license_paragraph(license: str | None, of_start: str | None, start: str | None) -> str:
    """Return what a card says of licenses.

    Args:
        license: of the model; None: its maker has not said.
        of_start: of the weights that the training started from; None: of none.
        start: which those were.
    """
    own = (
        "Who trained this model has not said under which license it may be used; ask before you use it."
        if license is None
        else f"This model is published under `{license}`."
    )
    if of_start is None:
        return f"{own} Its training started from no pretrained weights."
    if of_start == OWN_FILE:
        return f"{own} Its training started from weights of its maker's own, whose license is not known here."
    if of_start == UNKNOWN:
        return f"{own} Its training started from weights whose license is not known; see their page."
    source = "pretrained weights" if start != "another run" else "another model"
    return f"{own} Its training started from {source} under `{of_start}`, whose terms may apply to it too."
