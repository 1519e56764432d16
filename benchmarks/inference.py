"""Images per second of `predict` on a folder, beside the bare forward passes of its network.

`predict` reads JPEGs, decodes, segments and writes indexed PNGs. The bare forward is the network's alone
on a batch of as many random images of that size. Rounds of the two alternate.

    python benchmarks/inference.py --images 24 --json out.json
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, cast

import torch

from made_run import CASES, SIZE, make_photographs
from mutualseg import predict
from mutualseg.api.using import Device
from mutualseg.devices import autocast, resolve_device, resolve_precision
from mutualseg.engine.sample_steps import wait_for
from mutualseg.evaluation.inference import BATCH
from mutualseg.networks.build import NetworkConfig, build_segmenter
from mutualseg.networks.segmenter import Segmenter
from mutualseg.weights_files import save_network
from rows import report


@torch.no_grad()
def bare(network: Segmenter, count: int, device: str, precision: str) -> float:
    """Return the seconds of the forward passes over `count` images, logits at the decoder's grid."""
    size = BATCH[device]
    images = torch.rand(size, 3, *SIZE, device=device).contiguous(memory_format=torch.channels_last)
    started = time.perf_counter()
    for _ in range(-(-count // size)):
        with autocast(device, precision):
            network(images)
    wait_for(device)
    return time.perf_counter() - started


def row_of(name: str, *, device: Device, images: int, rounds: int, window: int | None) -> dict[str, Any]:
    """Measure one network."""
    case = CASES[name]
    precision = resolve_precision("auto", device)
    config = NetworkConfig(case.network, case.encoder, case.num_classes)
    network = build_segmenter(config).eval()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_photographs(root, labeled=1, unlabeled=images - 1, num_classes=case.num_classes)
        facts = {"precision": precision, "classes": [f"class {k}" for k in range(case.num_classes)]}
        save_network(root / "network.safetensors", network, config, facts)
        network = network.to(device).to(memory_format=torch.channels_last)
        whole, alone = [], []
        for _ in range(rounds + 1):
            started = time.perf_counter()
            done = predict(
                str(root / "network.safetensors"),
                str(root / "images"),
                out=str(root / "out"),
                window="whole" if window is None else window,
                device=device,
                quiet=True,
            )
            whole.append((time.perf_counter() - started) / len(done.written))
            alone.append(bare(network, images, device, precision) / images)
    whole, alone = whole[1:], alone[1:]  # the first warms up
    return {
        "network": f"{case.network}/{case.encoder}",
        "image": list(SIZE),
        "window": window,
        "device": device,
        "precision": precision,
        "threads": torch.get_num_threads(),
        "predict_images_per_second": round(1 / statistics.median(whole), 2),
        "bare_images_per_second": round(1 / statistics.median(alone), 2),
        "ratio": round(statistics.median(a / b for a, b in zip(whole, alone, strict=True)), 3),
    }


def shown(row: dict[str, Any]) -> str:
    """Return one row in words."""
    return (
        f"{row['network']} on {row['device']} in {row['precision']}, {SIZE[0]} x {SIZE[1]}: predict "
        f"{row['predict_images_per_second']} images/s with loading, bare forward "
        f"{row['bare_images_per_second']}, time ratio {row['ratio']}"
    )


def main() -> None:
    """Print each row as it is done, and write them where `--json` says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=["lite0-192", "resnet50-321"])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--images", type=int, default=24, help="in the folder, default 24")
    parser.add_argument("--rounds", type=int, default=5, help="that count, default 5")
    parser.add_argument("--window", type=int, help="cut images into windows of this side")
    parser.add_argument("--json", type=Path, help="write the rows here")
    options = parser.parse_args()
    device = cast(Device, resolve_device(options.device))
    rows = (
        row_of(name, device=device, images=options.images, rounds=options.rounds, window=options.window)
        for name in options.cases
    )
    report(rows, options.json, say=shown)


if __name__ == "__main__":
    main()
