from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mutualseg.errors import ConfigError
from mutualseg.methods import METHODS, method_class
from mutualseg.methods.base import Method, Progress
from mutualseg.types import Batch, LabeledBatch, UnlabeledBatch

if TYPE_CHECKING:
    from tests.conftest import BuildTiny

names = pytest.mark.parametrize("name", METHODS)
LATE = Progress(9, 10)


def make_batch() -> Batch:
    masks = torch.randint(0, 3, (2, 16, 16))
    valid = torch.ones(2, 16, 16, dtype=torch.bool)
    labeled = LabeledBatch(torch.rand(2, 3, 16, 16), masks, valid)
    keep = torch.rand(2, 1, 16, 16) < 0.7
    weak, strong, second = torch.rand(3, 2, 3, 16, 16)
    second_keep = torch.rand(2, 1, 16, 16) < 0.7
    return Batch(labeled, UnlabeledBatch(weak, strong, valid, keep, second, second_keep))


def build(name: str, tiny_segmenter: BuildTiny) -> Method:
    method = method_class(name)(tiny_segmenter)
    method.train()
    return method


@names
def test_every_argument_is_keyword_only_typed_documented_and_has_a_default(name: str) -> None:
    cls = method_class(name)
    parameters = dict(inspect.signature(cls).parameters)
    assert next(iter(parameters)) == "build_network"
    documented = re.findall(r"^    (\w+): \S", inspect.getdoc(cls) or "", re.MULTILINE)
    assert documented == list(parameters)  # the help text of --method.NAME is made from it
    parameters.pop("build_network")
    for parameter in parameters.values():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert parameter.default is not inspect.Parameter.empty
        assert parameter.annotation is not inspect.Parameter.empty


@names
def test_roles(name: str, tiny_segmenter: BuildTiny) -> None:
    method = build(name, tiny_segmenter)
    students, networks = list(method.students()), list(method.networks())
    assert students
    assert networks[: len(students)] == students
    assert method.deployed in networks
    assert all(method.students()[role] is method.networks()[role] for role in students)
    assert len({id(network) for network in method.networks().values()}) == len(networks)


@names
def test_students_alone_are_trained(name: str, tiny_segmenter: BuildTiny) -> None:
    method = build(name, tiny_segmenter)
    trained = {id(parameter) for parameter in method.parameters() if parameter.requires_grad}
    assert trained == {id(p) for student in method.students().values() for p in student.parameters()}


@names
def test_students_start_differently_and_the_same_for_the_same_build(
    name: str, tiny_segmenter: BuildTiny
) -> None:
    one, two = build(name, tiny_segmenter), build(name, tiny_segmenter)
    assert all(torch.equal(value, two.state_dict()[key]) for key, value in one.state_dict().items())
    heads = [tuple(student.classifier.weight.flatten().tolist()) for student in one.students().values()]
    assert len(set(heads)) == len(heads)


@names
@pytest.mark.parametrize("step", [0, 9])
def test_a_step_has_finite_losses_and_a_gradient_everywhere(
    name: str, step: int, tiny_segmenter: BuildTiny
) -> None:
    method = build(name, tiny_segmenter)
    progress = Progress(step, 10)
    batch = make_batch()
    if not method.needs_unlabeled(progress):
        batch = batch._replace(unlabeled=None)
    output = method.step(batch, progress)
    assert output.losses
    assert all(loss.shape == () and loss.isfinite() for loss in output.losses.values())
    assert all(log.shape == () and log.isfinite() and not log.requires_grad for log in output.logs.values())
    assert not set(output.losses) & set(output.logs)
    torch.autograd.backward(torch.stack(list(output.losses.values())).sum())
    for role, student in method.students().items():
        for key, parameter in student.named_parameters():
            assert parameter.grad is not None, (role, key)
            assert parameter.grad.isfinite().all(), (role, key)
            assert parameter.grad.any(), (role, key)
    others = [network for role, network in method.networks().items() if role not in method.students()]
    assert all(parameter.grad is None for network in others for parameter in network.parameters())


@names
def test_normalization_of_every_network_keeps_up(name: str, tiny_segmenter: BuildTiny) -> None:
    """A network that averages weights alone would be evaluated with the statistics of its start."""
    method, batch = build(name, tiny_segmenter), make_batch()
    for step in range(3):
        method.step(batch, Progress(step, 10))
        method.after_step(Progress(step + 1, 10))
    for role, network in method.networks().items():
        assert int(network.state_dict()["encoder.1.num_batches_tracked"]) >= 3, role


@names
def test_state_survives_saving(name: str, tiny_segmenter: BuildTiny) -> None:
    """All that a step reads is in the state: a method that is loaded goes on with the same losses."""
    method, batch = build(name, tiny_segmenter), make_batch()
    method.step(batch, LATE)
    method.after_step(LATE)
    other = method_class(name)(lambda role: tiny_segmenter(f"other {role}"))
    other.train()
    other.load_state_dict(method.state_dict())
    one, two = method.step(batch, LATE).losses, other.step(batch, LATE).losses
    assert all(torch.equal(one[term], two[term]) for term in one)


def test_unknown_method_offers_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"no method 'mutal'; did you mean 'mutual'\?.*labels_only"):
        method_class("mutal")


class NeverReads(TorchDispatchMode):
    """Refuses operations that make the host wait for a device: a step must only ever queue work."""

    WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "bincount")

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        assert name not in self.WAITING, f"{func} reads values off the device"
        if name in ("index", "index_put", "index_put_"):
            selected = [index for index in args[1] if index is not None]
            assert all(index.dtype != torch.bool for index in selected), "a bool index counts on the device"
        return func(*args, **(kwargs or {}))


@names
@pytest.mark.parametrize("step", [0, 9])
def test_a_step_never_reads_the_device(name: str, step: int, tiny_segmenter: BuildTiny) -> None:
    method = build(name, tiny_segmenter)
    batch, progress = make_batch(), Progress(step, 10)
    with NeverReads():
        output = method.step(batch, progress)
        torch.stack(list(output.losses.values())).sum().backward()
        method.after_step(Progress(step + 1, 10))


def test_reading_the_device_is_seen() -> None:
    values = torch.arange(3.0)
    for read in (lambda: values.sum().item(), lambda: values[values > 1], lambda: torch.nonzero(values)):
        with NeverReads(), pytest.raises(AssertionError):
            read()
