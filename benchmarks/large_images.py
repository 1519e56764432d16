"""Time and peak memory of `predict` on one large image, beside the logits that it never holds at once.

The image is smooth noise, written strip by strip. Each row is a process of its own. The network has random
weights: `tiny` is a few layers, so that what is measured is all the rest; others are those of the other
benchmarks. Logits are those of the whole image, in float32.

    python benchmarks/large_images.py --sides 5000 10000 20000 --json out.json
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import nn

from made_run import CASES
from mutualseg.evaluation.inference_options import inference_options
from mutualseg.networks.build import NetworkConfig, build_segmenter
from mutualseg.networks.segmenter import Segmenter
from mutualseg.predicting.files import predict_targets
from mutualseg.predicting.saved_kinds import read_kinds
from mutualseg.predicting.targets import checked_targets
from mutualseg.predictor import Predictor
from mutualseg.reporting.png_writer import png_lines
from peak_memory import peak_megabytes
from rows import report

_STRIP = 256


def strips(side: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield RGB lines [256,side,3], the last ones fewer."""
    draw = np.random.default_rng(0)
    for top in range(0, side, _STRIP):
        coarse = draw.integers(0, 256, (_STRIP // 16, side // 16 + 1, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((side, _STRIP), Image.Resampling.BICUBIC)
        yield np.asarray(smooth)[: side - top]


def tiles(side: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the same image in tiles [256,256,3], from left to right and from top to bottom."""
    for strip in strips(side):
        for left in range(0, side, _STRIP):
            tile = np.zeros((_STRIP, _STRIP, 3), np.uint8)
            part = strip[:, left : left + _STRIP]
            tile[: part.shape[0], : part.shape[1]] = part
            yield tile


def write_image(path: Path, side: int) -> None:
    """Write a square image by its suffix: a TIFF of tiles packed by deflate, or a PNG."""
    if path.suffix == ".png":
        with png_lines(path, (side, side), "rgb") as writer:
            for strip in strips(side):
                writer.write(strip)
        return
    import tifffile

    tifffile.imwrite(
        path,
        tiles(side),
        shape=(side, side, 3),
        dtype=np.uint8,
        photometric="rgb",
        compression="zlib",
        tile=(_STRIP, _STRIP),
    )


def made_network(name: str, num_classes: int) -> Segmenter:
    """Return a network of random weights."""
    torch.manual_seed(0)
    if name != "tiny":
        case = CASES[name]
        return build_segmenter(NetworkConfig(case.network, case.encoder, num_classes)).eval()
    layers = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 2, stride=2))
    return Segmenter(
        layers,
        nn.Conv2d(16, 16, 1),
        nn.ReLU(),
        nn.Conv2d(16, num_classes, 1),
        multiple=4,
        pixel_mean=(0.5, 0.5, 0.5),
        pixel_std=(0.25, 0.25, 0.25),
    ).eval()


def segment(name: str, image: str, out: str, options: argparse.Namespace) -> None:
    """Segment one image, as the command does once it has loaded the network."""
    network = made_network(name, options.classes).to(options.device).to(memory_format=torch.channels_last)
    classes = tuple(f"class {index}" for index in range(options.classes))
    kinds = read_kinds(options.save)
    predict_targets(
        Predictor(network, classes, options.device, "32"),
        checked_targets([Path(image)], Path(out), kinds),
        Path(out),
        kinds=kinds,
        options=inference_options(options.window, (), False, tta=options.tta),
        every=1,
        quiet=True,
    )


def row_of(side: int, form: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measure one image."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"image.{'tif' if form == 'tiff' else form}"
        write_image(path, side)
        started = time.perf_counter()
        out = str(Path(folder) / "out")
        peak = peak_megabytes(segment, options.network, str(path), out, options, device=options.device)
        return {
            "network": options.network,
            "side": side,
            "format": form,
            "file_mb": round(path.stat().st_size / 2**20, 1),
            "classes": options.classes,
            "save": options.save,
            "window": options.window,
            "tta": options.tta,
            "device": options.device,
            "threads": torch.get_num_threads(),
            "seconds": round(time.perf_counter() - started, 1),
            "logits_mb": round(4 * options.classes * side * side / 2**20, 1),
            "peak_mb": peak,
        }


def shown(row: dict[str, Any]) -> str:
    """Return one row in words."""
    return (
        f"{row['side']:>6} x {row['side']:<6} {row['format']:<4} {row['seconds']:>8} s, peak "
        f"{row['peak_mb']:>8} MiB (logits of the whole {row['logits_mb']:>8} MiB)"
    )


def main() -> None:
    """Print each row as it is done, and write them where `--json` says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--network", choices=["tiny", *CASES], default="tiny")
    parser.add_argument("--sides", nargs="+", type=int, default=[5000, 10000, 20000])
    parser.add_argument("--formats", nargs="+", choices=["tiff", "png"], default=["tiff", "png"])
    parser.add_argument("--classes", type=int, default=11)
    parser.add_argument("--save", default="index", help="what is written, default index")
    parser.add_argument("--window", default="auto", help="side of the windows, default auto")
    parser.add_argument("--tta", action="store_true", help="scales 0.75 1 1.25, and flip")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="write the rows here")
    options = parser.parse_args()
    rows = (row_of(side, form, options) for side in options.sides for form in options.formats)
    report(rows, options.json, say=shown)


if __name__ == "__main__":
    main()
