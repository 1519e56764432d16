"""An ONNX file in int8: smaller, and faster where the processor computes in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from mutualseg.errors import ExportError
from mutualseg.exporting.quiet_libraries import quiet_libraries
from mutualseg.exporting.sessions import Array
from mutualseg.exporting.tracing import IMAGE
from mutualseg.one_line import one_line

_INTEGER_OPERATIONS = ["Conv", "MatMul", "Gemm"]


def quantize_file(source: Path, target: Path, kind: str, images: Sequence[Tensor]) -> None:
    """Write an int8 copy of an ONNX file.

    Args:
        source: the file in float32.
        target: the file to write.
        kind: `static` or `dynamic`.
        images: [C,H,W] float32 in [0, 1] each, that static int8 is calibrated on.

    Raises:
        ExportError: ONNX Runtime cannot make int8 of it.
    """
    try:
        with quiet_libraries():
            _quantize(source, target, kind, images)
    except OSError:
        raise
    except Exception as error:
        raise ExportError(
            f"ONNX Runtime cannot make {kind} int8 of this network ({one_line(error)}); export it without "
            "--quantize."
        ) from error


def _quantize(source: Path, target: Path, kind: str, images: Sequence[Tensor]) -> None:
    from onnxruntime import quantization

    prepared = target.with_name(f"{target.name}.prepared")
    try:
        quantization.quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        left_alone = _classifier_and_after(prepared)
        if kind == "dynamic":
            quantization.quantize_dynamic(
                prepared,
                target,
                op_types_to_quantize=_INTEGER_OPERATIONS,
                weight_type=quantization.QuantType.QUInt8,  # of ConvInteger the CPU has this kind alone
                nodes_to_exclude=left_alone,
            )
        else:
            quantization.quantize_static(
                prepared,
                target,
                _reader(images),
                quant_format=quantization.QuantFormat.QDQ,
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                nodes_to_exclude=left_alone,
            )
    finally:
        prepared.unlink(missing_ok=True)


def _reader(images: Sequence[Tensor]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class _Images(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def __init__(self) -> None:
            self._left: Iterator[Tensor] = iter(images)

        def get_next(self) -> dict[str, Array] | None:
            image = next(self._left, None)
            return None if image is None else {IMAGE: image[None].numpy()}

    return _Images()


def _classifier_and_after(path: Path) -> list[str]:
    """Return the names of the last convolution and of what follows it: 256 levels are few for logits."""
    import onnx

    nodes = onnx.load(path).graph.node
    last = max(
        (place for place, node in enumerate(nodes) if node.op_type in ("Conv", "FusedConv")), default=0
    )
    return [node.name for node in list(nodes)[last:]]
