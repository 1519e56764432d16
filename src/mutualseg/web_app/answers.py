"""What the page keeps of an image that a network looked at: little, and the mask as a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from mutualseg.atomic_files import replacing
from mutualseg.evaluation.large_images import Look
from mutualseg.predicting.pictures import Painter
from mutualseg.predictor import Opinion
from mutualseg.web_app.class_shares import class_shares
from mutualseg.web_app.drawing import confidence_uri, mask_uri
from mutualseg.web_app.networks import AppNetwork


@dataclass(frozen=True)
class Answer:
    """What one network says of one image."""

    mask: Path
    """The indexed PNG, byte for byte as `mutualseg predict` writes it."""
    size: tuple[int, int]
    """Height and width of the image."""
    shares: tuple[float, ...]
    """Of each class, in [0, 1]."""
    confidence: float
    """Mean probability of the class that each pixel has."""
    mask_uri: str
    confidence_uri: str

    def indices(self) -> npt.NDArray[np.uint8]:
        """Return the class indices, uint8 [H,W]."""
        with Image.open(self.mask) as image:  # a file of our own, within the limits of images
            return np.asarray(image)


def make_answer(opinion: Opinion, network: AppNetwork, mask: Path) -> Answer:
    """Write the mask of an image and draw what the page shows of it.

    Raises:
        OSError: the mask cannot be written.
    """
    predictor = network.predictor
    indices = opinion.indices
    with replacing(mask) as partial:
        look = Look(torch.from_numpy(indices), torch.from_numpy(opinion.confidence))
        painter = Painter(predictor.classes, predictor.colors)
        painter.picture("index", look.indices[None], look).save(partial, format="PNG")
    num_classes = len(predictor.classes)
    return Answer(
        mask,
        (indices.shape[0], indices.shape[1]),
        class_shares(indices, num_classes),
        float(opinion.confidence.mean(dtype=np.float64)),
        mask_uri(indices, num_classes, predictor.colors),
        confidence_uri(opinion.confidence),
    )
