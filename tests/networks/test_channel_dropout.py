from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from mutualseg.networks.channel_dropout import ComplementaryDropout, change_encoded, drop_channels
from mutualseg.networks.looking import look

if TYPE_CHECKING:
    from tests.conftest import BuildTiny


def test_whole_channels_of_some_images_are_dropped() -> None:
    maps = torch.rand(4, 200, 2, 2) + 1
    result = drop_channels(maps, 1, 3)
    assert torch.equal(result[0], maps[0])
    assert torch.equal(result[3], maps[3])
    factor = result[1:3] / maps[1:3]
    assert torch.equal(factor, factor[..., :1, :1].expand_as(factor))
    assert set(factor.unique().tolist()) == {0.0, 2.0}
    assert 0.35 < (factor == 0).float().mean() < 0.65
    assert torch.equal(drop_channels(maps, 1, 3, share=0.0), maps)


def test_complementary_halves() -> None:
    """What one view loses the other keeps, doubled; half of the images stay whole, in every map the same."""
    count = 64
    drop = ComplementaryDropout(1, count)
    maps = [torch.ones(1 + 2 * count, width, 2, 2) for width in (10, 30, 10)]
    results = [drop(own) for own in maps]
    whole = []
    for result in results:
        assert (result[0] == 1).all()
        one, two = result[1 : 1 + count], result[1 + count :]
        assert torch.equal(one + two, torch.full_like(one, 2.0))
        assert set(one.unique().tolist()) == {0.0, 1.0, 2.0}
        stays = (one == 1).flatten(1)
        assert torch.equal(stays.all(1), stays.any(1))
        whole.append(stays.all(1))
    assert int(whole[0].sum()) == count // 2
    assert torch.equal(whole[0], whole[1])
    assert torch.equal(results[0], results[2])  # maps of equal width lose the same channels
    assert torch.equal(ComplementaryDropout(1, count, share=0.0)(maps[0]), maps[0])


def test_tokens_and_whatever_else_an_encoder_returns_keep_their_structure() -> None:
    encoded = ([torch.ones(3, 8, 3, 3)], (torch.ones(3, 1, 8), None))
    for change in (lambda part: drop_channels(part, 1, 2), ComplementaryDropout(1, 1, share=1.0)):
        maps, (tokens, nothing) = change_encoded(encoded, change)
        assert isinstance(maps, list)
        assert maps[0].shape == (3, 8, 3, 3)
        assert (maps[0] != 1).any()
        assert torch.equal(tokens, torch.ones(3, 1, 8))
        assert nothing is None


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
