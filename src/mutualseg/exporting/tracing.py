"""A network as a program of PyTorch's operations, for images of any size and number."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from mutualseg.errors import ExportError
from mutualseg.exporting.quiet_libraries import quiet_libraries
from mutualseg.exporting.same_padding import with_whole_number_padding
from mutualseg.networks.segmenter import Segmenter
from mutualseg.one_line import one_line

IMAGE, LOGITS, CLASSES = "image", "logits", "classes"
"""Names of what goes in and comes out."""


class Deployed(nn.Module):
    """What is exported: `Segmenter.segment` without a choice that depends on the size of the images.

    Args:
        network: in evaluation mode.
        with_classes: whether the class of each pixel is returned beside the logits.
    """

    def __init__(self, network: Segmenter, *, with_classes: bool) -> None:
        super().__init__()
        self.network = network
        self.with_classes = with_classes

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Return logits [N,K,H,W] float32, and classes [N,H,W] uint8 if wanted.

        Args:
            image: [N,C,H,W] float32 in [0, 1].
        """
        network = self.network
        (height, width), multiple = image.shape[-2:], network.multiple
        # Not `round_up`, which divides a negative number: ONNX rounds its quotient up, Python down.
        full = [(side + multiple - 1) // multiple * multiple for side in (height, width)]
        normalized = (image - network.pixel_mean) / network.pixel_std
        # Padding by a constant and cutting is the same for every size; padding by none would be a branch.
        padded = F.pad(normalized, (0, multiple - 1, 0, multiple - 1))
        padded = padded.narrow(2, 0, full[0]).narrow(3, 0, full[1])
        features = network.neck(network.decoder(network.encoder(padded)))
        logits = F.interpolate(
            network.classifier(features), tuple(full), mode="bilinear", align_corners=False
        )
        logits = logits.narrow(2, 0, height).narrow(3, 0, width)
        return (logits, logits.argmax(1).to(torch.uint8)) if self.with_classes else logits


def traced(network: Segmenter, *, with_classes: bool) -> ExportedProgram:
    """Return a network's program, on the CPU in float32.

    Args:
        network: in evaluation mode, on the CPU.
        with_classes: see `Deployed`.

    Raises:
        ExportError: the network does something that PyTorch cannot write down for every size.
    """
    # Not round: a side of one cell, or a square, would be taken for a rule.
    side = network.multiple
    example = torch.zeros(2, network.channels, 2 * side + side // 2 + 1, 3 * side + side // 4 + 1)
    sizes = {0: Dim.AUTO, 2: Dim.AUTO, 3: Dim.AUTO}
    try:
        with torch.no_grad(), _sizes_unlooked_at(), quiet_libraries():
            program = torch.export.export(
                Deployed(with_whole_number_padding(network), with_classes=with_classes),
                (example,),
                dynamic_shapes=(sizes,),
                strict=False,
            )
    except Exception as error:
        raise ExportError(
            f"PyTorch cannot export this network ({one_line(error)}); train one of the networks and "
            "encoders that are known to export."
        ) from error
    _drop_layout_guards(program)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it names files of this machine
    return program


def _sizes_unlooked_at() -> Any:
    """Return a context in which tracing does not ask whether a side is 1, which would be a branch."""
    import torch.fx.experimental._config as config

    patch: Any = config.patch  # type: ignore[attr-defined]  # set at run time
    return patch(backed_size_oblivious=True)


def _drop_layout_guards(program: ExportedProgram) -> None:
    """Take away what tracing noted on how its example lay in memory: the results do not depend on it.

    Where they would, the comparison of the file with the network shows it: it has other sizes.
    """
    from torch.utils._sympy.value_ranges import ValueRanges

    getattr(program, "_guards_code", []).clear()
    ranges = program.range_constraints
    for symbol, found in list(ranges.items()):
        ranges[symbol] = ValueRanges(1, found.upper)
