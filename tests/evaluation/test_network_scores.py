"""What the monitor is shown while networks are scored, with networks whose logits are written down."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mutualseg.evaluation import network_scores
from mutualseg.evaluation.network_scores import TEACHERS_MEAN, evaluate_networks
from mutualseg.evaluation.pseudo_label_monitor import PseudoLabelMonitor

PROBABILITIES = {
    # Three pixels of two classes, [K,1,3]: both teachers are wrong once, their mean never.
    "teacher_a": torch.tensor([[[0.9, 0.6, 0.2]], [[0.1, 0.4, 0.8]]]),
    "teacher_b": torch.tensor([[[0.4, 0.2, 0.3]], [[0.6, 0.8, 0.7]]]),
}
MASK = torch.tensor([[0, 1, 1]], dtype=torch.uint8)


@pytest.mark.parametrize(
    ("guide", "accuracy", "kept"),
    [("teacher_a", 66.6667, 66.6667), ("teacher_b", 66.6667, 66.6667), (TEACHERS_MEAN, 100.0, 33.3333)],
)
def test_the_monitor_sees_the_labels_that_teach(
    guide: str, accuracy: float, kept: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_scores, "load_image", lambda *given: torch.zeros(3, 1, 3))
    monkeypatch.setattr(network_scores, "load_mask", lambda *others: MASK)
    monkeypatch.setattr(
        network_scores, "batch_logits", lambda network, images, **others: [PROBABILITIES[network].log()]
    )
    monitor = PseudoLabelMonitor(tuple(PROBABILITIES), guide, 2, threshold=0.7)
    networks: dict[str, Any] = {role: role for role in PROBABILITIES}
    sample: Any = None
    scores = evaluate_networks(networks, [sample], 2, device="cpu", precision="32", monitor=monitor)
    assert scores[TEACHERS_MEAN].pixel_accuracy == pytest.approx(100)
    seen = monitor.percentages(("one", "two"))
    # The mean is 0.65, 0.6 and 0.75 sure.
    assert seen["accuracy"] == pytest.approx(accuracy)
    assert seen["kept"] == pytest.approx(kept)
