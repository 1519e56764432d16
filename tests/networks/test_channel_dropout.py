from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from mutualseg.networks.channel_dropout import append_dropped, change_encoded, drop_complementary
from mutualseg.networks.looking import look

if TYPE_CHECKING:
    from tests.conftest import BuildTiny


def test_appended_images_lose_whole_channels() -> None:
    maps = torch.rand(3, 200, 2, 2) + 1
    result = append_dropped(maps, 1, 3)
    assert torch.equal(result[:3], maps)
    assert result.shape == (5, 200, 2, 2)
    factor = result[3:] / maps[1:]
    assert torch.equal(factor, factor[..., :1, :1].expand_as(factor))
    assert set(factor.unique().tolist()) == {0.0, 2.0}
    assert 0.35 < (factor == 0).float().mean() < 0.65
    assert torch.equal(append_dropped(maps, 1, 3, share=0.0)[3:], maps[1:])


def test_complementary_halves() -> None:
    """First views and second views: what one loses the other keeps, doubled; some images stay whole."""
    maps = torch.ones(1 + 2 * 64, 10, 2, 2)
    result = drop_complementary(maps, 1)
    assert torch.equal(result[0], maps[0])
    one, two = result[1:65], result[65:]
    assert torch.equal(one + two, torch.full_like(one, 2.0))
    assert set(one.unique().tolist()) == {0.0, 1.0, 2.0}
    whole = (one == 1).flatten(1)
    assert torch.equal(whole.all(1), whole.any(1))
    assert 15 < int(whole.all(1).sum()) < 49
    assert torch.equal(drop_complementary(maps, 1, share_of_images=0.0), maps)


def test_tokens_and_whatever_else_an_encoder_returns_keep_their_structure() -> None:
    encoded = ([torch.ones(2, 8, 3, 3)], (torch.ones(2, 1, 8), None))
    maps, (tokens, nothing) = change_encoded(encoded, lambda part: append_dropped(part, 1, 2))
    assert isinstance(maps, list)
    assert maps[0].shape == (3, 8, 3, 3)
    assert torch.equal(tokens, torch.ones(3, 1, 8))
    assert nothing is None
    assert torch.equal(drop_complementary(tokens, 1), tokens)


def test_a_network_decodes_changed_features(tiny_segmenter: BuildTiny) -> None:
    network = tiny_segmenter(patchwise=True)
    images = torch.rand(2, 3, 16, 16)
    plain = network(images).logits
    longer = network(images, lambda maps: torch.cat([maps, 0 * maps[:1]])).logits
    torch.testing.assert_close(longer[:2], plain)
    empty = network.classifier(network.neck(network.decoder(torch.zeros(1, 8, 4, 4))))
    torch.testing.assert_close(longer[2:], empty)


def test_looking_leaves_a_network_as_it_is(tiny_segmenter: BuildTiny) -> None:
    network = tiny_segmenter().train()
    images = torch.rand(2, 3, 16, 16)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    output = look(network, images)
    assert network.training
    assert all(module.training for module in network.modules())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert not output.logits.requires_grad
    network.eval()
    torch.testing.assert_close(output.logits, network(images).logits)
    look(network, images)
    assert not network.training
