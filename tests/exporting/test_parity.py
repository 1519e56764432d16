from __future__ import annotations

import numpy as np
import pytest
import torch

from mutualseg.errors import ExportError
from mutualseg.exporting.images import evenly, made_images
from mutualseg.exporting.parity import Case, Parity, compare, require_parity
from mutualseg.exporting.sessions import Array, Said
from mutualseg.networks.segmenter import Segmenter
from tests.conftest import BuildTiny


class Stand:
    """A file that says what the network says, but for `change`."""

    def __init__(self, network: Segmenter) -> None:
        self.network = network
        self.shapes: list[tuple[int, ...]] = []

    def change(self, logits: Array) -> Array:
        return logits

    def __call__(self, images: Array) -> Said:
        self.shapes.append(images.shape)
        with torch.no_grad():
            logits = self.change(self.network.segment(torch.from_numpy(images)).numpy())
        return Said(logits, logits.argmax(1).astype(np.uint8))


@pytest.fixture
def network(tiny_segmenter: BuildTiny) -> Segmenter:
    return tiny_segmenter().eval()


def test_several_sizes_and_numbers_of_images_are_compared(network: Segmenter) -> None:
    stand = Stand(network)
    images = made_images(3)
    parity = compare(network, stand, images, "made images")
    require_parity(parity, "onnx")
    assert parity.agreement == 100
    assert parity.max_difference == 0
    assert [case.shape for case in parity.cases] == stand.shapes
    assert stand.shapes[: len(images)] == [(1, *image.shape) for image in images]
    assert {shape[0] for shape in stand.shapes} >= {1, 2, 3, 5}
    assert (1, 3, 97, 131) in stand.shapes
    assert any(
        height % network.multiple == width % network.multiple == 0 for _, _, height, width in stand.shapes
    )
    assert any(height == 1 for _, _, height, _ in stand.shapes)


def test_a_large_image_is_compared_by_its_middle(network: Segmenter) -> None:
    stand = Stand(network)
    compare(network, stand, [torch.rand(3, 1500, 40)], "made images")
    assert stand.shapes[0] == (1, 3, 1024, 40)


def test_logits_that_differ_at_one_size_alone_are_refused(network: Segmenter) -> None:
    class Other(Stand):
        def change(self, logits: Array) -> Array:
            return logits + 0.5 if logits.shape[0] == 5 else logits  # all classes: the arg max stays

    parity = compare(network, Other(network), made_images(3), "made images")
    assert parity.agreement == 100
    with pytest.raises(ExportError, match=r"logits by up to 0\.5.*most on images of 5x3x1x5"):
        require_parity(parity, "onnx")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers_are_refused(network: Segmenter, value: float) -> None:
    class Broken(Stand):
        def change(self, logits: Array) -> Array:
            changed = logits.copy()
            changed[0, 0, 0, 0] = value
            return changed

    with pytest.raises(ExportError):
        require_parity(compare(network, Broken(network), made_images(3), "made images"), "onnx")


def test_logits_of_another_size_are_refused(network: Segmenter) -> None:
    class Padded(Stand):
        def change(self, logits: Array) -> Array:
            return np.pad(logits, ((0, 0), (0, 0), (0, 0), (0, 1)))

    with pytest.raises(ExportError, match="returns logits of shape"):
        compare(network, Padded(network), made_images(3), "made images")


def test_a_file_that_fails_at_a_size_is_refused(network: Segmenter) -> None:
    class Failing(Stand):
        def change(self, logits: Array) -> Array:
            if logits.shape[0] == 5:
                raise RuntimeError("no kernel for this size")
            return logits

    with pytest.raises(ExportError, match=r"fails on images of 5x3x1x5 \(no kernel for this size\)"):
        compare(network, Failing(network), made_images(3), "made images")


@pytest.mark.parametrize(("agreeing", "passes"), [(99_900, True), (99_899, False)])
def test_a_thousandth_of_pixels_may_differ(agreeing: int, passes: bool) -> None:
    parity = Parity((Case((1, 3, 100, 1000), 1e-6, 5.0, agreeing, 100_000),), 1, "made images")
    if passes:
        require_parity(parity, "onnx")
    else:
        with pytest.raises(ExportError, match="both name the same class on"):
            require_parity(parity, "onnx")


def test_places_are_spread() -> None:
    assert evenly(101, 8) == [0, 12, 25, 37, 50, 63, 75, 88]
    assert evenly(3, 8) == [0, 1, 2]
    assert evenly(0, 8) == []
