"""A run on made photographs, as `mutualseg train` would build it, for programs that time its parts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mutualseg import resolving
from mutualseg.data.folder import read_folder
from mutualseg.data.splits import make_split
from mutualseg.devices import resolve_precision
from mutualseg.engine.session import Session
from mutualseg.reporting.console import RunConsole
from mutualseg.run_room import make_room
from mutualseg.runs import RunFolder
from mutualseg.settings import Settings

SIZE = (360, 480)
"""Height and width of the made photographs: CamVid's, as it is usually shipped."""


@dataclass(frozen=True)
class Case:
    """What is trained: a network at a crop, on a number of classes."""

    network: str
    encoder: str
    crop: int
    num_classes: int = 11

    @property
    def name(self) -> str:
        """The case in words."""
        return f"{self.network} on {self.encoder} at {self.crop}"


CASES = {
    "lite0-64": Case("deeplabv3plus", "tf_efficientnet_lite0", 64),
    "lite0-192": Case("deeplabv3plus", "tf_efficientnet_lite0", 192),
    "lite0-256": Case("deeplabv3plus", "tf_efficientnet_lite0", 256),
    "resnet50-321": Case("deeplabv3plus", "resnet50", 321, 21),
    "dinov2s-322": Case("dpt", "vit_small_patch14_dinov2.lvd142m", 322, 21),
}
"""The networks that the benchmarks measure, with random weights; one only shows that they run."""
MEASURED = [name for name in CASES if name != "lite0-64"]


WHOLE_STEPS = {"name": "mutual", "burn_in": 0.0, "ramp": 0.0, "cooldown": 0.0}
"""The method, with arguments that make all steps of a short run whole ones."""


def make_photographs(root: Path, *, labeled: int, unlabeled: int, num_classes: int) -> None:
    """Write JPEGs of smooth noise, and masks of blocks for the first `labeled` of them."""
    draw = np.random.default_rng(0)
    height, width = SIZE
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    (root / "classes.txt").write_text("\n".join(f"class {k}" for k in range(num_classes)) + "\n")
    for number in range(labeled + unlabeled):
        small = draw.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        photograph = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
        photograph.save(root / "images" / f"{number:06d}.jpg", quality=90)
        if number < labeled:
            blocks = draw.integers(0, num_classes, (height // 40, width // 40), dtype=np.uint8)
            mask = Image.fromarray(blocks).resize((width, height), Image.Resampling.NEAREST)
            mask.save(root / "masks" / f"{number:06d}.png")


@contextmanager
def made_session(
    case: Case, *, method: dict[str, Any], steps: int, device: str, batch: int = 4, **options: Any
) -> Iterator[Session]:
    """Yield the session of a run on made photographs in a folder that is removed afterwards.

    Args:
        case: network, crop, classes.
        method: `name` and arguments.
        steps: of the run.
        device: cpu, cuda or mps.
        batch: labeled images per step, and as many unlabeled ones.
        options: further fields of `Settings`.
    """
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make_photographs(root / "data", labeled=24, unlabeled=40, num_classes=case.num_classes)
        data = read_folder(root / "data")
        split = make_split(data, labeled=None, unlabeled=[], split_seed=0, group=None)
        defaults: dict[str, Any] = {
            "data": str(root / "data"),
            "unlabeled": [],
            "labeled": None,
            "group": None,
            "method": resolving.resolve_method(method),
            "steps": steps,
            "seed": 0,
            "split_seed": 0,
            "batch": batch,
            "unlabeled_batch": batch,
            "accumulate": 1,
            "crop": case.crop,
            "network": case.network,
            "encoder": case.encoder,
            "weights": "none",
            "init": None,
            "device": device,
            "devices": 1,
            "num_nodes": 1,
            "precision": resolve_precision("auto", device),
            "compile": False,
            "activation_checkpointing": False,
            "workers": resolving.default_workers(),
            "cache": "memory",
            "evaluate_every": steps,
            "checkpoint_every": "10min",
            "select": "last",
            "views": resolving.resolve_views({}),
            "optimization": resolving.resolve_rates({}, case.network, case.encoder),
        }
        folder = RunFolder(root / "run")
        make_room(folder, overwrite=False)
        yield Session(Settings(**(defaults | options)), data, split, folder, RunConsole(quiet=True))
