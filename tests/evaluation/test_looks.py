"""Windows, scales and flip: what is averaged, against loops over pixels and against symmetries."""

from __future__ import annotations

import weakref

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mutualseg.evaluation.inference import BATCH, batch_logits, resized_image
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.evaluation.windows import window_corners
from mutualseg.networks.segmenter import Segmenter
from tests.conftest import BuildTiny

Map = npt.NDArray[np.float64]


def random_image(height: int, width: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator)


def logits_of(network: Segmenter, image: Tensor, options: InferenceOptions) -> Tensor:
    return batch_logits(network, [image], device="cpu", precision="32", options=options)[0]


def averaged(network: Segmenter, image: Tensor, options: InferenceOptions) -> Tensor:
    return logits_of(network, image, options).softmax(0)


def pixelwise(*, kernel: int = 1) -> Segmenter:
    """Return a network at stride 1 whose output pixel sees `kernel` x `kernel` pixels, or its own alone."""
    network = Segmenter(
        nn.Sequential(nn.Conv2d(3, 8, kernel, padding=kernel // 2), nn.Tanh()),
        nn.Conv2d(8, 5, 1),
        nn.Tanh(),
        nn.Conv2d(5, 3, 1),
        multiple=1,
        pixel_mean=(0.4, 0.5, 0.6),
        pixel_std=(0.2, 0.25, 0.3),
    )
    nn.init.normal_(network.classifier.weight)
    return network.eval()


@pytest.fixture
def network(tiny_segmenter: BuildTiny) -> Segmenter:
    return tiny_segmenter("student_a").eval()


def slow_resize(maps: Map, size: tuple[int, int], *, antialias: bool) -> Map:
    """Resize [K,h,w] by weights that fall linearly with the distance, one output pixel after the other."""

    def weights(before: int, after: int) -> list[list[tuple[int, float]]]:
        step = before / after
        reach = max(1.0, step) if antialias else 1.0
        found = []
        for place in range(after):
            center = (place + 0.5) * step
            near = [(i, max(0.0, 1 - abs(i + 0.5 - center) / reach)) for i in range(before)]
            whole = sum(weight for _, weight in near)
            found.append([(i, weight / whole) for i, weight in near if weight > 0])
        return found

    rows, columns = weights(maps.shape[1], size[0]), weights(maps.shape[2], size[1])
    made = np.zeros((len(maps), *size))
    for y, vertical in enumerate(rows):
        for x, horizontal in enumerate(columns):
            for i, down in vertical:
                for j, right in horizontal:
                    made[:, y, x] += down * right * maps[:, i, j]
    return made


def slow_average(network: Segmenter, image: Tensor, options: InferenceOptions) -> Map:
    """Return the mean probabilities [K,H,W]: every pixel asks every window that holds it."""
    height, width = image.shape[1:]
    total = np.zeros((network.num_classes, height, width))
    for scale in options.scales:
        size = max(1, round(height * scale)), max(1, round(width * scale))
        pixels = image.double().numpy()
        if size != (height, width):
            pixels = slow_resize(pixels, size, antialias=True).round()
        window = options.window or max(size)
        corners = window_corners(size, window)
        said = []
        for top, left in corners:
            piece = torch.tensor(pixels[:, top : top + window, left : left + window]).float()[None] / 255
            looks = [network.segment(piece)[0].softmax(0)]
            if options.flip:
                looks.append(network.segment(piece.flip(3))[0].softmax(0).flip(2))
            said.append(torch.stack(looks).double().mean(0).numpy())
        mean = np.zeros((network.num_classes, *size))
        for y in range(size[0]):
            for x in range(size[1]):
                own = [
                    part[:, y - top, x - left]
                    for part, (top, left) in zip(said, corners, strict=True)
                    if top <= y < top + window and left <= x < left + window
                ]
                mean[:, y, x] = np.mean(own, axis=0)
        total += mean if size == (height, width) else slow_resize(mean, (height, width), antialias=False)
    return total / len(options.scales)


@pytest.mark.parametrize(
    "options",
    [
        InferenceOptions(window=12),
        InferenceOptions(window=9, flip=True),
        InferenceOptions(scales=(0.6, 1.0, 1.75)),
        InferenceOptions(window=12, scales=(0.75, 1.3), flip=True),
        InferenceOptions(scales=(2.0,)),
        InferenceOptions(flip=True),
    ],
    ids=InferenceOptions.in_words,
)
@torch.no_grad()
def test_equals_loops_over_pixels(network: Segmenter, options: InferenceOptions) -> None:
    image = random_image(17, 26)
    found = averaged(network, image, options)
    expected = slow_average(network, image, options)
    # Where a resized image's value is half a number, the loop may round it to the other side.
    distance = np.abs(found.numpy() - expected)
    assert distance.max() < 1e-3
    assert distance.mean() < 5e-6
    assert np.abs(expected - averaged(network, image, InferenceOptions()).numpy()).max() > 1e-2


@pytest.mark.parametrize("size", [(21, 30), (30, 21), (1, 1), (7, 33)])
@pytest.mark.parametrize("window", [33, 34, 801])
def test_a_window_that_covers_the_image_changes_nothing(
    network: Segmenter, size: tuple[int, int], window: int
) -> None:
    image = random_image(*size)
    assert torch.equal(
        logits_of(network, image, InferenceOptions(window)), logits_of(network, image, InferenceOptions())
    )
    flipped = InferenceOptions(None, (1.0,), True)
    covered = InferenceOptions(window, (1.0,), True)
    assert torch.equal(logits_of(network, image, covered), logits_of(network, image, flipped))


@settings(deadline=None, max_examples=20)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    window=st.integers(1, 30),
    flip=st.booleans(),
)
def test_what_depends_on_its_own_pixel_is_the_same_in_windows(
    height: int, width: int, window: int, flip: bool
) -> None:
    network, image = pixelwise(), random_image(height, width)
    whole = averaged(network, image, InferenceOptions())
    torch.testing.assert_close(averaged(network, image, InferenceOptions(window, (1.0,), flip)), whole)


@settings(deadline=None, max_examples=12)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    window=st.one_of(st.none(), st.integers(1, 30)),
    scales=st.lists(st.floats(0.25, 4), min_size=1, max_size=3).map(tuple),
    flip=st.booleans(),
)
def test_an_image_of_one_color_has_one_answer(
    height: int, width: int, window: int | None, scales: tuple[float, ...], flip: bool
) -> None:
    """At every size, in every window; and what comes back are probabilities at the image's own size."""
    network = pixelwise()
    image = torch.tensor([200, 30, 90], dtype=torch.uint8).view(3, 1, 1).repeat(1, height, width)
    found = averaged(network, image, InferenceOptions(window, scales, flip))
    assert found.shape == (3, height, width)
    torch.testing.assert_close(found.sum(0), torch.ones(height, width))
    whole = averaged(network, image, InferenceOptions())
    torch.testing.assert_close(found, whole)


def test_flip_of_a_symmetric_network_changes_nothing() -> None:
    network, image = pixelwise(kernel=3), random_image(19, 23)
    flip = InferenceOptions(flip=True)
    assert (averaged(network, image, flip) - averaged(network, image, InferenceOptions())).abs().max() > 0.01
    kernel = network.encoder[0].weight  # type: ignore[index]
    with torch.no_grad():
        kernel.copy_((kernel + kernel.flip(3)) / 2)
    torch.testing.assert_close(
        averaged(network, image, flip), averaged(network, image, InferenceOptions()), atol=1e-6, rtol=1e-5
    )


def test_flip_makes_any_network_symmetric() -> None:
    network, image = pixelwise(kernel=5), random_image(19, 23)
    flip = InferenceOptions(flip=True)
    mirrored = averaged(network, image.flip(2), flip).flip(2)
    torch.testing.assert_close(mirrored, averaged(network, image, flip), atol=1e-6, rtol=1e-5)


class Recording(Segmenter):
    """Says of each pixel how wide the image is that it sees, and remembers what it saw and said."""

    def __init__(self) -> None:
        plain = pixelwise()
        super().__init__(
            plain.encoder,
            plain.decoder,
            plain.neck,
            plain.classifier,
            multiple=1,
            pixel_mean=(0.0, 0.0, 0.0),
            pixel_std=(1.0, 1.0, 1.0),
        )
        self.seen: list[tuple[int, ...]] = []
        self.said: list[weakref.ref[Tensor]] = []
        self.most_alive = 0

    def segment(self, images: Tensor) -> Tensor:
        """Return log of (p, 1 - p, 0), p falling with the width."""
        self.most_alive = max(self.most_alive, sum(kept() is not None for kept in self.said))
        self.seen.append(tuple(images.shape))
        share = 1 / images.shape[-1]
        logits = torch.tensor([share, 1 - share, 1e-30]).log().view(1, 3, 1, 1)
        made = logits.repeat(len(images), 1, *images.shape[-2:])
        self.said.append(weakref.ref(made))
        return made


def test_scales_are_seen_and_weigh_alike() -> None:
    network = Recording()
    found = averaged(network, random_image(15, 20), InferenceOptions(scales=(0.5, 1.0, 1.5), flip=True))
    sizes = [(8, 10), (15, 20), (22, 30)]  # halves round to even
    assert network.seen == [(1, 3, *size) for size in sizes for _ in range(2)]
    expected = sum(1 / width for _, width in sizes) / 3
    torch.testing.assert_close(found[0], torch.full((15, 20), expected))


def test_windows_slide_over_the_scaled_image() -> None:
    network = Recording()
    logits_of(network, random_image(10, 12), InferenceOptions(window=12, scales=(1.0, 2.0)))
    assert network.seen == [(1, 3, 10, 12)] + [(1, 3, 12, 12)] * len(window_corners((20, 24), 12))


def test_no_window_is_kept_once_it_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    network, image = Recording(), random_image(60, 70)
    corners = window_corners((60, 70), 20)
    logits_of(network, image, InferenceOptions(window=20, flip=True))
    assert len(network.seen) == 2 * len(corners) > 20
    assert network.most_alive <= 2
    monkeypatch.setitem(BATCH, "cpu", 4)
    batched = Recording()
    logits_of(batched, image, InferenceOptions(window=20))
    assert {shape[0] for shape in batched.seen} <= {4, len(corners) % 4}
    assert batched.most_alive <= 1


def test_an_impossible_class_stays_finite() -> None:
    network = pixelwise()
    with torch.no_grad():
        assert network.classifier.bias is not None
        network.classifier.bias.copy_(torch.tensor([0.0, 500.0, 1.0]))
    logits = logits_of(network, random_image(40, 40), InferenceOptions(window=20, flip=True))
    assert torch.isfinite(logits).all()
    assert (logits.argmax(0) == 1).all()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.float32])
def test_a_resized_image_keeps_its_kind_of_number(dtype: torch.dtype) -> None:
    image = (torch.rand(3, 9, 14) * 200).to(dtype)
    assert resized_image(image, 1.0) is image
    made = resized_image(image, 0.5)
    assert made.dtype == dtype
    assert made.shape == (3, 4, 7)  # 4.5 rounds to even
    expected = slow_resize(image.double().numpy(), (4, 7), antialias=True)
    np.testing.assert_allclose(made.double().numpy(), expected, atol=0.51 if dtype != torch.float32 else 1e-3)
    assert resized_image(image, 0.01).shape == (3, 1, 1)
