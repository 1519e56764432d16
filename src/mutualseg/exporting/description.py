"""What an exported file says of itself: how images go in, what comes out, where it is from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mutualseg.data.catalog import class_colors
from mutualseg.data.image_codes import ImageCode
from mutualseg.exporting.tracing import CLASSES, IMAGE, LOGITS
from mutualseg.networks.build import NetworkConfig
from mutualseg.networks.segmenter import Segmenter

KEY = "mutualseg"
"""Under which an ONNX file has the description as JSON; a pt2 file has it as the extra file KEY.json."""

_FORMAT = 1


def describe(
    network: Segmenter,
    config: NetworkConfig,
    facts: Mapping[str, Any],
    *,
    code: ImageCode,
    run: str,
    with_classes: bool,
) -> dict[str, Any]:
    """Return the description as plain values.

    Args:
        network: what is exported.
        config: of it.
        facts: of its weights file.
        code: how its images are read from files.
        run: name of the run, without the folders above it, which are the user's.
        with_classes: whether the file returns classes beside logits.
    """
    colors = facts.get("colors") or class_colors(config.num_classes)
    names = facts.get("classes") or [f"class {index}" for index in range(config.num_classes)]
    outputs: dict[str, Any] = {
        LOGITS: {
            "dtype": "float32",
            "layout": "NKHW",
            "meaning": "one map a class at the image's own size; softmax over K gives probabilities",
        }
    }
    if with_classes:
        outputs[CLASSES] = {"dtype": "uint8", "layout": "NHW", "meaning": "index of the likeliest class"}
    return {
        "format": _FORMAT,
        "mutualseg": _own_version(),
        "classes": list(names),
        "colors": [list(color) for color in colors],
        "input": {
            "name": IMAGE,
            "dtype": "float32",
            "layout": "NCHW",
            "channels": config.channels,
            "channel_order": "RGB" if code.is_rgb else "as in the files",
            "range": [0.0, 1.0],
            "from_file": f"upright, {_scaling(code)}",
            "size": "any height and width of at least 1 pixel, any number of images of one size",
        },
        "outputs": outputs,
        "inside_the_file": {
            "normalization": {
                "mean": network.pixel_mean.flatten().tolist(),
                "std": network.pixel_std.flatten().tolist(),
            },
            "padding": f"right and bottom to a multiple of {network.multiple}, cut off again",
        },
        "image_code": code.to_plain(),
        "window": facts.get("window"),
        "network": config.network,
        "encoder": config.encoder,
        "run": run,
        "method": facts.get("method"),
        "role": facts.get("role"),
        "step": facts.get("step"),
        "weights_license": facts.get("weights_license", "unknown"),
    }


def as_json(description: Mapping[str, Any]) -> str:
    """Return a description as the text that a file holds."""
    return json.dumps(description, ensure_ascii=False)


def _scaling(code: ImageCode) -> str:
    """Return in words how the numbers of a file become the network's input."""
    if code.kind == "8-bit":
        return "number / 255"
    if code.low == 0:
        return f"number / {code.high:g}"
    return f"(number - {code.low:g}) / ({code.high:g} - {code.low:g})"


def _own_version() -> str:
    try:
        return version("mutualseg")
    except PackageNotFoundError:  # a source tree that was not installed
        return "unknown"
