"""Export networks of every kind, with random weights, and print how close the files are to PyTorch.

    python soak/exports.py [NETWORK:ENCODER ...] [--to onnx --to pt2]

Exits with 1 if a pair can be built and not exported.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from mutualseg.errors import MutualSegError
from mutualseg.exporting.images import made_images
from mutualseg.exporting.parity import Parity, compare, require_parity
from mutualseg.exporting.request import FORMATS, OPSETS
from mutualseg.exporting.sessions import open_onnx, open_pt2
from mutualseg.exporting.tracing import traced
from mutualseg.exporting.writing import onnx_model, save_onnx, save_pt2
from mutualseg.networks.build import TESTED_PAIRS, NetworkConfig, build_segmenter
from mutualseg.networks.segmenter import Segmenter

_CLASSES = 5


def main() -> int:
    """Export each pair, print a row for each file, and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pairs", nargs="*", help="such as fpn:resnet50; all tested pairs if none is named")
    parser.add_argument("--to", action="append", choices=FORMATS)
    arguments = parser.parse_args()
    every = [f"{network}:{encoder}" for network, encoders in TESTED_PAIRS.items() for encoder in encoders]
    failed = 0
    for pair in arguments.pairs or every:
        network, _, encoder = pair.partition(":")
        segmenter = build_segmenter(NetworkConfig(network, encoder, _CLASSES)).eval()
        for to in arguments.to or FORMATS:
            began = time.monotonic()
            try:
                parity, size = export(segmenter, to)
                require_parity(parity, to)
                found = f"{size / 1e6:6.1f} MB  {parity.max_difference:.1e}  {parity.agreement:.4f} %"
            except MutualSegError as error:
                failed += 1
                found = str(error)
            print(f"{network:14}{encoder:34}{to:6}{time.monotonic() - began:5.0f} s  {found}", flush=True)
    return 1 if failed else 0


def export(segmenter: Segmenter, to: str) -> tuple[Parity, int]:
    """Write a network into a file, and return how it compares and its size in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"network.{to}"
        program = traced(segmenter, with_classes=to == "onnx")
        if to == "onnx":
            save_onnx(onnx_model(program, OPSETS[0]), path, {})
            run = open_onnx(path)
        else:
            save_pt2(program, path, {})
            run = open_pt2(path)
        return compare(segmenter, run, made_images(segmenter.channels), "made images"), path.stat().st_size


if __name__ == "__main__":
    sys.exit(main())
