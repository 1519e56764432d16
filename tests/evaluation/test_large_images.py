"""Images looked at band by band, against the same windows of the whole image in memory."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mutualseg.data.image_rows import rows_of
from mutualseg.evaluation import large_images
from mutualseg.evaluation.inference import batch_logits, resized_image
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.evaluation.large_images import count_windows, look_in_bands, look_of, options_in_bands
from mutualseg.evaluation.row_buffer import RowBuffer, in_chunks
from mutualseg.evaluation.row_resizing import resized_image_rows, resized_map_rows
from mutualseg.evaluation.window_bands import block_rows, window_blocks
from mutualseg.evaluation.windows import cut_windows, join_windows, window_corners
from tests.conftest import BuildTiny


def picture(height: int, width: int, seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def in_bands(tensor: Tensor, heights: list[int]) -> Iterator[Tensor]:
    top = 0
    while top < tensor.shape[1]:
        height = heights[top % len(heights)]
        yield tensor[:, top : top + height]
        top += height


@settings(deadline=None)
@given(
    height=st.integers(1, 60),
    heights=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    places=st.lists(st.tuples(st.integers(0, 59), st.integers(1, 30)), max_size=8),
)
def test_a_buffer_returns_any_rows_from_top_to_bottom(
    height: int, heights: list[int], places: list[tuple[int, int]]
) -> None:
    whole = torch.arange(height * 2).view(1, height, 2)
    buffer = RowBuffer(in_bands(whole, heights))
    for top, length in sorted(places):
        bottom = min(top + length, height)
        if top < bottom:
            assert torch.equal(buffer.rows(top, bottom), whole[:, top:bottom])
    chunks = list(in_chunks(in_bands(whole, heights), height, 7))
    assert torch.equal(torch.cat(chunks, 1), whole)
    assert {len(chunk[0]) for chunk in chunks[:-1]} <= {7}


def test_a_buffer_forgets_what_is_above() -> None:
    alive: list[weakref.ref[Tensor]] = []

    def bands() -> Iterator[Tensor]:
        for _ in range(5):
            band = torch.zeros(1, 4, 3)
            alive.append(weakref.ref(band))
            yield band

    buffer = RowBuffer(bands())
    buffer.rows(0, 9)
    buffer.rows(17, 20)
    assert [band() is None for band in alive] == [True, True, True, True, False]


@settings(deadline=None, max_examples=60)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    window=st.integers(1, 40),
    heights=st.lists(st.integers(1, 30), min_size=1, max_size=3),
)
def test_blocks_are_the_mean_over_windows_bit_for_bit(
    height: int, width: int, window: int, heights: list[int]
) -> None:
    image = torch.rand(2, height, width)
    corners = window_corners((height, width), window)
    # What is said of a pixel differs from window to window.
    noise = torch.rand(len(corners), 2, min(window, height), min(window, width))
    expected = join_windows(
        [piece + more for piece, more in zip(cut_windows(image, window, corners), noise, strict=True)],
        corners,
        (height, width),
    )

    def say(pieces: Iterable[Tensor]) -> Iterator[Tensor]:
        return (piece + more for piece, more in zip(pieces, noise, strict=True))

    blocks = list(window_blocks(in_bands(image, heights), (height, width), window, say))
    assert torch.equal(torch.cat(list(block_rows(blocks)), 1), expected)


@settings(deadline=None, max_examples=60)
@given(
    height=st.integers(1, 90),
    width=st.integers(2, 40),  # of a single column PyTorch 2.14 loses all lines but the first
    wanted=st.tuples(st.integers(1, 200), st.integers(2, 60)),
    heights=st.lists(st.integers(1, 30), min_size=1, max_size=3),
)
def test_resized_rows_are_those_of_the_whole(
    height: int, width: int, wanted: tuple[int, int], heights: list[int]
) -> None:
    image = torch.rand(3, height, width)
    rows = torch.cat(list(resized_image_rows(in_bands(image, heights), (height, width), wanted)), 1)
    whole = torch.nn.functional.interpolate(
        image[None], wanted, mode="bilinear", align_corners=False, antialias=True
    )[0]
    torch.testing.assert_close(rows, whole, atol=1e-4, rtol=0)
    rows = torch.cat(list(resized_map_rows(in_bands(image, heights), (height, width), wanted)), 1)
    whole = torch.nn.functional.interpolate(image[None], wanted, mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(rows, whole, atol=1e-5, rtol=0)


def test_levels_are_rounded_as_those_of_the_whole() -> None:
    image = torch.from_numpy(picture(301, 83)).permute(2, 0, 1)
    for scale in (0.75, 1.25, 0.3):
        whole = resized_image(image, scale)
        size = (whole.shape[1], whole.shape[2])
        rows = torch.cat(list(resized_image_rows(in_bands(image, [64]), (301, 83), size)), 1)
        assert rows.dtype == torch.uint8
        differences = (rows.int() - whole.int()).abs()
        assert differences.max() <= 1
        assert (differences > 0).float().mean() < 1e-3


@pytest.mark.parametrize(
    "options",
    [
        InferenceOptions(32),
        InferenceOptions(47, (1.0,), True),
        InferenceOptions(32, (0.75, 1.0, 1.25), True),
        InferenceOptions(40, (0.5,)),
    ],
)
@pytest.mark.parametrize("size", [(100, 130), (33, 200), (150, 33), (41, 41)])
def test_bands_say_what_the_whole_image_says(
    tiny_segmenter: BuildTiny, size: tuple[int, int], options: InferenceOptions
) -> None:
    network, pixels = tiny_segmenter(), picture(*size)
    network(torch.rand(2, 3, 16, 16))
    whole = torch.from_numpy(pixels).permute(2, 0, 1)
    logits = batch_logits(network, [whole], device="cpu", precision="32", options=options)[0]
    windows = 0

    def advance() -> None:
        nonlocal windows
        windows += 1

    network.train()
    bands = list(
        look_in_bands(
            network, rows_of(pixels), device="cpu", precision="32", options=options, advance=advance
        )
    )
    assert network.training
    indices, confidence = (torch.cat(parts) for parts in zip(*bands, strict=True))
    assert len(bands) > 1 or size[0] <= 47
    assert windows == count_windows(size, options)
    expected = look_of(logits)
    if options.scales == (1.0,):
        assert torch.equal(indices, expected.indices)
        assert torch.equal(confidence, expected.confidence)
    else:
        torch.testing.assert_close(confidence, expected.confidence, atol=1e-4, rtol=0)
        # Where two classes are equally probable either may win.
        close = logits.softmax(0).topk(2, 0).values.diff(dim=0)[0].abs() < 1e-4
        assert (indices == expected.indices)[~close].all()
        assert close.float().mean() < 0.01


def test_confidence_is_the_largest_probability() -> None:
    logits = torch.tensor([[[0.0, 2.0]], [[1.0, -3.0]], [[0.0, 2.0]]])
    look = look_of(logits)
    assert look.indices.tolist() == [[1, 0]]
    assert look.indices.dtype == torch.uint8
    torch.testing.assert_close(look.confidence, logits.softmax(0).amax(0))


def test_only_what_would_not_fit_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_images, "LARGEST_LOGITS", 4 * 3 * 2000 * 2000)
    whole, windows = InferenceOptions(), InferenceOptions(801, (1.0, 2.0), True)
    assert options_in_bands((2000, 2000), 3, whole) is None
    assert options_in_bands((2000, 2001), 3, whole) == InferenceOptions(1024)
    assert options_in_bands((2000, 2000), 4, whole) == InferenceOptions(1024)
    assert options_in_bands((2000, 2001), 3, windows) == windows
    # A window as large as the image is the whole image, and whole images are looked at whole if asked for.
    assert options_in_bands((2000, 2001), 3, InferenceOptions(2001)) is None
    assert options_in_bands((2000, 2001), 3, InferenceOptions(None, is_whole=True)) is None


class Largest(TorchDispatchMode):
    """Notes the largest tensor that any operation returns."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.elements = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self.elements = max(self.elements, leaf.numel())
        return result


@pytest.mark.parametrize("scales", [(1.0,), (0.75, 1.5)])
def test_no_tensor_grows_with_the_height(tiny_segmenter: BuildTiny, scales: tuple[float, ...]) -> None:
    network = tiny_segmenter()
    largest = {}
    for height in (600, 2400):
        options = InferenceOptions(32, scales, True)
        with Largest() as noted:
            image = rows_of(picture(height, 40))
            for _ in look_in_bands(network, image, device="cpu", precision="32", options=options):
                pass
        largest[height] = noted.elements
    assert largest[2400] < 1.1 * largest[600]
    assert largest[2400] < 3 * 2400 * 40
