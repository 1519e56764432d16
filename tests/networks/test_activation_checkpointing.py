from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from mutualseg.errors import NetworkError
from mutualseg.networks.activation_checkpointing import checkpoint_activations
from mutualseg.networks.build import NetworkConfig, build_segmenter
from mutualseg.networks.segmenter import Segmenter

if TYPE_CHECKING:
    from tests.conftest import BuildTiny

PAIRS = [
    ("deeplabv3plus", "tf_efficientnet_lite0"),
    pytest.param("fpn", "resnet50", marks=pytest.mark.slow),
    pytest.param("upernet", "convnext_tiny", marks=pytest.mark.slow),
    pytest.param("segformer", "hrnet_w18", marks=pytest.mark.slow),
    pytest.param("dpt", "vit_small_patch16_224.augreg_in21k", marks=pytest.mark.slow),
]


def forward_and_backward(network: Segmenter, images: Tensor) -> tuple[Tensor, dict[str, Tensor], int]:
    """Return logits, gradients, and the bytes kept for the backward pass."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    torch.manual_seed(1)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = network(images).logits
    logits.square().mean().backward()
    gradients = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    return logits.detach(), gradients, sum(kept.values())


@pytest.mark.parametrize(("architecture", "encoder"), PAIRS)
def test_it_changes_memory_and_nothing_else(architecture: str, encoder: str) -> None:
    plain = build_segmenter(NetworkConfig(architecture, encoder, 3), seed=0).train()
    for module in plain.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.3  # what is drawn must be drawn alike
    saving = copy.deepcopy(plain)
    images = torch.rand(2, 3, 64, 64)
    assert checkpoint_activations(saving) > 1
    logits, gradients, kept = forward_and_backward(plain, images)
    same_logits, same_gradients, fewer = forward_and_backward(saving, images)
    assert torch.equal(same_logits, logits)
    assert same_gradients.keys() == gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(same_gradients[name], gradient, msg=name)
    for name, buffer in plain.named_buffers():
        assert torch.equal(saving.get_buffer(name), buffer), name
    assert fewer < 0.8 * kept


def test_an_encoder_without_blocks_is_refused(tiny_segmenter: BuildTiny) -> None:
    with pytest.raises(NetworkError, match="No repeated blocks"):
        checkpoint_activations(tiny_segmenter())
