"""The archive of masks that a page hands out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

from mutualseg.atomic_files import replacing
from mutualseg.web_app.mask_names import folder_names
from mutualseg.web_app.networks import AppNetwork


def write_masks(archive: Path, masks: Sequence[tuple[AppNetwork, str, Path]]) -> None:
    """Write indexed PNGs into an archive; those of two networks lie in a folder of each.

    Args:
        archive: the file.
        masks: network, name in the archive and file of each mask.

    Raises:
        OSError: it cannot be written.
    """
    labels = list(dict.fromkeys(network.label for network, _, _ in masks))
    folders = dict(zip(labels, folder_names(labels), strict=True))
    with replacing(archive) as partial, ZipFile(partial, "w", ZIP_STORED) as packed:  # PNGs are packed
        for network, name, mask in masks:
            packed.write(mask, name if len(labels) == 1 else f"{folders[network.label]}/{name}")
