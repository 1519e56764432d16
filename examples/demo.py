"""Train with and without unlabeled images on the embedded data set, and look at the difference.

Run it by `make demo`, or: python examples/demo.py --out runs/demo --seed 1
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

import mutualseg
from mutualseg.data.folder import read_folder
from mutualseg.data.generated import generated_folder
from mutualseg.data.images import read_image
from mutualseg.data.mask_codes import INDICES
from mutualseg.engine.summary import counted_network
from mutualseg.reporting.pictures import overlay, sheet

STEPS = 300
PICTURES = 6


def main() -> None:
    """Train both, print both mIoUs, draw both on the same images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/demo"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    started = time.monotonic()
    results = {
        method: train(method, arguments.out / method, arguments.steps, arguments.seed)
        for method in ("labels_only", "mutual")
    }
    picture = arguments.out / "comparison.png"
    draw(arguments.out, picture)
    labels_only, mutual = (counted_miou(results[method]) for method in ("labels_only", "mutual"))
    print(
        f"\nval mIoU after {arguments.steps} steps, seed {arguments.seed}:\n"
        f"  labels only           {labels_only:6.2f}   "
        f"({results['labels_only']['labeled_images']} labeled images)\n"
        f"  mutual distillation   {mutual:6.2f}   "
        f"(the same, and {results['mutual']['unlabeled_images']} without labels)\n"
        f"\npictures: {picture}\n"
        f"          {arguments.out}/mutual/views.png, {arguments.out}/mutual/pseudo_labels/\n"
        f"{time.monotonic() - started:.0f} s in all"
    )


def counted_miou(summary: dict[str, Any]) -> float:
    """Return the mIoU that counts: of labels_only the better of the network and its average."""
    networks: dict[str, float] = summary["networks"]
    return networks[counted_network(summary["method"], networks, summary["deployed"])]


def train(method: str, out: Path, steps: int, seed: int) -> dict[str, Any]:
    """Train one method on the embedded data set."""
    return mutualseg.train(
        "generated",
        out=str(out),
        method=method,
        steps=steps,
        seed=seed,
        evaluate_every=steps,
        overwrite=(out / "config.yaml").is_file(),
    )


def draw(out: Path, picture: Path) -> None:
    """Write rows of image, truth, labels-only and mutual distillation, from the val part."""
    folder = read_folder(generated_folder())
    predictors = [mutualseg.load(out / method) for method in ("labels_only", "mutual")]
    count = len(folder.classes)
    rows = []
    for sample in folder.val[:PICTURES]:
        assert sample.mask is not None
        image = read_image(sample.image)
        maps = [INDICES.read(sample.mask), *(predictor.predict(image) for predictor in predictors)]
        drawn = [overlay(image, indices, count, opacity=0.75) for indices in maps]
        rows.append([np.kron(part, np.ones((2, 2, 1), np.uint8)) for part in (image, *drawn)])
    sheet(rows, ["image", "truth", "labels only", "mutual distillation"], folder.classes).save(picture)


if __name__ == "__main__":
    main()
