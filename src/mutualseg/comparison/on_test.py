"""`--split test`: the network of a run that counts on val, scored on the test part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from mutualseg.comparison.failures import reason_of
from mutualseg.comparison.shared import Shared
from mutualseg.data.folder import DataFolder
from mutualseg.data.image_codes import ImageCode
from mutualseg.engine.summary import named_iou
from mutualseg.errors import Interrupted, WeightsError
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.evaluation.network_scores import evaluate_networks
from mutualseg.networks.segmenter import Segmenter
from mutualseg.runs import RunFolder
from mutualseg.weights_files import image_code_of, load_network

_KNOWN = ("test_miou", "test_network")


def known_score(before: Mapping[str, Any] | None, counted: str | None) -> dict[str, Any]:
    """Return what an earlier call's row says of the test part; nothing if another network counts."""
    known = before or {}
    if known.get("test_miou") is None or known.get("test_network") != counted:
        return {}
    return {name: known[name] for name in _KNOWN}


def score_on_test(
    row: Mapping[str, Any], folder: RunFolder, source: DataFolder, shared: Shared
) -> dict[str, Any]:
    """Return a finished run's `test_miou` and `test_network`, or as `test_reason` why there are none.

    The score goes into the run's summary.json too, as `test`.
    """
    role = row["counted"]
    try:
        network, images = counted_network_of(row, folder)
        scores = evaluate_networks(
            {role: network.to(shared.device).to(memory_format=torch.channels_last)},
            source.test,
            len(source.classes),
            encoding=replace(source.encoding, images=images),
            device=shared.device,
            precision=shared.precision,
            options=InferenceOptions(shared.window),
        )
    except Interrupted:
        raise
    except Exception as error:  # the other runs can do without this score
        return {"test_reason": reason_of(error, folder)}
    miou = round(scores[role].miou, 4)
    summary = folder.read_summary()
    per_class = named_iou(scores[role], source.classes)
    folder.write_summary({**summary, "test": {"network": role, "miou": miou, "per_class_iou": per_class}})
    return {"test_miou": miou, "test_network": role}


def counted_network_of(row: Mapping[str, Any], folder: RunFolder) -> tuple[Segmenter, ImageCode]:
    """Return the network of a finished run that counts, and how it wants images read.

    The deployed one has a file, others are in the checkpoint.

    Raises:
        WeightsError: its weights are not there any more.
    """
    network, _, facts = load_network(folder.weights)
    images = image_code_of(facts)
    role = row["counted"]
    if role == row["deployed"]:
        return network, images
    path = folder.checkpoint
    prefix = f"method.{role}."
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        own = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        network.load_state_dict(own)
    except FileNotFoundError:
        raise WeightsError(
            f"{role} counts, and '{path}', which has its weights, is not there; "
            "delete the run to train it again."
        ) from None
    except Exception:  # on broken bytes unpickling raises nearly anything
        raise WeightsError(
            f"{role} counts, and its weights in '{path}' cannot be read; delete the run to train it again."
        ) from None
    return network, images
