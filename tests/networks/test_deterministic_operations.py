from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from mutualseg.losses.supervised import SupervisedLoss
from mutualseg.methods import METHODS, method_class
from mutualseg.methods.base import Progress
from mutualseg.networks import deterministic_pooling
from mutualseg.networks.build import NetworkConfig, build_segmenter
from mutualseg.networks.deterministic_pooling import average_by_products
from mutualseg.types import Batch, LabeledBatch, UnlabeledBatch
from tests.conftest import BuildTiny

# torch.use_deterministic_algorithms: what has no deterministic way on CUDA (2.9 to 2.14). The gradient of
# bilinear upsampling is not among them: torch.nn.functional.interpolate then takes another way by itself.
REFUSED_ON_CUDA = {
    *("avg_pool3d_backward", "_adaptive_avg_pool2d_backward", "_adaptive_avg_pool3d_backward"),
    *("adaptive_max_pool2d_backward", "fractional_max_pool2d_backward", "max_unpool2d", "max_unpool3d"),
    *("upsample_linear1d_backward", "upsample_bicubic2d_backward", "upsample_trilinear3d_backward"),
    *("_upsample_bilinear2d_aa_backward", "_upsample_bicubic2d_aa_backward", "reflection_pad1d_backward"),
    *("reflection_pad2d_backward", "nll_loss2d_forward", "nll_loss2d_backward", "_ctc_loss", "put_", "put"),
    *("histc", "kthvalue", "median", "nanmedian", "grid_sampler_2d_backward", "grid_sampler_3d_backward"),
    *("_embedding_bag_backward", "scatter_reduce"),
}


class Operations(TorchDispatchMode):
    """Notes which operations are computed, backward passes included."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: set[str] = set()

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Any = (), options: dict[str, Any] | None = None
    ) -> Any:
        self.seen.add(function.overloadpacket.__name__)
        return function(*arguments, **(options or {}))


def operations_of(work: Callable[[], torch.Tensor]) -> set[str]:
    noted = Operations()
    with noted:
        work().sum().backward()
    return noted.seen


@pytest.mark.parametrize("cells", [(1, 1), (2, 2), (3, 3), (6, 6), (2, 5)])
@pytest.mark.parametrize("side", [(6, 6), (7, 13), (3, 4)])
def test_products_are_the_pooling(cells: tuple[int, int], side: tuple[int, int]) -> None:
    images = torch.rand(2, 3, *side, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(2, 3, *cells, dtype=torch.float64)
    expected = F.adaptive_avg_pool2d(images, cells)
    (wanted,) = torch.autograd.grad((expected * weights).sum(), images)
    pooled = average_by_products(images, cells)
    (gradient,) = torch.autograd.grad((pooled * weights).sum(), images)
    torch.testing.assert_close(pooled, expected)
    torch.testing.assert_close(gradient, wanted)


def test_half_precision_is_as_exact_as_its_type() -> None:
    images = torch.rand(1, 4, 24, 24).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        pooled = average_by_products(images, (3, 3))
    assert pooled.dtype == torch.bfloat16
    assert torch.equal(pooled, F.adaptive_avg_pool2d(images, (3, 3)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "encoder"),
    [
        ("fpn", "mobilenetv3_small_050"),
        ("upernet", "mobilenetv3_small_050"),
        ("deeplabv3plus", "tf_efficientnet_lite0"),
        ("segformer", "pvt_v2_b0"),
    ],
)
def test_networks_compute_nothing_that_cuda_refuses(
    network: str, encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build_segmenter(NetworkConfig(network, encoder, 3))
    images = torch.rand(2, 3, 64, 64)
    before = built.eval()(images).logits
    monkeypatch.setattr(deterministic_pooling, "would_be_refused", lambda images: True)
    torch.testing.assert_close(built(images).logits, before)
    seen = operations_of(lambda: built.train()(images).logits)
    assert "convolution_backward" in seen
    assert seen & REFUSED_ON_CUDA == set()


def test_what_is_refused_would_be_seen() -> None:
    assert [name for name in REFUSED_ON_CUDA if not hasattr(torch.ops.aten, name)] == []
    pooling = torch.nn.AdaptiveAvgPool2d(2)
    seen = operations_of(lambda: pooling(torch.rand(1, 2, 5, 5, requires_grad=True)))
    assert seen & REFUSED_ON_CUDA == {"_adaptive_avg_pool2d_backward"}


def _batch() -> Batch:
    images, masks = torch.rand(2, 3, 16, 16), torch.randint(0, 3, (2, 16, 16))
    valid = torch.ones(2, 16, 16, dtype=torch.bool)
    keep = torch.rand(2, 1, 16, 16) > 0.5
    second = torch.rand(2, 3, 16, 16)
    unlabeled = UnlabeledBatch(images, torch.rand(2, 3, 16, 16), valid, keep, second, ~keep)
    return Batch(LabeledBatch(images, masks, valid), unlabeled)


@pytest.mark.parametrize("name", METHODS)
def test_methods_compute_nothing_that_cuda_refuses(name: str, tiny_segmenter: BuildTiny) -> None:
    method = method_class(name)(tiny_segmenter)
    progress = Progress(50, 100)

    def step() -> torch.Tensor:
        return torch.stack(list(method.step(_batch(), progress).losses.values()))

    assert operations_of(step) & REFUSED_ON_CUDA == set()


@pytest.mark.parametrize("loss", ["cross_entropy", "ohem", "focal", "dice", "cross_entropy_dice"])
def test_losses_compute_nothing_that_cuda_refuses(loss: Any) -> None:
    logits = torch.rand(2, 3, 4, 4, requires_grad=True)
    masks = torch.randint(0, 3, (2, 16, 16))
    assert operations_of(lambda: SupervisedLoss(loss=loss)(logits, masks)) & REFUSED_ON_CUDA == set()
