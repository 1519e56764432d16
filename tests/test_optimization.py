from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from mutualseg.errors import ConfigError
from mutualseg.optimization import Optimization, default_rates

if TYPE_CHECKING:
    from tests.conftest import BuildTiny


def test_groups_are_encoder_and_rest_of_each_network(tiny_segmenter: BuildTiny) -> None:
    networks = [tiny_segmenter("student_a"), tiny_segmenter("student_b")]
    optimizer = Optimization(encoder_rate=1e-4, decoder_rate=3e-3, weight_decay=0.02).build(networks)
    assert isinstance(optimizer, torch.optim.AdamW)
    groups = optimizer.param_groups
    assert [group["lr"] for group in groups] == [1e-4, 3e-3] * 2
    assert [group["peak_lr"] for group in groups] == [1e-4, 3e-3] * 2
    assert {group["weight_decay"] for group in groups} == {0.02}
    held = [id(parameter) for group in groups for parameter in group["params"]]
    assert held[: len(list(networks[0].encoder.parameters()))] == [
        id(parameter) for parameter in networks[0].encoder.parameters()
    ]
    assert sorted(held) == sorted(id(p) for network in networks for p in network.parameters())


def test_sgd_by_hand(tiny_segmenter: BuildTiny) -> None:
    """Velocity v = 0.5 v + (g + decay * w), then w = w - rate * v, twice with gradient 1."""
    network = tiny_segmenter()
    bias = network.classifier.bias
    assert bias is not None
    torch.nn.init.constant_(bias, 2.0)
    optimizer = Optimization(
        optimizer="sgd", encoder_rate=0.0, decoder_rate=0.1, weight_decay=0.25, momentum=0.5
    ).build([network])
    before = next(network.encoder.parameters()).detach().clone()
    for expected in (2 - 0.1 * 1.5, 1.85 - 0.1 * (0.75 + 1 + 0.25 * 1.85)):
        for parameter in network.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()
        assert bias.tolist() == pytest.approx([expected] * 3)
    assert torch.equal(next(network.encoder.parameters()), before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "adam"}, "no optimizer 'adam'; use adamw or sgd"),
        ({"encoder_rate": -1e-4}, "must not be negative"),
        ({"decoder_rate": -1e-4}, "must not be negative"),
        ({"encoder_rate": 0.0, "decoder_rate": 0.0}, "nor both zero"),
    ],
)
def test_bad_arguments_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Optimization(**options)


@pytest.mark.parametrize("name", ["weight_decay", "momentum", "poly_power", "warmup"])
def test_negative_values_are_refused_by_name(name: str) -> None:
    options: dict[str, Any] = {name: -1}
    with pytest.raises(ConfigError, match=name):
        Optimization(**options)


@pytest.mark.parametrize(
    ("network", "encoder", "rates"),
    [
        ("deeplabv3plus", "tf_efficientnet_lite0", (8e-4, 4e-3)),
        ("fpn", "tf_efficientnet_lite0.in1k", (8e-4, 4e-3)),
        ("deeplabv3plus", "resnet50", (2e-4, 1e-3)),
        ("dpt", "vit_small_patch14_dinov2.lvd142m", (5e-6, 2e-4)),
    ],
)
def test_rates_are_those_of_the_encoder(network: str, encoder: str, rates: tuple[float, float]) -> None:
    found = default_rates(network, encoder)
    assert (found["encoder_rate"], found["decoder_rate"]) == rates
    assert set(default_rates(network, encoder, "sgd").values()) == {2.5e-3}


def test_rates_of_none_are_the_measured_ones(tiny_segmenter: BuildTiny) -> None:
    groups = Optimization(decoder_rate=1e-3).build([tiny_segmenter()]).param_groups
    assert [group["lr"] for group in groups] == [8e-4, 1e-3]
