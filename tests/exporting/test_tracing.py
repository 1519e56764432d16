"""Programs of networks, of layers above all that compute another way for another size."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

from mutualseg.errors import ExportError
from mutualseg.exporting.images import made_images
from mutualseg.exporting.parity import compare, require_parity
from mutualseg.exporting.same_padding import WholeNumberSame, with_whole_number_padding
from mutualseg.exporting.sessions import Array, Said, open_onnx, open_pt2
from mutualseg.exporting.tracing import traced
from mutualseg.exporting.writing import onnx_model, save_onnx, save_pt2
from mutualseg.networks.build import NetworkConfig, build_segmenter
from mutualseg.networks.depthwise import speed_up_depthwise
from mutualseg.networks.deterministic_pooling import make_pooling_deterministic
from mutualseg.networks.segmenter import Segmenter


class Pooled(nn.Module):
    """Adds what is pooled to a grid of cells, as pyramid pooling does."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(cells)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        pooled = nn.functional.interpolate(self.pool(images), images.shape[-2:], mode="bilinear")
        return images + pooled


def segmenter(*layers: nn.Module, channels: int = 3) -> Segmenter:
    network = Segmenter(
        nn.Sequential(nn.Conv2d(channels, 6, 3, stride=4, padding=1), nn.Tanh(), *layers),
        nn.Identity(),
        nn.Identity(),
        nn.Conv2d(6, 4, 1),
        multiple=4,
        pixel_mean=[0.4] * channels,
        pixel_std=[0.2] * channels,
    )
    speed_up_depthwise(network)
    make_pooling_deterministic(network)
    nn.init.normal_(network.classifier.weight)
    return network.eval()


def require_equal_at_all_sizes(network: Segmenter, channels: int = 3) -> None:
    program = traced(network, with_classes=True).module()

    def run(images: Array) -> Said:
        with torch.no_grad():
            logits, classes = program(torch.from_numpy(images))
        return Said(logits.numpy(), classes.numpy())

    require_parity(compare(network, run, made_images(channels), "made images"), "pt2")


@pytest.mark.slow
def test_layers_that_look_at_their_size(tmp_path: Path) -> None:
    wide = nn.Conv2d(6, 6, 5, padding=2, groups=6)
    dilated = nn.Conv2d(6, 6, 3, padding=12, dilation=12, groups=6)
    padded_like_tensorflow = Conv2dSame(6, 6, 3, stride=2, groups=6)
    pooling = (Pooled(1), Pooled(6))
    network = segmenter(wide, dilated, padded_like_tensorflow, *pooling)
    save_onnx(onnx_model(traced(network, with_classes=True), 18), tmp_path / "network.onnx", {})
    save_pt2(traced(network, with_classes=False), tmp_path / "network.pt2", {})
    for run in (open_onnx(tmp_path / "network.onnx"), open_pt2(tmp_path / "network.pt2")):
        require_parity(compare(network, run, made_images(3), "made images"), "exported")


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation"), [(3, 2, 1), (5, 1, 2), (1, 2, 1), (2, 3, 1), (4, 2, 1)]
)
@pytest.mark.parametrize("size", [(1, 1), (7, 12), (8, 5)])
def test_padding_in_whole_numbers(kernel: int, stride: int, dilation: int, size: tuple[int, int]) -> None:
    plain = Conv2dSame(6, 6, kernel, stride=stride, dilation=dilation, groups=2)
    encoder = with_whole_number_padding(segmenter(plain)).encoder
    (copied,) = [module for module in encoder.modules() if isinstance(module, Conv2dSame)]
    assert type(copied) is WholeNumberSame
    images = torch.rand(2, 6, *size)
    torch.testing.assert_close(copied(images), plain(images), rtol=0, atol=0)


def test_images_of_five_bands() -> None:
    require_equal_at_all_sizes(segmenter(channels=5), channels=5)


def test_nothing_of_this_machine_is_in_a_program() -> None:
    program = traced(segmenter(), with_classes=False)
    assert not [node for node in program.graph.nodes if "stack_trace" in node.meta]


def test_a_network_that_looks_at_values_is_refused() -> None:
    class Looking(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images if images.sum() > 0 else -images

    with pytest.raises(ExportError, match="PyTorch cannot export this network"):
        traced(segmenter(Looking()), with_classes=False)


@pytest.mark.slow
def test_a_network_of_the_library() -> None:
    require_equal_at_all_sizes(build_segmenter(NetworkConfig("upernet", "resnet10t", 4)).eval())
