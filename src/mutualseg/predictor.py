"""A trained network ready to use: one image, or files on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from mutualseg.data.image_codes import RGB, ImageCode
from mutualseg.data.inside import is_inside
from mutualseg.data.listing import walk_files
from mutualseg.data.lookahead import look_ahead
from mutualseg.data.regular_files import real_path
from mutualseg.data.samples import is_image_file
from mutualseg.devices import refuse_compilation, resolve_device, resolve_precision
from mutualseg.errors import ConfigError, DataError, ImageError
from mutualseg.evaluation.inference import BATCH, ONCE, batch_logits
from mutualseg.evaluation.inference_options import AUTO, InferenceOptions, inference_options
from mutualseg.networks.segmenter import Segmenter
from mutualseg.reporting.pictures import save_indexed
from mutualseg.reporting.progress import file_progress
from mutualseg.runs import weights_of
from mutualseg.weights_files import image_code_of, load_network

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Predictor:
    """A trained network, the names of its classes, and how it wants images read."""

    network: Segmenter = field(repr=False)
    classes: tuple[str, ...]
    device: str
    precision: str
    window: int | None = None
    """Side of the windows in which its run looked at val images; None: whole images."""
    colors: tuple[tuple[int, int, int], ...] | None = None
    """RGB of each class, where the data set that it learned from has its own."""
    images: ImageCode = RGB

    @classmethod
    def load(cls, path: Path, *, device: str = "auto", compile: bool = False) -> Predictor:
        """Load the deployed network of a run folder, or of a weights file.

        Args:
            path: of the folder or file.
            device: auto, cpu, cuda or mps.
            compile: whether the network runs compiled; each new image size then takes long at first.

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
        if compile:
            refuse_compilation(resolved)
            # Not `network.compile()`: segmenting calls `forward` itself, past what that compiles.
            network.forward = torch.compile(network.forward, dynamic=False)  # type: ignore[method-assign]
        window = facts.get("window")  # older files do not say, and their runs had none
        colors = tuple((int(r), int(g), int(b)) for r, g, b in facts.get("colors") or ())
        own = None if window is None else int(window)
        return cls(
            network,
            tuple(str(name) for name in names),
            resolved,
            precision,
            own,
            colors or None,
            image_code_of(facts),
        )

    def predict(
        self,
        image: str | Path | Image.Image | npt.NDArray[Any],
        *,
        window: int | str = AUTO,
        scales: float | str | Sequence[float | str] = (),
        flip: bool = False,
    ) -> Pixels:
        """Return class indices, uint8 [H,W], at the image's own size.

        Class probabilities are averaged over all looks at the image.

        Args:
            image: A path, a PIL image, or the numbers of a file: RGB pixels uint8 [H,W,3]; for a network
                trained on other images [H,W,C], or [H,W] of one channel, of their type (uint8, uint16, or any
                real numbers for floating-point images).
            window: Side in pixels of the windows that the image is cut into, overlapping by a third; whole
                is no windows; auto is what the run that trained the network had.
            scales: Factors from 0.25 to 4 by which the image is resized before the network sees it; 1 if
                not given.
            flip: Look at the mirrored image too.

        Raises:
            ConfigError: window or scales are unknown or out of range.
            ImageError: the image cannot be read, or the array is something else.
        """
        options = inference_options(window, scales, flip, own=self.window)
        if isinstance(image, str | Path):
            pixels = self.images.read(Path(image))
        elif isinstance(image, Image.Image):
            pixels = self.images.from_image(image)
        else:
            pixels = self.images.from_array(image)
        indices: Pixels = self.segment([_planes(pixels)], options)[0].numpy()
        return indices

    def segment(self, images: Sequence[Tensor], options: InferenceOptions = ONCE) -> list[Tensor]:
        """Return class indices, uint8 [H,W] on the CPU, of each image [C,H,W] as `ImageCode.read` has it."""
        logits = batch_logits(
            self.network, images, device=self.device, precision=self.precision, options=options
        )
        return [own.argmax(0).to(torch.uint8).cpu() for own in logits]


def _planes(pixels: npt.NDArray[Any]) -> Tensor:
    """Return pixels [H,W,C] as [C,H,W]."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)


@dataclass(frozen=True)
class Predictions:
    """What `predict` did."""

    written: tuple[Path, ...]
    skipped: tuple[tuple[Path, str], ...]
    """Files that could not be read, with the reason."""


def predict_files(
    weights: Path,
    images: Sequence[Path],
    out: Path,
    *,
    window: int | str,
    scales: float | str | Sequence[float | str],
    flip: bool,
    compile: bool,
    quiet: bool,
) -> Predictions:
    """Segment files and folders of them; see `mutualseg.predict`.

    Decoding, the network and writing overlap: files are read ahead and masks written behind in threads.
    """
    pairs = list(_targets(images, out))
    if not pairs:
        raise DataError(f"There is no image in {', '.join(str(path) for path in images)}; check the path.")
    _refuse_labels(out)
    _refuse_clashes(pairs, out)
    predictor = Predictor.load(weights, compile=compile)
    options = inference_options(window, scales, flip, own=predictor.window)
    size = BATCH[predictor.device]
    written: list[Path] = []
    skipped: list[tuple[Path, str]] = []

    def save(result: _Segmented) -> _Segmented:
        if isinstance(result.found, Tensor):
            save_indexed(result.target, result.found.numpy(), len(predictor.classes), predictor.colors)
        return result

    with file_progress("predicting", quiet=quiet) as progress:
        read = look_ahead(partial(_read, images=predictor.images), pairs, ahead=2 * size)
        saved = look_ahead(save, _segmented(predictor, read, options, size), ahead=2 * size)
        for done, result in enumerate(saved, start=1):
            if isinstance(result.found, str):
                skipped.append((result.source, result.found))
            else:
                written.append(result.target)
            progress(done, len(pairs))
    return Predictions(tuple(written), tuple(skipped))


class _Segmented(NamedTuple):
    """A file on its way from image to mask."""

    source: Path
    target: Path
    found: Tensor | str
    """The image [C,H,W]; later its class indices, uint8 [H,W]; or why it cannot be read."""


def _read(pair: tuple[Path, Path], images: ImageCode) -> _Segmented:
    try:
        return _Segmented(*pair, _planes(images.read(pair[0])))
    except ImageError as error:
        return _Segmented(*pair, str(error))


def _segmented(
    predictor: Predictor, read: Iterator[_Segmented], options: InferenceOptions, size: int
) -> Iterator[_Segmented]:
    """Yield each file with its class indices, `size` images at a time."""
    while files := list(islice(read, size)):
        images = [file.found for file in files if isinstance(file.found, Tensor)]
        indices = iter(predictor.segment(images, options))
        yield from (
            file._replace(found=next(indices)) if isinstance(file.found, Tensor) else file for file in files
        )


def _targets(images: Sequence[Path], out: Path) -> Iterator[tuple[Path, Path]]:
    """Yield (image, mask to write); below a folder its subfolders are kept."""
    for path in images:
        if path.is_dir():
            own = real_path(out)
            inside = own != real_path(path) and own.is_relative_to(real_path(path))
            for found in walk_files(path):
                if inside and real_path(found).is_relative_to(own):
                    continue  # masks that an earlier call wrote
                if is_image_file(found):
                    yield found, (out / found.relative_to(path)).with_suffix(".png")
        elif path.exists():
            yield path, out / f"{path.stem}.png"
        else:
            raise DataError(f"There is no image or folder '{path}'; check the path.")


def _refuse_labels(out: Path) -> None:
    """Raise ConfigError if masks of a data folder would be replaced, or predictions become labels in it."""
    for folder in (real_path(out), *real_path(out).parents):
        if folder.name == "masks" and (folder.parent / "images").is_dir():
            raise ConfigError(
                f"--out {out} is where the masks of {folder.parent} are, which predictions would replace or "
                "join; name another folder."
            )


def _refuse_clashes(pairs: Sequence[tuple[Path, Path]], out: Path) -> None:
    seen: dict[Path, Path] = {}
    for source, target in pairs:
        place = real_path(target)
        if not is_inside(str(target.absolute()), out):
            raise ConfigError(
                f"{target} leads out of --out {out} by a link; remove the link, or name another."
            )
        if place == real_path(source):
            raise ConfigError(f"The mask of {source} would replace the image itself; choose another --out.")
        if target in seen:
            raise ConfigError(
                f"{seen[target]} and {source} would both be written to {target}; "
                "predict them into two folders."
            )
        seen[target] = source
