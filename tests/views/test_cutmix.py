from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mutualseg.errors import ConfigError
from mutualseg.seeding import generator_at
from mutualseg.views.cutmix import draw_keep, mix, partner, resize_keep


@settings(max_examples=100, deadline=None)
@given(
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    boxes=st.integers(0, 6),
    share=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(lambda pair: (min(pair), max(pair))),
    seed=st.integers(0, 10**6),
)
def test_keep_has_the_size_asked_for(
    size: tuple[int, int], boxes: int, share: tuple[float, float], seed: int
) -> None:
    keep = draw_keep(generator_at(seed), size, boxes=boxes, share=share)
    assert keep.shape == (1, *size)
    assert keep.dtype == torch.bool
    assert torch.equal(keep, draw_keep(generator_at(seed), size, boxes=boxes, share=share))


def test_off_keeps_everything() -> None:
    assert draw_keep(generator_at(0), (9, 7), boxes=0).all()
    assert draw_keep(generator_at(0), (9, 7), share=(0, 0)).all()


@pytest.mark.parametrize("seed", range(20))
def test_one_box_is_a_rectangle_of_the_area_asked_for(seed: int) -> None:
    taken = ~draw_keep(generator_at(seed), (200, 300), boxes=1, share=(0.3, 0.3))[0]
    height, width = int(taken.any(1).sum()), int(taken.any(0).sum())
    assert int(taken.sum()) == height * width
    assert height * width / (200 * 300) == pytest.approx(0.3, abs=0.006)
    assert height + 1 >= 0.3 * 200  # height share p^u is at least p
    assert width + 1 >= 0.3 * 300


def test_boxes_lie_anywhere_in_the_image() -> None:
    keeps = torch.cat([draw_keep(generator_at(seed), (24, 24), boxes=1) for seed in range(1500)])
    taken = (~keeps).float()
    firsts = [int(rows.any(1).float().argmax()) for rows in ~keeps]
    assert min(firsts) == 0
    assert taken[:, -1].any()
    mean = taken.mean(0)
    for mirrored in (mean.flip(0), mean.flip(1), mean.T):
        assert (mean - mirrored).abs().max() < 0.08  # no side and no axis is favored


def test_mixed_share_is_that_of_the_method() -> None:
    shares = torch.stack([1 - draw_keep(generator_at(seed), (96, 96)).float().mean() for seed in range(2000)])
    assert shares.mean() == pytest.approx(0.25, abs=0.01)
    low, high = shares.quantile(torch.tensor([0.001, 0.999])).tolist()
    assert low == pytest.approx(0.08, abs=0.03)
    assert high == pytest.approx(0.46, abs=0.03)


def test_overlapping_boxes_cancel() -> None:
    """Two boxes of half the image each cannot avoid each other."""
    keep = torch.stack([draw_keep(generator_at(seed), (64, 64), boxes=2, share=(1, 1)) for seed in range(50)])
    overlap = 2 * 0.5 - (~keep).float().mean((1, 2, 3))  # area that XOR took back
    # Squares of side 1 / sqrt(2) overlap by a square of side sqrt(2) - 1 at least.
    assert (overlap >= 2 * (2**0.5 - 1) ** 2 - 0.05).all()


@pytest.mark.parametrize(
    ("size", "expected"), [(2, [1, 0]), (3, [1, 2, 0]), (4, [1, 0, 3, 2]), (5, [1, 2, 3, 4, 0])]
)
def test_partners(size: int, expected: list[int]) -> None:
    assert partner(size).tolist() == expected
    assert partner(size).dtype == torch.int64


@pytest.mark.parametrize("size", [0, 1])
def test_a_lone_image_has_no_partner(size: int) -> None:
    with pytest.raises(ConfigError, match="raise the batch size, or turn CutMix off"):
        partner(size)


def mix_by_hand(tensor: Tensor, keep: Tensor, partners: list[int]) -> Tensor:
    mixed = tensor.clone()
    batch, height, width = tensor.shape[0], tensor.shape[-2], tensor.shape[-1]
    for i in range(batch):
        for row in range(height):
            for column in range(width):
                source = i if keep[i, 0, row, column] else partners[i]
                mixed[i, ..., row, column] = tensor[source, ..., row, column]
    return mixed


@pytest.mark.parametrize("batch", [2, 3, 4])
def test_mix_agrees_with_a_loop_over_pixels(batch: int) -> None:
    generator = generator_at(7, batch)
    keep = torch.stack([draw_keep(generator, (12, 8)) for _ in range(batch)])
    index = partner(batch)
    tensors = {
        "images": torch.randint(0, 256, (batch, 3, 12, 8), dtype=torch.uint8),
        "labels": torch.randint(0, 19, (batch, 12, 8)),
        "valid": torch.rand(batch, 12, 8) < 0.5,
        "networks": torch.rand(batch, 2, 3, 12, 8),
    }
    for name, tensor in tensors.items():
        mixed = mix(tensor, keep, index)
        assert mixed.dtype == tensor.dtype
        assert torch.equal(mixed, mix_by_hand(tensor, keep, index.tolist())), name
    small = resize_keep(keep, (6, 4))
    for channels in (5, 11):  # logits and features, at the decoder's grid
        tensor = torch.randn(batch, channels, 6, 4)
        assert torch.equal(mix(tensor, small, index), mix_by_hand(tensor, small, index.tolist()))


def test_mix_passes_gradients_to_the_image_that_gave_the_pixel() -> None:
    keep = torch.tensor([[True, False], [True, True]]).view(2, 1, 1, 2)
    logits = torch.zeros(2, 1, 1, 2, requires_grad=True)
    torch.autograd.backward(mix(logits, keep, partner(2)).sum())
    assert logits.grad is not None
    assert logits.grad.flatten().tolist() == [1, 0, 1, 2]


def test_mix_keeps_not_a_number_where_it_is() -> None:
    """A product with 0 would spread NaN from the part that is not taken."""
    tensor = torch.tensor([float("nan"), 1.0]).view(2, 1, 1, 1)
    mixed = mix(tensor, torch.tensor([False, True]).view(2, 1, 1, 1), partner(2))
    assert mixed.flatten().tolist() == [1, 1]


def test_mix_refuses_a_mask_of_another_size() -> None:
    with pytest.raises(ValueError, match="resize_keep"):
        mix(torch.zeros(2, 5, 6, 4), torch.ones(2, 1, 12, 8, dtype=torch.bool), partner(2))


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    grid=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_resize_keep_reads_the_nearest_pixel(size: tuple[int, int], grid: tuple[int, int]) -> None:
    keep = draw_keep(generator_at(2), size)[None]
    resized = resize_keep(keep, grid)
    assert resized.dtype == torch.bool
    assert resized.shape == (1, 1, *grid)
    rows, columns = (
        (torch.arange(cells) * (side / cells)).long().clamp(max=side - 1)
        for side, cells in zip(size, grid, strict=True)
    )
    assert torch.equal(resized, keep[..., rows, :][..., columns])


@pytest.mark.parametrize(
    ("boxes", "share"), [(-1, (0.2, 0.5)), (3, (0.5, 0.2)), (3, (0.2, 1.1)), (3, (-0.1, 0.5))]
)
def test_bad_arguments_are_refused(boxes: int, share: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="give"):
        draw_keep(generator_at(0), (8, 8), boxes=boxes, share=share)
