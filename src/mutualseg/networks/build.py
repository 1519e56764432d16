"""From names to a Segmenter: smp architectures with a 1x1 classifier on the timm encoders that fit."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import segmentation_models_pytorch as smp
import timm
import torch
from segmentation_models_pytorch.decoders.dpt.decoder import DPTDecoder
from torch import nn

from mutualseg.errors import NetworkError
from mutualseg.nearest import unknown_name
from mutualseg.networks.depthwise import speed_up_depthwise
from mutualseg.networks.deterministic_pooling import make_pooling_deterministic
from mutualseg.networks.dpt import GridDPTDecoder
from mutualseg.networks.segmenter import Segmenter
from mutualseg.networks.upsampling import speed_up_upsampling
from mutualseg.networks.weights import load_pretrained
from mutualseg.seeding import address
from mutualseg.types import IGNORE_INDEX

DEFAULT_ENCODERS = {"dpt": "vit_small_patch14_dinov2.lvd142m"}
"""What `--encoder auto` means; `tf_efficientnet_lite0` for every architecture not named here."""

CONVOLUTIONAL = ("tf_efficientnet_lite0", "resnet50", "resnet101", "mobilenetv3_large_100", "convnext_tiny")
PYRAMIDS = (*CONVOLUTIONAL, "pvt_v2_b0", "hrnet_w18")
TESTED_PAIRS = {
    "deeplabv3plus": CONVOLUTIONAL,
    "fpn": PYRAMIDS,
    "upernet": PYRAMIDS,
    "segformer": PYRAMIDS,
    "dpt": (
        "vit_small_patch14_dinov2.lvd142m",
        "vit_base_patch14_dinov2.lvd142m",
        "vit_small_patch16_224.augreg_in21k",
    ),
}
"""Architecture to encoders that a test builds and runs; other timm encoders are tried as asked."""


_MOST_CHANNELS = 10_000
"""Hyperspectral images have hundreds."""


@dataclass(frozen=True)
class NetworkConfig:
    """All that is needed to rebuild a network before its weights are loaded."""

    network: str
    encoder: str
    num_classes: int
    channels: int = 3
    """Of the images."""
    mean: tuple[float, ...] = ()
    """Of each channel of the images, in [0, 1]; none: as the encoder's weights want it."""
    std: tuple[float, ...] = ()
    """Like `mean`."""

    def to_dict(self) -> dict[str, str | int | list[float]]:
        """Return plain values for a file."""
        plain = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NetworkConfig:
        """Return what `to_dict` returned, now or when all images were RGB.

        Raises:
            KeyError, TypeError, ValueError: a value is missing or of another type.
        """
        mean, std = (tuple(float(value) for value in values.get(name, ())) for name in ("mean", "std"))
        return cls(
            str(values["network"]),
            str(values["encoder"]),
            int(values["num_classes"]),
            int(values.get("channels", 3)),
            mean,
            std,
        )

    def __post_init__(self) -> None:
        """Raise ValueError for sizes that no run can have: building such a network could fill the memory."""
        if not 1 <= self.num_classes <= IGNORE_INDEX or not 1 <= self.channels <= _MOST_CHANNELS:
            raise ValueError(f"{self.num_classes} classes and {self.channels} channels are out of range")
        if {len(self.mean), len(self.std)} - {0, self.channels} or len(self.mean) != len(self.std):
            raise ValueError("mean and std must have a number for each channel")

    def same_weights(self, other: NetworkConfig) -> bool:
        """Whether the weights of one fit into the other; what images are normalized by may differ."""
        return replace(self, mean=(), std=()) == replace(other, mean=(), std=())


def resolve_encoder(network: str, encoder: str) -> str:
    """Return the encoder's name, with `auto` replaced; raise NetworkError for an unknown network."""
    if network not in TESTED_PAIRS:
        refusal = unknown_name(f"network '{network}'", network, TESTED_PAIRS)
        raise NetworkError(f"{refusal} The networks are {', '.join(TESTED_PAIRS)}.")
    return DEFAULT_ENCODERS.get(network, "tf_efficientnet_lite0") if encoder == "auto" else encoder


def require_known_encoder(encoder: str) -> None:
    """Raise NetworkError, with the nearest names, for an encoder that timm lacks."""
    # timm raises for "name.tag" it does not know, but only once weights are asked for.
    architecture_name = encoder.split(".", 1)[0]
    if architecture_name not in timm.list_models():
        nearest = difflib.get_close_matches(architecture_name, timm.list_models(), 3, 0.0)
        raise NetworkError(f"timm has no encoder '{encoder}'; near names are {', '.join(nearest)}.")


def refuse_larger_encoder(config: NetworkConfig, elements: int) -> None:
    """Raise ValueError if an encoder has more numbers than a file gives it, before it takes any memory.

    Args:
        config: of the network that the file names.
        elements: how many numbers the file holds for its encoder.
    """
    if config.encoder in PYRAMIDS or config.encoder in TESTED_PAIRS["dpt"]:
        return  # of these each is small
    if config.encoder.split(".", 1)[0] not in timm.list_models():
        return  # refused with its nearest names when it is built
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            bare = timm.create_model(config.encoder, pretrained=False, num_classes=0)
        except Exception as error:
            raise ValueError(f"timm cannot make the encoder ({_first_line(error)})") from error
    own = sum(parameter.numel() for parameter in bare.parameters())
    if own > max(_SMALL, 1.5 * elements):  # an encoder leaves out a whole model's last layers
        raise ValueError(f"the encoder has {own} numbers, and the file {elements}")


_SMALL = 50_000_000
"""Numbers of an encoder that any machine has room for."""


def build_segmenter(config: NetworkConfig, *, weights: str = "none", seed: int = 0) -> Segmenter:
    """Build a network.

    Args:
        config: names, class count and channels; the encoder is a timm name, not `auto`.
        weights: `imagenet`, `none`, or the path of a file of encoder weights.
        seed: of the random initialization; two seeds give two decoders.

    Raises:
        NetworkError: the architecture and the encoder do not fit, or one is unknown.
        WeightsError: the weights cannot be had or do not fit.
    """
    resolve_encoder(config.network, config.encoder)
    require_known_encoder(config.encoder)
    # The initialization must not depend on what was drawn before, nor disturb what is drawn after.
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # smp and timm warn of their own deprecations
        torch.manual_seed(address(seed, "network"))
        try:
            segmenter = _ASSEMBLERS[config.network](config)
            _probe(segmenter)
        except Exception as error:
            raise NetworkError(
                f"The encoder '{config.encoder}' does not fit the network '{config.network}' "
                f"({_first_line(error)}); encoders that fit it: {', '.join(TESTED_PAIRS[config.network])}."
            ) from error
    load_pretrained(segmenter.encoder, config.encoder, weights)
    speed_up_depthwise(segmenter)
    speed_up_upsampling(segmenter)
    make_pooling_deterministic(segmenter)
    return segmenter


def _probe(segmenter: Segmenter) -> None:
    """Run one small image, since several misfits show only in a forward pass."""
    was_training = segmenter.training
    segmenter.eval()
    with torch.no_grad():
        side = segmenter.multiple * 3
        logits = segmenter(torch.zeros(1, segmenter.channels, side, side)).logits
    segmenter.train(was_training)
    if logits.shape[-1] < side // 8:
        raise ValueError(f"its output is {logits.shape[-1]} pixels wide for an input of {side}")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")


def _normalization(config: NetworkConfig) -> dict[str, tuple[float, ...]]:
    pretrained = timm.get_pretrained_cfg(config.encoder, allow_unregistered=True)
    if pretrained is None:  # a known architecture under an unknown tag
        raise ValueError("timm knows no weights of that tag")
    if config.mean:
        return {"pixel_mean": config.mean, "pixel_std": config.std}
    if config.channels == 3:
        return {"pixel_mean": pretrained.mean, "pixel_std": pretrained.std}
    return {"pixel_mean": (0.5,) * config.channels, "pixel_std": (0.25,) * config.channels}


def _assemble_pyramid(config: NetworkConfig, architecture: Callable[..., Any]) -> Segmenter:
    """Assemble an smp model on a convolutional (or other pyramid) encoder; its head starts 1x1."""
    model = architecture(
        encoder_name=f"tu-{config.encoder}",
        encoder_weights=None,
        in_channels=config.channels,
        classes=config.num_classes,
    )
    classifier = model.segmentation_head[0]
    return Segmenter(
        model.encoder,
        model.decoder,
        nn.Identity(),
        _require_pointwise(classifier),
        multiple=int(model.encoder.output_stride),
        **_normalization(config),
    )


def _assemble_dpt(config: NetworkConfig) -> Segmenter:
    """Assemble DPT on a plain vision transformer with any patch size."""
    model = smp.DPT(
        encoder_name=f"tu-{config.encoder}",
        encoder_weights=None,
        in_channels=config.channels,
        classes=config.num_classes,
        dynamic_img_size=True,
    )
    patch = int(model.encoder.output_strides[0])
    blocks = DPTDecoder(
        encoder_out_channels=model.encoder.out_channels,
        encoder_output_strides=[16] * 4,  # reassemble relative to the grid, whatever the patch
        encoder_has_prefix_tokens=model.encoder.has_prefix_tokens,
    )
    head = model.segmentation_head.head
    return Segmenter(
        model.encoder,
        GridDPTDecoder(blocks),
        head[:4],
        _require_pointwise(head[4]),
        multiple=patch,
        **_normalization(config),
    )


def _require_pointwise(classifier: nn.Module) -> nn.Conv2d:
    if not isinstance(classifier, nn.Conv2d) or classifier.kernel_size != (1, 1):
        raise TypeError("its classifier is not a 1x1 convolution")
    return classifier


_ASSEMBLERS: dict[str, Callable[[NetworkConfig], Segmenter]] = {
    "deeplabv3plus": lambda config: _assemble_pyramid(config, smp.DeepLabV3Plus),
    "fpn": lambda config: _assemble_pyramid(config, smp.FPN),
    "upernet": lambda config: _assemble_pyramid(config, smp.UPerNet),
    "segformer": lambda config: _assemble_pyramid(config, smp.Segformer),
    "dpt": _assemble_dpt,
}
