"""The guard over a run's pseudo-labels: what it says and when, and what a rollback puts back."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor

from mutualseg.engine.collapse import CLASS_GONE, FEW_KEPT, LESS_RIGHT
from mutualseg.engine.collapse_guard import CollapseGuard
from mutualseg.engine.rollback import good_state, put_back
from mutualseg.methods import METHODS, method_class
from mutualseg.methods.base import Method, Progress
from mutualseg.methods.fixmatch import FixMatch
from mutualseg.methods.labels_only import LabelsOnly
from mutualseg.reporting.console import RunConsole
from tests.test_collapse import CLASSES, row

if TYPE_CHECKING:
    from tests.conftest import BuildTiny

TAUGHT = [name for name in METHODS if name != "labels_only"]
NO_TRAINER = cast(pl.Trainer, SimpleNamespace(optimizers=[]))
TOTAL = 1000
SHARES = {"burn_in": 0.2, "ramp": 0.1, "cooldown": 0.2}
BAD = row(accuracy=60.0)


def make_guard(method: Method, mode: str = "warn") -> CollapseGuard:
    return CollapseGuard(
        method,
        RunConsole(quiet=True),
        mode=mode,
        classes=CLASSES,
        total_steps=TOTAL,
        advise=lambda finding: "a cure",
    )


def shake(method: Method) -> None:
    """Give all weights and statistics other values."""
    with torch.no_grad():
        for tensor in method.state_dict().values():
            tensor.add_(torch.rand_like(tensor) if tensor.is_floating_point() else 1)


def copy_of(method: Method) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in method.state_dict().items()}


def said(guard: CollapseGuard) -> list[tuple[int, str]]:
    return [(each["step"], each["kind"]) for each in guard.warnings]


def test_each_kind_is_said_once_while_it_lasts_and_again_when_it_is_back(tiny_segmenter: BuildTiny) -> None:
    guard = make_guard(FixMatch(tiny_segmenter, **SHARES))
    few, gone = row(kept=0.1), row(kept_share__car=0.0)
    for step, seen in [
        (100, few),
        (200, row()),
        (250, few),
        (400, few),
        (500, few),
        (600, row()),
        (700, few),
    ]:
        assert guard.look(step, seen, NO_TRAINER) is False
    assert said(guard) == [(400, FEW_KEPT), (700, FEW_KEPT)], "nothing is said before the ramp is over"
    guard.look(750, gone, NO_TRAINER)
    guard.look(800, row(accuracy=60.0, kept_share__car=0.0), NO_TRAINER)
    assert said(guard)[2:] == [(750, CLASS_GONE), (800, LESS_RIGHT)]
    guard.look(900, few, NO_TRAINER)
    assert len(guard.warnings) == 4, "nothing is said in the cooldown"
    assert guard.warnings[3]["message"] == (
        "60.0% of the pseudo-labels on the val images are right, and 85.0% were before they taught; "
        "train again with a cure (--guard rollback goes back by itself)."
    )


def test_the_reference_is_the_last_of_the_burn_in_or_else_the_first(tiny_segmenter: BuildTiny) -> None:
    guard = make_guard(FixMatch(tiny_segmenter, **SHARES))
    for step, accuracy in ((100, 90.0), (200, 80.0), (300, 79.5)):
        guard.look(step, row(accuracy=accuracy), NO_TRAINER)
    assert said(guard) == []
    guard.look(400, row(accuracy=78.0), NO_TRAINER)
    assert said(guard) == [(400, LESS_RIGHT)]
    at_once = make_guard(FixMatch(tiny_segmenter, burn_in=0.0))
    at_once.look(100, row(accuracy=70.0), NO_TRAINER)
    at_once.look(200, row(accuracy=60.0), NO_TRAINER)
    assert said(at_once) == [(200, LESS_RIGHT)]


@pytest.mark.parametrize("mode", ["off", "warn", "rollback"])
def test_nothing_is_said_where_no_pseudo_label_teaches(mode: str, tiny_segmenter: BuildTiny) -> None:
    methods = [LabelsOnly(tiny_segmenter)] + [FixMatch(tiny_segmenter)] * (mode == "off")
    for method in methods:
        guard = make_guard(method, mode)
        for step, seen in ((200, row()), (400, BAD), (600, row(kept=0.0))):
            assert not guard.look(step, seen, NO_TRAINER)
        assert guard.warnings == []


@pytest.mark.parametrize("name", TAUGHT)
def test_what_is_put_back_are_the_teachers_and_their_statistics(name: str, tiny_segmenter: BuildTiny) -> None:
    method = method_class(name)(tiny_segmenter)
    shake(method)  # students and teachers differ now
    before, good = copy_of(method), good_state(method)
    shake(method)
    put_back(method, good)
    own_teacher = {"cps": {"student_a": "teacher_a", "student_b": "student_b"}}.get(
        name, {role: role.replace("student", "teacher") for role in method.students()}
    )
    for key, tensor in method.state_dict().items():
        role, _, rest = key.partition(".")
        source = own_teacher.get(role, role)
        if source != role:
            key = f"{source}.network.{rest}"
        assert torch.equal(tensor, before[key]), key
    students = {weight.data_ptr() for each in method.students().values() for weight in each.parameters()}
    assert len({weight.data_ptr() for weight in method.parameters()} - students) > 0
    assert all(tensor.data_ptr() != method.state_dict()[key].data_ptr() for key, tensor in good.items())


def trained(method: Method) -> tuple[torch.optim.Optimizer, pl.Trainer]:
    """Return an optimizer that has moments, and a trainer that has it."""
    optimizer = torch.optim.AdamW(method.student_a.parameters())
    for weight in method.student_a.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    return optimizer, cast(pl.Trainer, SimpleNamespace(optimizers=[optimizer]))


@pytest.mark.parametrize("name", TAUGHT)
def test_a_rollback_halves_the_unlabeled_weight_and_the_third_ends_it(
    name: str, tiny_segmenter: BuildTiny
) -> None:
    method = method_class(name)(tiny_segmenter, **SHARES)
    guard = make_guard(method, "rollback")
    optimizer, trainer = trained(method)
    full = method.unlabeled_weight(Progress(500, TOTAL))
    assert full == 1.0
    shake(method)
    good = copy_of(method)
    assert not guard.look(200, row(), trainer)
    assert len(optimizer.state) > 0
    for step, factor in ((400, 0.5), (500, 0.25), (600, 0.0)):
        shake(method)
        assert guard.look(step, BAD, trainer)
        assert len(optimizer.state) == 0
        assert method.unlabeled_weight(Progress(650, TOTAL)) == factor
        assert torch.equal(
            method.networks()["teacher_a"].classifier.weight, good["teacher_a.network.classifier.weight"]
        )
    assert not method.needs_unlabeled(Progress(650, TOTAL))
    assert not guard.look(700, BAD, trainer)
    assert said(guard) == [(at, kind) for at in (400, 500, 600) for kind in (LESS_RIGHT, "rollback")]
    messages = [each["message"] for each in guard.warnings if each["kind"] == "rollback"]
    assert messages[0] == (
        "Went back to the teachers of step 200; the unlabeled terms weigh 0.5 of what they did, from here on."
    )
    assert "the rest of the run trains on the labels alone" in messages[2]


def test_a_rollback_goes_to_the_last_sound_evaluation(tiny_segmenter: BuildTiny) -> None:
    method = FixMatch(tiny_segmenter, **SHARES)
    guard = make_guard(method, "rollback")
    guard.look(200, row(), NO_TRAINER)
    shake(method)
    good = copy_of(method)
    guard.look(400, row(), NO_TRAINER)
    shake(method)
    assert guard.look(600, BAD, NO_TRAINER)
    assert torch.equal(method.student_a.classifier.weight, good["teacher_a.network.classifier.weight"])
    assert "step 400" in guard.warnings[-1]["message"]


def test_where_going_back_would_not_help_it_is_only_said(tiny_segmenter: BuildTiny) -> None:
    guard = make_guard(FixMatch(tiny_segmenter, burn_in=0.0), "rollback")
    assert not guard.look(500, row(kept=0.0), NO_TRAINER), "nothing was sound before"
    late = make_guard(FixMatch(tiny_segmenter, **SHARES), "rollback")
    assert not late.look(200, row(kept=0.2), NO_TRAINER)
    assert not late.look(400, row(kept=0.1), NO_TRAINER), "no label was sure then either"
    assert said(guard) == [(500, FEW_KEPT)]
    assert said(late) == [(400, FEW_KEPT)]


def test_a_guard_goes_on_from_its_state(tiny_segmenter: BuildTiny) -> None:
    """Two guards, one of them saved and loaded after each evaluation, say and do the same."""
    ends: list[Any] = []
    for interrupted in (False, True):
        torch.manual_seed(3)
        method = FixMatch(tiny_segmenter, **SHARES)
        guard = make_guard(method, "rollback")
        for step, seen in [
            (100, row()),
            (200, row()),
            (300, row()),
            (400, BAD),
            (500, row(kept=0.0)),
            (700, BAD),
        ]:
            shake(method)
            guard.look(step, seen, NO_TRAINER)
            if interrupted:
                file = io.BytesIO()
                torch.save(guard.state_dict(), file)
                file.seek(0)
                method.unlabeled_factor = 1.0
                guard = make_guard(method, "rollback")
                guard.load_state_dict(torch.load(file, weights_only=True))
        ends.append((guard.warnings, method.unlabeled_factor, copy_of(method)))
    (warned, factor, weights), (other_warned, other_factor, others) = ends
    assert len(warned) >= 5
    assert (warned, factor) == (other_warned, other_factor)
    assert all(torch.equal(weights[name], others[name]) for name in weights)
