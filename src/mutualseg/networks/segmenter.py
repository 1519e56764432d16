"""A segmentation network as the method sees it: features, then a 1x1 classifier, then logits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mutualseg.networks.channel_dropout import ChangeFeatures, change_encoded
from mutualseg.types import SegmenterOutput


def round_up(length: int, multiple: int) -> int:
    """Return the smallest multiple of `multiple` that is at least `length`."""
    return -(-length // multiple) * multiple


def pad_to_multiple(tensor: Tensor, multiple: int, value: float) -> Tensor:
    """Pad [..., H, W] on the right and at the bottom until both sides divide by `multiple`."""
    height, width = tensor.shape[-2:]
    right, bottom = round_up(width, multiple) - width, round_up(height, multiple) - height
    return tensor if right == bottom == 0 else F.pad(tensor, (0, right, 0, bottom), value=value)


class Segmenter(nn.Module):
    """An encoder and a decoder, then a 1x1 classifier at the decoder's grid.

    Images come in as float in [0, 1], RGB or of other bands; normalization is part of the network, so a
    deployed network needs no side file. Any image size works: the input is padded to the network's multiple.

    Args:
        encoder: images to what the decoder reads.
        decoder: the encoder's output to a feature map.
        neck: layers between the decoder and the classifier; an identity for most architectures.
        classifier: 1x1 convolution, D features to K classes.
        multiple: both sides of the encoder's input must divide by this many pixels.
        pixel_mean: per channel, of images in [0, 1].
        pixel_std: per channel, of images in [0, 1].
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        neck: nn.Module,
        classifier: nn.Conv2d,
        *,
        multiple: int,
        pixel_mean: Sequence[float],
        pixel_std: Sequence[float],
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.neck = neck
        self.classifier = classifier
        self.multiple = multiple
        self.register_buffer("pixel_mean", torch.tensor(pixel_mean).view(1, -1, 1, 1))
        self.register_buffer("pixel_std", torch.tensor(pixel_std).view(1, -1, 1, 1))

    @property
    def channels(self) -> int:
        """C, the channels of the images."""
        return self.pixel_mean.shape[1]

    @property
    def num_classes(self) -> int:
        """K, the number of classes."""
        return self.classifier.out_channels

    @property
    def num_features(self) -> int:
        """D, the channels of the feature map that the classifier reads."""
        return self.classifier.in_channels

    @property
    def classifier_weight(self) -> Tensor:
        """The classifier's weight as a matrix [K,D]."""
        return self.classifier.weight.flatten(1)

    def normalize_like(self, other: Segmenter) -> None:
        """Take over how another network for as many channels normalizes images."""
        self.pixel_mean.copy_(other.pixel_mean)
        self.pixel_std.copy_(other.pixel_std)

    def forward(self, images: Tensor, change: ChangeFeatures | None = None) -> SegmenterOutput:
        """Return logits [B,K,h,w] and features [B,D,h,w] of the padded image's grid.

        Args:
            images: [B,C,H,W] float in [0, 1].
            change: what happens to the encoder's maps before they are decoded; None: nothing.
        """
        normalized = (images - self.pixel_mean) / self.pixel_std
        padded = pad_to_multiple(normalized, self.multiple, 0.0)  # 0: the mean color
        encoded = self.encoder(padded)
        if change is not None:
            encoded = change_encoded(encoded, change)
        features = self.neck(self.decoder(encoded))
        return SegmenterOutput(self.classifier(features), features)

    def segment(self, images: Tensor) -> Tensor:
        """Return logits [B,K,H,W] float32 at the images' own size; images as in `forward`."""
        height, width = images.shape[-2:]
        padded_size = (round_up(height, self.multiple), round_up(width, self.multiple))
        # Not `self(images)`: whole images differ in size, and a compiled network would be compiled for each.
        logits = self.forward(images).logits.float()
        full = F.interpolate(logits, padded_size, mode="bilinear", align_corners=False)
        return full[..., :height, :width]


def parameter_groups(
    segmenter: Segmenter, *, encoder_rate: float, decoder_rate: float
) -> list[dict[str, list[Tensor] | float]]:
    """Return optimizer groups: the pretrained encoder and everything after it."""
    encoder = {id(parameter) for parameter in segmenter.encoder.parameters()}
    rest = [p for p in segmenter.parameters() if id(p) not in encoder]
    return [
        {"params": list(segmenter.encoder.parameters()), "lr": encoder_rate, "peak_lr": encoder_rate},
        {"params": list(rest), "lr": decoder_rate, "peak_lr": decoder_rate},
    ]
