"""Exported files as they run without this program, behind one function: images to logits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mutualseg.errors import ExportError
from mutualseg.exporting.quiet_libraries import quiet_libraries
from mutualseg.exporting.tracing import CLASSES, IMAGE, LOGITS
from mutualseg.networks.segmenter import Segmenter
from mutualseg.one_line import one_line

Array = npt.NDArray[Any]


class Said:
    """What a file says of images: logits [N,K,H,W] float32 and classes [N,H,W] uint8."""

    def __init__(self, logits: Array, classes: Array) -> None:
        self.logits = logits
        self.classes = classes


Run = Callable[[Array], Said]
"""From images [N,C,H,W] float32 in [0, 1]."""


def open_onnx(path: Path) -> Run:
    """Return what runs an ONNX file, on the CPU with as many threads as PyTorch has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        with quiet_libraries():
            session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ExportError(
            f"ONNX Runtime does not take what was exported ({one_line(error)}); try another --opset or "
            "network."
        ) from error

    def run(images: Array) -> Said:
        logits, classes = session.run([LOGITS, CLASSES], {IMAGE: images})
        return Said(logits, classes)

    return run


def open_pt2(path: Path) -> Run:
    """Return what runs a pt2 file."""
    with quiet_libraries():
        program = torch.export.load(path).module()

    def run(images: Array) -> Said:
        with torch.no_grad():
            logits = program(torch.from_numpy(images)).numpy()
        return Said(logits, logits.argmax(1).astype(np.uint8))

    return run


class RunAsNetwork(nn.Module):
    """An exported file in a network's place, so that it is scored as networks are.

    Args:
        run: the file.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run

    def segment(self, images: Tensor) -> Tensor:
        """Return logits [B,K,H,W]; see `Segmenter.segment`."""
        return torch.from_numpy(self.run(np.ascontiguousarray(images.float().numpy())).logits)


def as_network(run: Run) -> Segmenter:
    """Return a file as what `evaluate_networks` takes: of a network it uses `segment` alone."""
    return cast(Segmenter, RunAsNetwork(run))
