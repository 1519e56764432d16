"""Weights on disk: one safetensors file that says which network it is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from mutualseg.data.image_codes import ImageCode
from mutualseg.errors import WeightsError
from mutualseg.networks.build import NetworkConfig, build_segmenter, refuse_larger_encoder
from mutualseg.networks.segmenter import Segmenter
from mutualseg.tensor_files import save_tensors
from mutualseg.weights_facts import refuse_false_facts


def save_network(path: Path, network: Segmenter, config: NetworkConfig, facts: dict[str, Any]) -> None:
    """Write weights with all that is needed to rebuild the network, as one JSON string.

    Args:
        path: a .safetensors file.
        network: the network.
        config: its names and class count.
        facts: further plain values: classes, role, method, image_code.

    Raises:
        OSError: the file cannot be written; its folder has to be there.
    """
    metadata = {"mutualseg": json.dumps({"network": config.to_dict(), **facts}, ensure_ascii=False)}
    save_tensors(path, network.state_dict(), metadata)


def image_code_of(facts: Mapping[str, Any]) -> ImageCode:
    """Return how the images of a network are read, by the facts of its file; older ones read RGB."""
    return ImageCode.from_plain(facts.get("image_code", {}))


def license_in(path: Path) -> str | None:
    """Return the license that a weights file passes on, `unknown` for older ones, None: no license binds it.

    Raises:
        WeightsError: the file is missing or broken.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["mutualseg"])
        found = facts.get("weights_license", "unknown")
    except (
        SafetensorError,
        OSError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
    ) as error:
        raise WeightsError(f"'{path}' is no weights file of a run; give a file that train wrote.") from error
    return found if found is None else str(found)


def load_network(path: Path) -> tuple[Segmenter, NetworkConfig, dict[str, Any]]:
    """Return the network of a file that `save_network` wrote, its configuration and its facts.

    Raises:
        WeightsError: the file is missing, broken, or not of this program.
    """
    if not path.is_file():
        raise WeightsError(f"There are no weights at '{path}'; finish the training, or give another path.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            elements = {name: math.prod(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        facts = json.loads(metadata["mutualseg"])
        described = facts.pop("network")
        config = NetworkConfig.from_dict(described)
        refuse_false_facts(facts, config)
        of_encoder = sum(count for name, count in elements.items() if name.startswith("encoder."))
        refuse_larger_encoder(config, of_encoder)
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"'{path}' is no complete safetensors file; copy or train it again.") from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise WeightsError(
            f"'{path}' does not say which network it is for; use a file that train wrote."
        ) from error
    network = build_segmenter(config)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise WeightsError(
            f"The weights in '{path}' do not fit the network that it names; train it again."
        ) from error
    return network.eval(), config, facts
