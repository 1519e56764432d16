"""The networks of an app: loaded once, looked through one image at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

from mutualseg.data.image_rows import rows_of
from mutualseg.evaluation.inference_options import AUTO, inference_options
from mutualseg.hub.addresses import is_address
from mutualseg.hub.downloads import local_path
from mutualseg.predictor import Opinion, Predictor
from mutualseg.runs import require_weights

_MOST_ADDED = 3
"""Networks that pages asked for and that stay loaded."""


@dataclass(frozen=True)
class AppNetwork:
    """A network and what it is called on the page."""

    address: str
    """As it was given: a path, or hf://NAME."""
    label: str
    predictor: Predictor

    def look(self, pixels: Any) -> Opinion:
        """Return what it says of an image [H,W,C] as its `ImageCode` reads it, as `Predictor.look` does."""
        predictor = self.predictor
        options = inference_options(AUTO, (), False, own=predictor.window)
        look = predictor.look_at(rows_of(pixels), options)
        return Opinion(look.indices.numpy(), look.confidence.numpy())


class Networks:
    """Loads networks.

    Args:
        addresses: of the networks that the app was started with: run folders, weights files or hf://NAME.
        device: auto, cpu, cuda or mps.

    Raises:
        MutualSegError: one cannot be loaded.
    """

    def __init__(self, addresses: Sequence[str], *, device: str) -> None:
        self._device = device
        self._lock = RLock()
        self._added: OrderedDict[str, AppNetwork] = OrderedDict()
        labels = labels_of(addresses)
        self.given = tuple(
            AppNetwork(address, label, self._predictor(address))
            for address, label in zip(addresses, labels, strict=True)
        )

    def get(self, address: str) -> AppNetwork:
        """Return a network, loaded if it is not yet.

        Raises:
            MutualSegError: it cannot be loaded.
        """
        for network in self.given:
            if network.address == address:
                return network
        with self._lock:
            if address not in self._added:
                label = labels_of([self.given[0].address, address])[1]
                self._added[address] = AppNetwork(address, label, self._predictor(address))
                if len(self._added) > _MOST_ADDED:
                    self._added.popitem(last=False)
            self._added.move_to_end(address)
            return self._added[address]

    def _predictor(self, address: str) -> Predictor:
        return Predictor.load(require_weights(local_path(address)), device=self._device)


def labels_of(addresses: Sequence[str]) -> list[str]:
    """Return a short name for each network: the end of its path, as far up as it takes to tell them apart."""
    parts = [[address] if is_address(address) else _parts(address) for address in addresses]
    longest = max(len(each) for each in parts)
    for length in range(1, longest + 1):
        found = ["/".join(each[-length:]) for each in parts]
        if len(set(found)) == len(found):
            return found
    return [f"{'/'.join(each)} ({number})" for number, each in enumerate(parts, 1)]


def _parts(address: str) -> list[str]:
    path = Path(address).absolute()
    found = [part for part in path.parts if part != path.anchor]
    if found[-2:] == ["weights", "deployed.safetensors"]:  # of a run that is known by its folder
        found = found[:-2]
    return found or [address]
