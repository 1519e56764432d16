from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from mutualseg.data.folder import read_folder
from mutualseg.errors import MaskError
from mutualseg.evaluation.inference import BATCH, alike, batch_logits
from mutualseg.evaluation.inference_options import InferenceOptions
from mutualseg.evaluation.network_scores import TEACHERS_MEAN, evaluate_networks
from mutualseg.evaluation.pseudo_label_monitor import PseudoLabelMonitor

if TYPE_CHECKING:
    from mutualseg.data.samples import Sample
    from mutualseg.networks.segmenter import Segmenter
    from tests.conftest import BuildTiny

ROLES = ("student_a", "teacher_a", "teacher_b")


@pytest.fixture
def samples(tiny_data: Path) -> list[Sample]:
    """Return the val images, one of them smaller and of an odd size."""
    for path in (tiny_data / kind / "val" / "01.png" for kind in ("images", "masks")):
        with Image.open(path) as image:
            cut = image.crop((0, 0, 37, 29))
        cut.save(path)
    return list(read_folder(tiny_data).val)


@pytest.fixture
def networks(tiny_segmenter: BuildTiny) -> dict[str, Segmenter]:
    """Return networks whose BatchNorm statistics are not those of a fresh one."""
    made = {role: tiny_segmenter(role) for role in ROLES}
    for network in made.values():
        network(torch.rand(2, 3, 16, 16))
    return made


def probabilities(network: Segmenter, sample: Sample) -> Tensor:
    image = torch.from_numpy(np.array(Image.open(sample.image))).permute(2, 0, 1)[None] / 255
    height, width = image.shape[-2:]
    padded = network.pixel_mean.expand(1, 3, height + -height % 4, width + -width % 4).clone()
    padded[..., :height, :width] = image
    logits = F.interpolate(network(padded).logits, padded.shape[-2:], mode="bilinear")
    return logits[0, :, :height, :width].softmax(0)


@torch.no_grad()
def iou_by_hand(networks: list[Segmenter], samples: list[Sample]) -> list[float | None]:
    """Return the IoU per class of the arg max of the mean probability over all images together."""
    for network in networks:
        network.eval()
    hits, either, true = np.zeros(3), np.zeros(3), np.zeros(3)
    for sample in samples:
        assert sample.mask is not None
        mask = np.array(Image.open(sample.mask))
        predicted = torch.stack([probabilities(n, sample) for n in networks]).mean(0).argmax(0).numpy()
        for c in range(3):
            p, m = (predicted == c) & (mask != 255), mask == c
            hits[c] += (p & m).sum()
            either[c] += (p | m).sum()
            true[c] += m.sum()
    return [float(100 * h / e) if t else None for h, e, t in zip(hits, either, true, strict=True)]


def test_scores_equal_the_computation_by_hand(networks: dict[str, Segmenter], samples: list[Sample]) -> None:
    ticks: list[None] = []
    scores = evaluate_networks(
        networks, samples, 3, device="cpu", precision="32", advance=lambda: ticks.append(None)
    )
    assert list(scores) == [*ROLES, TEACHERS_MEAN]
    assert len(ticks) == len(samples) == 3
    for role in ROLES:
        assert scores[role].per_class == pytest.approx(iou_by_hand([networks[role]], samples))
    mean = iou_by_hand([networks["teacher_a"], networks["teacher_b"]], samples)
    assert scores[TEACHERS_MEAN].per_class == pytest.approx(mean)
    assert scores[TEACHERS_MEAN].per_class != scores["teacher_a"].per_class
    assert scores[TEACHERS_MEAN].miou == pytest.approx(np.mean([v for v in mean if v is not None]))


@pytest.mark.parametrize("guide", ["student_a", "teacher_b"])
def test_monitor_watches_along(networks: dict[str, Segmenter], samples: list[Sample], guide: str) -> None:
    """What it counts of whole images, against the networks' probabilities by hand."""
    monitor = PseudoLabelMonitor(ROLES, guide, 3, threshold=0.4)
    scores = evaluate_networks(networks, samples, 3, device="cpu", precision="32", monitor=monitor)
    assert scores == evaluate_networks(networks, samples, 3, device="cpu", precision="32")
    sure, right, apart = [], [], []
    for sample in samples:
        assert sample.mask is not None
        mask = torch.from_numpy(np.array(Image.open(sample.mask)))
        known = mask != 255
        with torch.no_grad():
            by_role = {role: probabilities(network.eval(), sample) for role, network in networks.items()}
        labels = {role: each.argmax(0)[known] for role, each in by_role.items()}
        sure.append(by_role[guide].amax(0)[known] >= 0.4)
        right.append(labels[guide] == mask[known])
        apart.append(labels["student_a"] != labels["teacher_b"])
    keep, hit = torch.cat(sure), torch.cat(right)
    found = monitor.percentages("abc")
    assert found["kept"] is not None
    assert 0 < found["kept"] < 100
    expected = {"kept": keep, "kept_accuracy": hit[keep], "disagree_student_a_teacher_b": torch.cat(apart)}
    for name, event in expected.items():
        assert found[name] == pytest.approx(100 * float(event.double().mean()), abs=1e-4), name
    assert found["accuracy"] == pytest.approx(scores[guide].pixel_accuracy, abs=1e-4)


def test_no_mean_without_both_teachers(networks: dict[str, Segmenter], samples: list[Sample]) -> None:
    del networks["teacher_b"]
    scores = evaluate_networks(networks, samples[:1], 3, device="cpu", precision="32")
    assert list(scores) == ["student_a", "teacher_a"]


def test_evaluation_changes_no_network(networks: dict[str, Segmenter], samples: list[Sample]) -> None:
    networks["student_a"].train()
    networks["teacher_a"].eval()
    before = {role: {k: v.clone() for k, v in n.state_dict().items()} for role, n in networks.items()}
    evaluate_networks(networks, samples, 3, device="cpu", precision="32")
    assert networks["student_a"].training
    assert not networks["teacher_a"].training
    for role, network in networks.items():
        assert all(torch.equal(value, before[role][key]) for key, value in network.state_dict().items())
        assert all(parameter.grad is None for parameter in network.parameters())


def test_logits_at_the_images_own_size(networks: dict[str, Segmenter]) -> None:
    network = networks["student_a"].train()
    image = torch.randint(0, 256, (3, 13, 22), dtype=torch.uint8)
    logits = batch_logits(network, [image], device="cpu", precision="32")[0]
    assert network.training
    assert not logits.requires_grad
    network.eval()
    torch.testing.assert_close(logits, network.segment(image[None] / 255)[0])
    coarse = batch_logits(network, [image], device="cpu", precision="bf16")[0]
    assert coarse.dtype == torch.float32
    assert not torch.equal(coarse, logits)
    torch.testing.assert_close(coarse, logits, rtol=0.1, atol=0.1)


def test_training_mode_is_restored_after_an_error(networks: dict[str, Segmenter]) -> None:
    network = networks["student_a"].train()
    with pytest.raises(RuntimeError):
        batch_logits(network, [torch.zeros(4, 8, 8, dtype=torch.uint8)], device="cpu", precision="32")
    assert network.training


def test_a_class_outside_the_list_is_an_error(networks: dict[str, Segmenter], samples: list[Sample]) -> None:
    with pytest.raises(MaskError, match=r"00\.png"):
        evaluate_networks(networks, samples, 2, device="cpu", precision="32")


def random_image(height: int, width: int) -> Tensor:
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8)


def test_images_of_one_size_go_together() -> None:
    images = [
        random_image(8, 8),
        random_image(8, 8),
        random_image(8, 8),
        random_image(4, 8),
        random_image(8, 8),
    ]
    assert [len(run) for run in alike(images, 2)] == [2, 1, 1, 1]
    assert [len(run) for run in alike(images, 9)] == [3, 1, 1]


@pytest.mark.parametrize("window", [None, 12, 100])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_batch_is_its_images(
    networks: dict[str, Segmenter], monkeypatch: pytest.MonkeyPatch, window: int | None, batch: int
) -> None:
    monkeypatch.setitem(BATCH, "cpu", batch)
    network = networks["student_a"]
    images = [random_image(21, 30), random_image(21, 30), random_image(13, 22), random_image(21, 30)]
    options = InferenceOptions(window)
    together = batch_logits(network, images, device="cpu", precision="32", options=options)
    for image, logits in zip(images, together, strict=True):
        assert logits.shape == (3, *image.shape[1:])
        (alone,) = batch_logits(network, [image], device="cpu", precision="32", options=options)
        torch.testing.assert_close(logits, alone)
        if window != 12:
            whole = batch_logits(network, [image], device="cpu", precision="32")[0]
            assert torch.equal(logits, whole)


def test_windows_of_a_network_that_sees_its_own_pixels_alone(tiny_segmenter: BuildTiny) -> None:
    """Its logits are constant within 4 x 4 pixels, up to the interpolation between them."""
    network = tiny_segmenter(patchwise=True)
    tile = random_image(4, 4)
    image = tile.repeat(1, 5, 7)
    (whole,) = batch_logits(network, [image], device="cpu", precision="32")
    cut = InferenceOptions(window=12)
    (windows,) = batch_logits(network, [image], device="cpu", precision="32", options=cut)
    torch.testing.assert_close(windows.softmax(0), whole.softmax(0))


def test_scores_do_not_depend_on_the_batch(
    networks: dict[str, Segmenter], samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = evaluate_networks(networks, samples, 3, device="cpu", precision="32")
    monkeypatch.setitem(BATCH, "cpu", 2)
    assert evaluate_networks(networks, samples, 3, device="cpu", precision="32") == one
