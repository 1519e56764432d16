"""A trained network ready to use on one image; `predicting` has what goes on with files of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from mutualseg.data.image_codes import RGB, ImageCode
from mutualseg.data.image_rows import ImageRows, open_rows, rows_of
from mutualseg.data.images import image_size
from mutualseg.devices import refuse_compilation, resolve_device, resolve_precision
from mutualseg.errors import ImageError
from mutualseg.evaluation.inference import ONCE, batch_logits
from mutualseg.evaluation.inference_options import AUTO, InferenceOptions, inference_options
from mutualseg.evaluation.large_images import Look, look_in_bands, look_of, options_in_bands
from mutualseg.networks.segmenter import Segmenter
from mutualseg.runs import require_weights
from mutualseg.weights_files import image_code_of, load_network

Pixels = npt.NDArray[np.uint8]
AnyPicture = str | Path | Image.Image | npt.NDArray[Any]
"""A path, a PIL image, or the numbers of a file, [H,W,C] or [H,W]."""


class Opinion(NamedTuple):
    """What a network says of an image, at the image's own size."""

    indices: npt.NDArray[np.uint8]
    """uint8 [H,W]: the most probable class of each pixel."""
    confidence: npt.NDArray[np.float32]
    """float32 [H,W]: the probability of that class, from 1 / K to 1."""


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
        network, config, facts = load_network(require_weights(path))
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
        image: AnyPicture,
        *,
        window: int | str = AUTO,
        scales: float | str | Sequence[float | str] = (),
        flip: bool = False,
        tta: bool = False,
    ) -> Pixels:
        """Return class indices, uint8 [H,W], at the image's own size.

        Class probabilities are averaged over all looks at the image. If the logits of the whole image would
        take more than 1 GiB, it is looked at in windows of 1024 pixels and never held at once as logits.

        Args:
            image: A path, a PIL image, or the numbers of a file: RGB pixels uint8 [H,W,3]; also with alpha
                [H,W,4] or gray [H,W], which count as in a file. For a network trained on other images
                [H,W,C], or [H,W] of one channel, of their type (uint8, uint16, or any real numbers for
                floating-point images).
            window: Side in pixels of the windows that the image is cut into, overlapping by a third; whole
                is no windows, however large the image is; auto is what the run that trained the network had.
            scales: Factors from 0.25 to 4 by which the image is resized before the network sees it; 1 if
                not given.
            flip: Look at the mirrored image too.
            tta: Test-time augmentation: scales 0.75, 1 and 1.25, and flip; not beside these.

        Raises:
            ConfigError: window or scales are unknown or out of range.
            ImageError: the image cannot be read, or the array is something else.
        """
        options = inference_options(window, scales, flip, tta=tta, own=self.window)
        rows = self._opened(image, options)
        if self.options_in_bands(rows.size, options) is not None:
            return self.look_at(rows, options).indices.numpy()
        indices: Pixels = self.segment([rows.whole()], options)[0].numpy()
        return indices

    def look(
        self,
        image: AnyPicture,
        *,
        window: int | str = AUTO,
        scales: float | str | Sequence[float | str] = (),
        flip: bool = False,
        tta: bool = False,
    ) -> Opinion:
        """Return class indices and the probability of each, made in one pass; arguments as in `predict`."""
        options = inference_options(window, scales, flip, tta=tta, own=self.window)
        look = self.look_at(self._opened(image, options), options)
        return Opinion(look.indices.numpy(), look.confidence.numpy())

    def probabilities(
        self,
        image: AnyPicture,
        *,
        window: int | str = AUTO,
        scales: float | str | Sequence[float | str] = (),
        flip: bool = False,
        tta: bool = False,
    ) -> npt.NDArray[np.float32]:
        """Return the probability of each class, float32 [K,H,W]; arguments as in `predict`.

        All of it is in memory: 4 bytes for each class and pixel, and as much again while it is made.
        """
        options = inference_options(window, scales, flip, tta=tta, own=self.window)
        logits = self.logits([self._opened(image, options).whole()], options)[0]
        found: npt.NDArray[np.float32] = logits.softmax(0).cpu().numpy()
        return found

    def logits(self, images: Sequence[Tensor], options: InferenceOptions = ONCE) -> list[Tensor]:
        """Return logits, float32 [K,H,W] on the device, of each image [C,H,W] as `ImageCode.read` has it."""
        return batch_logits(
            self.network, images, device=self.device, precision=self.precision, options=options
        )

    def segment(self, images: Sequence[Tensor], options: InferenceOptions = ONCE) -> list[Tensor]:
        """Return class indices, uint8 [H,W] on the CPU, of each image [C,H,W] as `ImageCode.read` has it."""
        return [own.argmax(0).to(torch.uint8).cpu() for own in self.logits(images, options)]

    def options_in_bands(self, size: tuple[int, int], options: InferenceOptions) -> InferenceOptions | None:
        """Return how an image of (height, width) is looked at band by band; None if it fits as a whole."""
        return options_in_bands(size, len(self.classes), options)

    def look_in_bands(
        self, rows: ImageRows, options: InferenceOptions, advance: Callable[[], None] = lambda: None
    ) -> Iterator[Look]:
        """Yield what the network says of an image from top to bottom, in windows; see `large_images`."""
        return look_in_bands(
            self.network,
            rows,
            device=self.device,
            precision=self.precision,
            options=options,
            advance=advance,
        )

    def look_at(self, rows: ImageRows, options: InferenceOptions = ONCE) -> Look:
        """Return what the network says of an image, on the CPU; in bands if its logits would not fit."""
        cut = self.options_in_bands(rows.size, options)
        if cut is None:
            return look_of(self.logits([rows.whole()], options)[0])
        made = Look(torch.empty(rows.size, dtype=torch.uint8), torch.empty(rows.size))
        top = 0
        for band in self.look_in_bands(rows, cut):
            bottom = top + len(band.indices)
            made.indices[top:bottom], made.confidence[top:bottom] = band
            top = bottom
        return made

    def _opened(self, image: AnyPicture, options: InferenceOptions) -> ImageRows:
        """Return an image, decoded unless it is so large that it is read band by band."""
        if isinstance(image, str | Path):
            path = Path(image)
            if self.options_in_bands(image_size(path), options) is not None:
                return open_rows(path, self.images)
            return rows_of(self.images.read(path))
        if isinstance(image, Image.Image):
            return rows_of(self.images.from_image(image))
        if not isinstance(image, np.ndarray):
            raise ImageError(
                f"The image is of type {type(image).__name__}; give a path, a PIL image or a NumPy array."
            )
        return rows_of(self.images.from_array(image))
