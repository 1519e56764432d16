"""A traced network into one file, ONNX or pt2, with its description in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from mutualseg.errors import ExportError
from mutualseg.exporting.description import KEY, as_json
from mutualseg.exporting.quiet_libraries import quiet_libraries
from mutualseg.exporting.tracing import CLASSES, IMAGE, LOGITS
from mutualseg.one_line import one_line

_AXES = {0: "batch", 2: "height", 3: "width"}


def onnx_model(program: ExportedProgram, opset: int) -> Any:
    """Return the ONNX model (`onnx.ModelProto`) of a program that returns logits and classes.

    Raises:
        ExportError: ONNX has no operation for one of the network's.
    """
    try:
        with quiet_libraries():
            written = torch.onnx.export(
                program,
                (),
                dynamo=True,
                verbose=False,
                opset_version=opset,
                input_names=[IMAGE],
                output_names=[LOGITS, CLASSES],
            )
        assert written is not None
        model: Any = written.model_proto
    except Exception as error:
        raise ExportError(
            f"This network cannot be written as ONNX ({one_line(error)}); try --to pt2, or another network."
        ) from error
    _name_sizes(model)
    _forget_sources(model)
    return model


def save_onnx(model: Any, path: Path, description: Mapping[str, Any]) -> None:
    """Write an ONNX model as one file, with its description in its metadata."""
    import onnx

    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {KEY: as_json(description)})
    try:
        content = model.SerializeToString()
    except ValueError as error:  # protobuf ends at 2 GB
        raise ExportError("The network is too large for one ONNX file (2 GB); use --to pt2.") from error
    path.write_bytes(content)


def describe_file(path: Path, description: Mapping[str, Any]) -> None:
    """Put a description into an ONNX file that has none or another."""
    import onnx

    save_onnx(onnx.load(path), path, description)


def save_pt2(program: ExportedProgram, path: Path, description: Mapping[str, Any]) -> None:
    """Write a program as one file, with its description as an extra file in it.

    Raises:
        ExportError: PyTorch cannot write one of the network's operations down.
    """
    try:
        with quiet_libraries():
            torch.export.save(program, path, extra_files={f"{KEY}.json": as_json(description)})
    except OSError:
        raise
    except Exception as error:
        raise ExportError(
            f"This network cannot be written as pt2 ({one_line(error)}); try --to onnx, or another network."
        ) from error


def _name_sizes(model: Any) -> None:
    """Call the free sizes batch, height and width, which the exporter numbers."""
    dims = model.graph.input[0].type.tensor_type.shape.dim
    names = {dims[axis].dim_param: name for axis, name in _AXES.items() if dims[axis].dim_param}
    if not names:
        return
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, names))})\b")
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_param = pattern.sub(lambda found: names[found[1]], dim.dim_param)


def _forget_sources(model: Any) -> None:
    """Drop the notes on where in this machine's files each operation comes from."""
    for part in (model.graph, *model.functions):
        for each in (part, *part.node, *part.value_info, *getattr(part, "initializer", ())):
            del each.metadata_props[:]
            each.doc_string = ""
    for value in (*model.graph.input, *model.graph.output):
        del value.metadata_props[:]
