"""A trained network ready to use: one image, or files on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from mutualseg.data.images import read_image, to_rgb
from mutualseg.data.listing import walk_files
from mutualseg.data.samples import is_image_file
from mutualseg.devices import resolve_device, resolve_precision
from mutualseg.errors import ConfigError, DataError, ImageError
from mutualseg.evaluation.inference import class_logits
from mutualseg.networks.segmenter import Segmenter
from mutualseg.reporting.pictures import save_indexed
from mutualseg.reporting.progress import file_progress
from mutualseg.runs import weights_of
from mutualseg.weights_files import load_network

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Predictor:
    """A trained network and the names of its classes."""

    network: Segmenter
    classes: tuple[str, ...]
    device: str
    precision: str

    @classmethod
    def load(cls, path: Path, *, device: str = "auto") -> Predictor:
        """Load the deployed network of a run folder, or of a weights file.

        Raises:
            WeightsError: there is none, or it does not fit.
        """
        network, config, facts = load_network(weights_of(path))
        resolved = resolve_device(device)
        # The precision of training where the device has it, so that scores are met again.
        wanted = str(facts.get("precision", "32"))
        precision = wanted if wanted == "32" else resolve_precision("auto", resolved)
        names = facts.get("classes") or [f"class {index}" for index in range(config.num_classes)]
        network = network.to(resolved).to(memory_format=torch.channels_last)
        return cls(network, tuple(str(name) for name in names), resolved, precision)

    def predict(self, image: str | Path | Image.Image | Pixels) -> Pixels:
        """Return class indices, uint8 [H,W], at the image's own size.

        Args:
            image: A path, a PIL image, or RGB pixels uint8 [H,W,3].

        Raises:
            ImageError: the image cannot be read, or the array is something else.
        """
        if isinstance(image, str | Path):
            pixels = read_image(Path(image))
        elif isinstance(image, Image.Image):
            pixels = to_rgb(image, "the image")
        else:
            pixels = image
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise ImageError(
                f"The image is {pixels.dtype} of shape {list(pixels.shape)}; give RGB pixels, uint8 [H,W,3]."
            )
        tensor = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)
        logits = class_logits(self.network, tensor, device=self.device, precision=self.precision)
        indices: Pixels = logits.argmax(0).to(torch.uint8).cpu().numpy()
        return indices


@dataclass(frozen=True)
class Predictions:
    """What `predict` did."""

    written: tuple[Path, ...]
    skipped: tuple[tuple[Path, str], ...]
    """Files that could not be read, with the reason."""


def predict_files(weights: Path, images: Sequence[Path], out: Path, *, quiet: bool) -> Predictions:
    """Segment files and folders of them; see `mutualseg.predict`."""
    pairs = list(_targets(images, out))
    if not pairs:
        raise DataError(f"There is no image in {', '.join(str(path) for path in images)}; check the path.")
    _refuse_clashes(pairs)
    predictor = Predictor.load(weights)
    written: list[Path] = []
    skipped: list[tuple[Path, str]] = []
    with file_progress("predicting", quiet=quiet) as progress:
        for number, (source, target) in enumerate(pairs, start=1):
            try:
                save_indexed(target, predictor.predict(source), len(predictor.classes))
                written.append(target)
            except ImageError as error:
                skipped.append((source, str(error)))
            progress(number, len(pairs))
    return Predictions(tuple(written), tuple(skipped))


def _targets(images: Sequence[Path], out: Path) -> Iterator[tuple[Path, Path]]:
    """Yield (image, mask to write); below a folder its subfolders are kept."""
    for path in images:
        if path.is_dir():
            for found in walk_files(path):
                if is_image_file(found):
                    yield found, (out / found.relative_to(path)).with_suffix(".png")
        elif path.exists():
            yield path, out / f"{path.stem}.png"
        else:
            raise DataError(f"There is no image or folder '{path}'; check the path.")


def _refuse_clashes(pairs: Sequence[tuple[Path, Path]]) -> None:
    seen: dict[Path, Path] = {}
    for source, target in pairs:
        if target.resolve() == source.resolve():
            raise ConfigError(f"The mask of {source} would replace the image itself; choose another --out.")
        if target in seen:
            raise ConfigError(
                f"{seen[target]} and {source} would both be written to {target}; "
                "predict them into two folders."
            )
        seen[target] = source
