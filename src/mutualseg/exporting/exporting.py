"""From a request to checked files: trace, write, compare, and make int8 of it if wanted."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch

from mutualseg.atomic_files import replacing
from mutualseg.evaluation.inference import batch_logits
from mutualseg.evaluation.inference_options import AUTO, inference_options
from mutualseg.devices import resolve_precision
from mutualseg.errors import ConfigError
from mutualseg.exporting.description import describe
from mutualseg.exporting.images import RunImages, compared_images, images_of
from mutualseg.exporting.parity import Parity, compare, require_parity
from mutualseg.exporting.request import Request
from mutualseg.exporting.sessions import open_onnx, open_pt2
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
    description = describe(
        network,
        config,
        facts,
        code=code,
        run=request.run.absolute().name,
        with_classes=request.format == "onnx",
    )
    console.say(f"exporting {config.network} with {config.encoder}; this takes a minute or a few")
    program = traced(network, with_classes=request.format == "onnx")
    if request.format == "onnx":
        save = partial(save_onnx, onnx_model(program, request.opset))
        description["opset"] = request.opset
        opened = open_onnx
    else:
        save = partial(save_pt2, program)
        opened = open_pt2
    request.out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(request.out) as written:
        save(written, description)
        parity = compare(network, opened(written), images, source)
        require_parity(parity, request.format)
        description["parity"] = parity.to_plain()
        save(written, description)
    return {"file": str(request.out), "bytes": request.out.stat().st_size, **description}
