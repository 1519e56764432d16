"""Networks on images of any size, several at a time: class logits at the images' own size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

import torch
import torch.nn.functional as F
from torch import Tensor

from mutualseg.devices import autocast
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.evaluation.windows import cut_windows, join_windows, window_corners
from mutualseg.networks.segmenter import Segmenter
from mutualseg.pixel_values import to_unit

BATCH = {"cpu": 1, "mps": 4, "cuda": 8}
"""Images or windows that are segmented at a time. On a CPU more gain nothing and cost memory."""

ONCE = InferenceOptions()
"""One look at whole images."""


@torch.no_grad()
def batch_logits(
    network: Segmenter,
    images: Sequence[Tensor],
    *,
    device: str,
    precision: str,
    options: InferenceOptions = ONCE,
) -> list[Tensor]:
    """Return each image's logits at its own size.

    Of an image that is looked at several times (in windows, at several scales, mirrored), the logits are the
    logarithm of its mean class probabilities over all looks, so that their softmax is that mean.

    Args:
        network: put into evaluation mode meanwhile.
        images: [C,H,W] each, uint8 or float32 in [0, 1]; those of one size, or windows of it, go through the
            network together.
        device: where the network is.
        precision: `32` or `bf16`.
        options: which looks are averaged. Windows overlap by a third; an image that a window covers is
            looked at whole.

    Returns:
        [K,H,W] float32 on the device, one per image.
    """
    was_training = network.training
    network.eval()
    looking = Looking(network, device, precision, options)
    try:
        several = [looking.is_repeated(image) for image in images]
        # Both are made as they are asked for, and in the images' order.
        once = looking.logits(image for image, many in zip(images, several, strict=True) if not many)
        means = iter(looking.means([image for image, many in zip(images, several, strict=True) if many]))
        return [next(means) if many else next(once) for many in several]
    finally:
        network.train(was_training)


@dataclass(frozen=True)
class Looking:
    """A network, where and how it looks at images."""

    network: Segmenter
    device: str
    precision: str
    options: InferenceOptions

    def is_repeated(self, image: Tensor) -> bool:
        """Whether an image is looked at several times, or at another scale."""
        window, size = self.options.window, _size(image)
        is_cut = window is not None and max(size) > window
        return is_cut or self.options.flip or self.options.scales != (1.0,)

    def logits(self, images: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield the logits [K,H,W] of whole images."""
        for floats in self._batches(images):
            yield from self._segment(floats)

    def means(self, images: Sequence[Tensor]) -> list[Tensor]:
        """Return the logarithm of the mean probabilities of each image, [K,H,W]."""
        totals: list[Tensor] = []
        for scale in self.options.scales:
            scaled = (resized_image(image, scale) for image in images)
            for index, mean in enumerate(self._window_means(scaled)):
                own = _resized(mean, _size(images[index]))
                if index == len(totals):
                    totals.append(own)
                else:
                    totals[index].add_(own)
        return [log_of_mean(total.div_(len(self.options.scales))) for total in totals]

    def _window_means(self, images: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield each image's mean probabilities over its windows, [K,H,W], once the last one is done."""
        cut = []
        for image in images:
            window = self.options.window or max(_size(image))
            cut.append((image, window, window_corners(_size(image), window)))
        parts = self.probabilities(
            piece for image, window, corners in cut for piece in cut_windows(image, window, corners)
        )
        for image, _, corners in cut:
            yield join_windows(islice(parts, len(corners)), corners, _size(image))

    def probabilities(self, pieces: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield class probabilities [K,h,w], with `flip` the mean of the piece's and its mirror image's."""
        for floats in self._batches(pieces):
            probabilities = self._segment(floats).softmax(1)
            if self.options.flip:
                mirrored = self._segment(floats.flip(-1)).softmax(1).flip(-1)
                probabilities = probabilities.add_(mirrored).div_(2)
            yield from probabilities

    def _batches(self, images: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield [B,C,h,w] float in [0, 1] on the device."""
        for batch in alike(images, BATCH[self.device]):
            # One copy of bytes to the device; floats are made there.
            floats = to_unit(torch.stack(batch).to(self.device, non_blocking=True))
            yield floats.contiguous(memory_format=torch.channels_last)

    def _segment(self, floats: Tensor) -> Tensor:
        with autocast(self.device, self.precision):
            return self.network.segment(floats)


def log_of_mean(probabilities: Tensor) -> Tensor:
    """Return the logarithm of mean probabilities, in place: logits whose softmax is that mean."""
    least = torch.finfo(torch.float32).tiny  # an improbable class must not become -inf
    return probabilities.clamp_(min=least).log_()


def alike(images: Iterable[Tensor], most: int) -> Iterator[list[Tensor]]:
    """Yield runs of at most `most` consecutive images of one shape."""
    for _, same in groupby(images, key=lambda image: image.shape):
        while run := list(islice(same, most)):
            yield run


def resized_image(image: Tensor, scale: float) -> Tensor:
    """Return an image [C,H,W] resized by a factor as training crops are, in its own dtype.

    Each side is rounded, and at least one pixel long.
    """
    wanted = scaled_size(_size(image), scale)
    if wanted == _size(image):
        return image
    resized = F.interpolate(
        image[None].float(), wanted, mode="bilinear", align_corners=False, antialias=True
    )[0]
    return resized if image.is_floating_point() else resized.round().to(image.dtype)


def scaled_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return the height and width of a resized image; each is rounded, and at least 1."""
    height, width = size
    return max(1, round(height * scale)), max(1, round(width * scale))


def _resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps [K,h,w] at another size; probabilities stay such."""
    if _size(maps) == size:
        return maps
    return F.interpolate(maps[None], size, mode="bilinear", align_corners=False)[0]


def _size(image: Tensor) -> tuple[int, int]:
    return image.shape[-2], image.shape[-1]
