"""How long `mutualseg check` takes on a folder of made photographs, all of it: decoding, look-alikes, report.

    python benchmarks/check_speed.py --images 10000 --json out.json

JPEGs of 480 x 360, each other than all others, a tenth of them with masks, are made in a temporary folder
(that is not timed). Processor seconds over two are what the wall shows on two idle cores.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mutualseg.data.doctor import inspect
from mutualseg.data.look_alikes import look_alikes_within
from rows import report

HEIGHT, WIDTH = 360, 480
_CLASSES = 11
_DETAIL = 12.0
"""Gray levels of fine noise: the files are then about as large as those of a camera, 50 kB."""


def photograph(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return blotches of several sizes under noise, uint8 [H,W,3]."""
    total = np.full((HEIGHT, WIDTH, 3), 128.0)
    for cells in (4, 9, 30):
        blotches = rng.normal(0, 40, (cells, cells, 3)).clip(-128, 127) + 128
        small = Image.fromarray(blotches.astype(np.uint8))
        total += np.asarray(small.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR), np.float64) - 128
    noise = rng.normal(0, _DETAIL, (HEIGHT // 2, WIDTH // 2, 1)).repeat(2, 0).repeat(2, 1)
    return (total + noise).clip(0, 255).astype(np.uint8)


def make_folder(root: Path, images: int) -> None:
    """Write a data folder; every tenth image has a mask, and every hundredth is in val."""
    rng = np.random.default_rng(0)
    for number in range(images):
        name = f"{'val' if number % 100 == 0 else 'train'}/{number:06}"
        for kind in ("images", "masks"):
            (root / kind / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photograph(rng)).save(root / "images" / f"{name}.jpg", quality=90)
        if number % 10 == 0:
            cells = rng.integers(0, _CLASSES, (9, 12), dtype=np.uint8).repeat(40, 0).repeat(40, 1)
            Image.fromarray(cells).save(root / "masks" / f"{name}.png")


def checked(images: int) -> dict[str, Any]:
    """Make a folder and return the seconds that its check takes."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        make_folder(root, images)
        wall, processor = time.perf_counter(), time.process_time()
        found = inspect(root)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {
        "images": sum(found.images.values()),
        "masks": sum(found.labeled.values()),
        "findings": len(found.findings),
        "wall_s": round(wall, 2),
        "cpu_s": round(processor, 2),
        "cpu_s_over_2": round(processor / 2, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def compared(count: int) -> dict[str, Any]:
    """Return the seconds that it takes to find look-alikes among random fingerprints."""
    prints = np.random.default_rng(0).integers(0, 2**64, (count, 4), dtype=np.uint64)
    prints[count // 2 : count // 2 + 10] = prints[:10] ^ np.uint64(1 << 17)
    wall, processor = time.perf_counter(), time.process_time()
    found = look_alikes_within(prints)
    return {
        "fingerprints": count,
        "look_alikes": int((found.like >= 0).sum()),
        "wall_s": round(time.perf_counter() - wall, 2),
        "cpu_s": round(time.process_time() - processor, 2),
    }


def main() -> None:
    """Print each row as it is done, and write them where `--json` says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    parser.add_argument("--images", type=int, default=10_000, help="of the folder, default 10000")
    parser.add_argument("--fingerprints", type=int, default=1_000_000, help="compared, default 1000000")
    parser.add_argument("--json", type=Path, help="write the rows here")
    options = parser.parse_args()
    measurements = ((checked, options.images), (compared, options.fingerprints))
    rows = (measure(count) for measure, count in measurements)
    report(rows, options.json)


if __name__ == "__main__":
    main()
