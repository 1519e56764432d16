"""What the file system says of very many files: size and identity, one look a file."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class FileFacts(NamedTuple):
    """Facts of N files, each an array of integers [N]."""

    size: npt.NDArray[np.uint64]
    """In bytes; 0 of a file that is gone."""
    device: npt.NDArray[np.uint64]
    number: npt.NDArray[np.uint64]
    """With the device it tells a file from all others, whatever paths lead to it."""

    def taken(self, keep: npt.NDArray[np.bool_]) -> FileFacts:
        """Return the facts of some of the files; `keep` is [N]."""
        return FileFacts(self.size[keep], self.device[keep], self.number[keep])


_NO_DEVICE = 2**64 - 1


def file_facts(files: Iterable[str]) -> FileFacts:
    """Look at each file once, following links; files that are gone are told apart by their path."""
    sizes, devices, numbers = array("Q"), array("Q"), array("Q")
    gone: dict[str, int] = {}
    for file in files:
        try:
            status = os.stat(file)  # noqa: PTH116  # a Path for each would take longer than the look
        except (OSError, ValueError):  # a dangling link: who reads it names it
            sizes.append(0)
            devices.append(_NO_DEVICE)
            numbers.append(gone.setdefault(file, len(gone)))
            continue
        sizes.append(status.st_size)
        devices.append(status.st_dev)
        numbers.append(status.st_ino)
    return FileFacts(*(np.array(column, np.uint64) for column in (sizes, devices, numbers)))


def first_of_each(facts: FileFacts, known: FileFacts) -> npt.NDArray[np.bool_]:
    """Tell which files are new: neither among the known ones nor earlier in the row, bool [N]."""
    fresh = np.zeros(len(facts.size), np.bool_)
    for device in np.unique(facts.device):
        places = np.flatnonzero(facts.device == device)
        before = known.number[known.device == device]
        _, first = np.unique(np.concatenate((before, facts.number[places])), return_index=True)
        fresh[places[first[first >= len(before)] - len(before)]] = True
    return fresh
