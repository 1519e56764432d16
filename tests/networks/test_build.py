from __future__ import annotations

import pytest
import timm
import torch
from torch.nn import functional as F

from mutualseg.errors import NetworkError
from mutualseg.networks.build import (
    DEFAULT_ENCODERS,
    TESTED_PAIRS,
    NetworkConfig,
    build_segmenter,
    resolve_encoder,
)

LIGHT = {"tf_efficientnet_lite0", "mobilenetv3_large_100", "pvt_v2_b0"}
PAIRS = [
    pytest.param(network, encoder, marks=() if encoder in LIGHT else pytest.mark.slow)
    for network, encoders in TESTED_PAIRS.items()
    for encoder in encoders
]


@pytest.mark.parametrize(("network", "encoder"), PAIRS)
def test_every_pair_runs_on_an_odd_size(network: str, encoder: str) -> None:
    segmenter = build_segmenter(NetworkConfig(network, encoder, 4))
    assert segmenter.training
    segmenter.eval()
    images = torch.rand(1, 3, 75, 101)
    with torch.no_grad():
        segmented = segmenter.segment(images)
        output = segmenter(images)
    assert segmented.shape == (1, 4, 75, 101)
    assert segmented.isfinite().all()
    logits, features = output
    # The contract of the semantic augmentation: logits are a matrix times features, plus a bias.
    weight = segmenter.classifier_weight
    assert weight.shape == (4, features.shape[1]) == (segmenter.num_classes, segmenter.num_features)
    expected = F.conv2d(features, weight[:, :, None, None], segmenter.classifier.bias)
    torch.testing.assert_close(logits, expected)
    assert (segmented.amax((2, 3)) > segmented.amin((2, 3))).all()  # it depends on the place
    assert segmenter.multiple % (16 if "patch14" not in encoder else 14) == 0
    pretraining = timm.get_pretrained_cfg(encoder)
    assert pretraining is not None
    assert torch.equal(segmenter.pixel_mean.flatten(), torch.tensor(pretraining.mean))
    assert torch.equal(segmenter.pixel_std.flatten(), torch.tensor(pretraining.std))


def test_seed_decides_the_start_and_nothing_else_does() -> None:
    config = NetworkConfig("deeplabv3plus", "tf_efficientnet_lite0", 3)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = build_segmenter(config, seed=1).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    again, other = (build_segmenter(config, seed=seed).state_dict() for seed in (1, 2))
    assert all(torch.equal(first[key], again[key]) for key in first)
    drawn = [key for key, value in first.items() if value.dim() == 4 and value.shape[-1] * value.shape[1] > 1]
    drawn.remove("pixel_mean")
    drawn.remove("pixel_std")
    assert sum(key.startswith("decoder.") for key in drawn) >= 10
    assert "classifier.weight" in drawn
    assert not any(torch.equal(first[key], other[key]) for key in drawn)


def test_building_leaves_no_gradient_and_no_trace_of_its_probe() -> None:
    segmenter = build_segmenter(NetworkConfig("segformer", "tf_efficientnet_lite0", 3))
    counters = [v for k, v in segmenter.state_dict().items() if k.endswith("num_batches_tracked")]
    assert counters
    assert not any(int(counter) for counter in counters)
    assert all(p.grad is None and p.requires_grad for p in segmenter.parameters())


def test_auto_encoder_fits_its_network() -> None:
    for network, encoders in TESTED_PAIRS.items():
        assert resolve_encoder(network, "auto") == DEFAULT_ENCODERS.get(network, "tf_efficientnet_lite0")
        assert resolve_encoder(network, "auto") in encoders
        assert resolve_encoder(network, "resnet50") == "resnet50"


@pytest.mark.parametrize(
    ("network", "encoder"),
    [
        ("dpt", "resnet50"),
        ("deeplabv3plus", "vit_small_patch16_224"),
        ("deeplabv3plus", "swin_tiny_patch4_window7_224"),
    ],
)
def test_a_misfit_names_what_fits(network: str, encoder: str) -> None:
    with pytest.raises(NetworkError, match="does not fit the network") as caught:
        build_segmenter(NetworkConfig(network, encoder, 3))
    message = str(caught.value)
    assert encoder in message
    assert network in message
    assert all(name in message for name in TESTED_PAIRS[network])
    assert "\n" not in message


def test_unknown_names_offer_near_ones() -> None:
    with pytest.raises(NetworkError, match="did you mean 'deeplabv3plus'"):
        build_segmenter(NetworkConfig("deeplabv3", "resnet50", 3))
    with pytest.raises(NetworkError, match="did you mean 'segformer'"):
        resolve_encoder("segfromer", "auto")
    with pytest.raises(NetworkError, match=r"no encoder 'resnet_50'.*resnet50"):
        build_segmenter(NetworkConfig("fpn", "resnet_50", 3))
    with pytest.raises(NetworkError, match=r"\(.* tag.*\); encoders that fit it: .*resnet101"):
        build_segmenter(NetworkConfig("fpn", "resnet50.no_such_tag", 3))


def test_config_as_plain_values_makes_the_same_network() -> None:
    config = NetworkConfig("fpn", "resnet50", 3)
    plain = {"network": "fpn", "encoder": "resnet50", "num_classes": 3}
    assert config.to_dict() == {**plain, "channels": 3, "mean": [], "std": []}
    assert NetworkConfig.from_dict(plain) == NetworkConfig.from_dict(config.to_dict()) == config
    deep = NetworkConfig("fpn", "resnet50", 3, 2, (0.1, 0.2), (0.3, 0.4))
    assert NetworkConfig.from_dict(deep.to_dict()) == deep
    assert deep.same_weights(NetworkConfig("fpn", "resnet50", 3, 2))
    assert not deep.same_weights(config)
    assert NetworkConfig("fpn", "resnet50", 3) == config


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize(
    ("network", "encoder"),
    [
        ("deeplabv3plus", "tf_efficientnet_lite0"),
        ("fpn", "mobilenetv3_large_100"),
        ("upernet", "convnext_tiny"),
        ("segformer", "pvt_v2_b0"),
        ("fpn", "hrnet_w18"),
        ("deeplabv3plus", "resnet50"),
        ("dpt", "vit_small_patch16_224.augreg_in21k"),
        ("dpt", "vit_small_patch14_dinov2.lvd142m"),
    ],
)
def test_every_kind_of_encoder_takes_other_channels(network: str, encoder: str, channels: int) -> None:
    config = NetworkConfig(network, encoder, 4, channels, (0.1,) * channels, (0.2,) * channels)
    segmenter = build_segmenter(config).eval()
    with torch.no_grad():
        logits = segmenter.segment(torch.rand(2, channels, 61, 70))
    assert logits.shape == (2, 4, 61, 70)
    assert segmenter.pixel_mean.flatten().tolist() == pytest.approx([0.1] * channels)
    assert segmenter.pixel_std.flatten().tolist() == pytest.approx([0.2] * channels)
