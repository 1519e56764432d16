"""The int8 copy of an exported file, and what it costs: size, speed and mIoU beside the original's."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from torch import Tensor

from mutualseg.atomic_files import replacing
from mutualseg.errors import MutualSegError
from mutualseg.evaluation.inference_options import AUTO, inference_options
from mutualseg.evaluation.network_scores import evaluate_networks
from mutualseg.exporting.images import RunImages
from mutualseg.exporting.parity import LONGEST_SIDE, middle
from mutualseg.exporting.quantizing import quantize_file
from mutualseg.exporting.request import Request
from mutualseg.exporting.sessions import Run, as_network, open_onnx
from mutualseg.exporting.writing import describe_file

_REPEATS = 5


def quantized_copy(
    request: Request,
    found: RunImages,
    images: Sequence[Tensor],
    calibration: Sequence[Tensor],
    description: Mapping[str, Any],
) -> dict[str, Any]:
    """Write the int8 copy of the file at `request.out`, and return what it came to.

    Args:
        request: with `quantize`.
        found: of the run; its val images are scored.
        images: [C,H,W] float32 in [0, 1], at least one, that speed and agreement are measured on.
        calibration: such images for static int8.
        description: of the original.
    """
    target = request.quantized_out
    with replacing(target) as written:
        quantize_file(request.out, written, str(request.quantize), calibration)
        original, copy = open_onnx(request.out), open_onnx(written)
        result: dict[str, Any] = {
            "kind": request.quantize,
            "calibrated_on": len(calibration),
            "agreement": _agreement(original, copy, images),
            **_scores(found, original, copy, description),
        }
        describe_file(written, {**description, "quantization": result})
    speed = {
        f"{name}_ms": round(1000 * _seconds(run, images[0]), 2)
        for name, run in (("float", original), ("int8", copy))
    }
    return {"file": str(target), "bytes": target.stat().st_size, **result, **speed}


def _scores(found: RunImages, original: Run, copy: Run, description: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mIoU of both on the val images, in percent; None where there is none, with the reason."""
    if not found.val:
        absence = found.absence or "the data have no val images"
        return {"miou": None, "float_miou": None, "val_images": 0, "not_scored": absence}
    options = inference_options(AUTO, (), False, own=description["window"])
    try:
        scores = evaluate_networks(
            {"float": as_network(original), "int8": as_network(copy)},
            found.val,
            len(description["classes"]),
            encoding=found.encoding,
            device="cpu",
            precision="32",
            options=options,
        )
    except MutualSegError as error:
        return {"miou": None, "float_miou": None, "val_images": 0, "not_scored": str(error)}
    return {
        "miou": round(scores["int8"].miou, 4),
        "float_miou": round(scores["float"].miou, 4),
        "val_images": len(found.val),
    }


def _agreement(original: Run, copy: Run, images: Sequence[Tensor]) -> float:
    """Return the percent of pixels on which both name the same class."""
    same = pixels = 0
    for image in images:
        batch = middle(image, (LONGEST_SIDE, LONGEST_SIDE))[None].numpy()
        agreeing = original(batch).classes == copy(batch).classes
        same, pixels = same + int(agreeing.sum()), pixels + agreeing.size
    return round(100 * same / pixels, 4)


def _seconds(run: Run, image: Tensor) -> float:
    """Return the median time of an image."""
    batch = middle(image, (LONGEST_SIDE, LONGEST_SIDE))[None].numpy()
    times = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        run(batch)
        times.append(time.perf_counter() - began)
    return median(times)
