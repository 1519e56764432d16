"""`export`: a trained network as one file for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from mutualseg.api.arguments import paths, run_or_weights


def export(
    run: str,
    *,
    to: Literal["onnx", "pt2"] = "onnx",
    out: str | None = None,
    quantize: Literal["dynamic", "static"] | None = None,
    images: Sequence[str] | str = (),
    data: str | None = None,
    opset: int | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """Write a run's deployed network as one file that needs nothing of this program, and check it.

    The file takes float32 RGB images [N,3,H,W] in [0, 1] of any size and number (or of the channels that
    the network was trained on); normalization and padding are inside. It returns class logits [N,K,H,W] at
    the images' own size, and as ONNX also the class of each pixel, uint8 [N,H,W]. What goes in, what comes
    out, the classes with their colors and where the network is from stand in the file as JSON: in ONNX's
    metadata under `mutualseg`, in pt2 as the extra file `mutualseg.json`.

    Before it takes its place, the file is run beside the network in PyTorch, in float32, on batches of
    several sizes: both have to name the same class on 99.9 % of pixels, and logits may differ by rounding
    alone.

    Args:
        run: Run folder, a weights file that `train` wrote, or hf://NAME.
        to: Format; onnx for ONNX Runtime and most other runtimes, pt2 for torch.export.load.
        out: File to write, or a folder for it; RUN/export/network.onnx (or .pt2) if not given.
        quantize: Write an int8 copy beside the ONNX file, as network.int8_static.onnx. Ranges of numbers are
            measured on training images of the run (static), or anew in each image (dynamic). Both files are
            scored on the val images.
        images: Image files or folders to compare on; val images of the run if not given, or made ones where
            its data are gone. Where there are no training images, static int8 measures on them too.
        data: Where the run's data folder lies now, if it was moved.
        opset: ONNX operator set, 18 to 23; 18 if not given.
        quiet: Print nothing on the way.

    Returns:
        The description that the file holds, with `file`, `bytes`, `parity` (images, source, max_difference
        of logits, agreement in percent of pixels, shapes) and `predict` (how `predict` computes on a CPU
        here, and on which percent of pixels it names the same class); and `quantized`, None without, with
        its own `file`, `bytes`, `agreement` with the float32 file, and `miou` and `float_miou` in percent.

    Raises:
        MutualSegError: the run cannot be used, the network cannot be exported (ExportError), or the file says
            something else than the network (ExportError too; nothing is written then).
    """
    from mutualseg.exporting.request import export_request

    request = export_request(
        run_or_weights(run, out),
        to=to,
        out=out,
        quantize=quantize,
        data=data,
        images=paths(images),
        opset=opset,
        quiet=quiet,
    )  # refused before imports that take seconds
    from mutualseg.exporting.exporting import carry_out

    return carry_out(request)
