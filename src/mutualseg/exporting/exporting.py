"""From a request to checked files: trace, write, compare, and make int8 of it if wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor

from mutualseg.atomic_files import replacing
from mutualseg.data.image_codes import ImageCode
from mutualseg.devices import resolve_precision
from mutualseg.errors import ConfigError
from mutualseg.evaluation.inference import batch_logits
from mutualseg.evaluation.inference_options import AUTO, inference_options
from mutualseg.exporting.description import describe
from mutualseg.exporting.images import RunImages, calibration_images, compared_images, images_of
from mutualseg.exporting.parity import LONGEST_SIDE, compare, middle, require_parity
from mutualseg.exporting.quantized import quantized_copy
from mutualseg.exporting.request import Request
from mutualseg.exporting.sessions import Run, open_onnx, open_pt2
from mutualseg.exporting.tracing import traced
from mutualseg.exporting.writing import onnx_model, save_onnx, save_pt2
from mutualseg.networks.segmenter import Segmenter
from mutualseg.reporting.console import RunConsole
from mutualseg.weights_files import image_code_of, load_network


def carry_out(request: Request) -> dict[str, Any]:
    """Export a network; see `mutualseg.export`."""
    console = RunConsole(quiet=request.quiet)
    network, config, facts = load_network(request.weights)
    code = image_code_of(facts)
    found = images_of(request, code)
    images, source = compared_images(request, found, code)
    calibration = _calibration(request, found, code)
    as_onnx = request.format == "onnx"
    run_name = request.run.absolute().name
    description = describe(network, config, facts, code=code, run=run_name, with_classes=as_onnx)
    console.say(f"exporting {config.network} with {config.encoder}; this takes a minute or a few")
    if found.absence is not None and not request.images:
        console.say(f"compared on made images, since the run's own cannot be had: {found.absence}")
    request.out.parent.mkdir(parents=True, exist_ok=True)  # a folder that cannot be made is said now
    program = traced(network, with_classes=as_onnx)
    if as_onnx:
        save = partial(save_onnx, onnx_model(program, request.opset))
        description["opset"] = request.opset
    else:
        save = partial(save_pt2, program)
    with replacing(request.out) as written:
        save(written, description)
        console.say(f"comparing it with PyTorch on {len(images)} {source}")
        run = open_onnx(written) if as_onnx else open_pt2(written)
        parity = compare(network, run, images, source)
        require_parity(parity, request.format)
        description["parity"] = parity.to_plain()
        description["predict"] = _beside_predict(network, run, images, facts)
        save(written, description)
    done = {"file": str(request.out), "bytes": request.out.stat().st_size, **description, "quantized": None}
    if request.quantize is not None:
        console.say(f"making {request.quantize} int8 of it, and scoring both on {len(found.val)} val images")
        done["quantized"] = quantized_copy(request, found, images, calibration, description)
    return done


def _calibration(request: Request, found: RunImages, code: ImageCode) -> list[Tensor]:
    """Return what static int8 is calibrated on; refused before the long work if there is nothing."""
    if request.quantize != "static":
        return []
    images = calibration_images(request, found, code)
    if not images:
        raise ConfigError(
            "--quantize static measures on training images, and those of this run cannot be had; say where "
            "its data are with --data, name images with --images, or use --quantize dynamic."
        )
    return images


def _beside_predict(
    network: Segmenter, run: Run, images: Sequence[Tensor], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return how `predict` computes on a CPU of this kind, and on how many pixels it says the same.

    It may compute in bfloat16, and look at large images in windows; the file does neither.
    """
    wanted = str(facts.get("precision", "32"))
    precision = wanted if wanted == "32" else resolve_precision("auto", "cpu")
    options = inference_options(AUTO, (), False, own=facts.get("window"))
    cut = [middle(image, (LONGEST_SIDE, LONGEST_SIDE)) for image in images]
    logits = batch_logits(network, cut, device="cpu", precision=precision, options=options)
    same = pixels = 0
    for image, own in zip(cut, logits, strict=True):
        agreeing = run(image[None].numpy()).classes[0] == own.argmax(0).numpy()
        same, pixels = same + int(agreeing.sum()), pixels + agreeing.size
    return {"precision": precision, "window": options.window, "agreement": round(100 * same / pixels, 4)}
