"""The passes through networks that a method's step cannot do without, recorded once and replayed bare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mutualseg.devices import autocast
from mutualseg.methods.base import Method
from mutualseg.optimization import Optimization


@dataclass(frozen=True)
class Pass:
    """One call of a network."""

    role: str
    shape: tuple[int, ...]
    trains: bool
    """Whether gradients were recorded: a backward pass follows."""


@contextmanager
def recorded(method: Method) -> Iterator[list[Pass]]:
    """Collect the calls of all of a method's networks while the context is open."""
    passes: list[Pass] = []

    def watch(role: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            passes.append(Pass(role, tuple(inputs[0].shape), torch.is_grad_enabled()))

        return note

    hooks = [net.register_forward_pre_hook(watch(role)) for role, net in method.networks().items()]
    try:
        yield passes
    finally:
        for hook in hooks:
            hook.remove()


class BarePasses:
    """Replay passes: the students' forwards, their backwards, the optimizer's step, then the teachers'.

    The loss is the mean of the logits at the decoder's grid: no upsampling and no cross entropy.

    Args:
        method: whose networks run; a copy of the measured one, since its weights move.
        passes: what to run.
        optimization: as in the measured step.
        device: where the networks are.
        precision: as in the measured step.
    """

    def __init__(
        self,
        method: Method,
        passes: Sequence[Pass],
        optimization: Optimization,
        *,
        device: str,
        precision: str,
    ) -> None:
        self.networks = method.to(device).networks()
        for network in self.networks.values():
            network.to(memory_format=torch.channels_last)
        self.passes = passes
        self.optimizer = optimization.build(method.students().values())
        self.device, self.precision = device, precision
        self.images = {
            shape: torch.rand(shape, device=device).contiguous(memory_format=torch.channels_last)
            for shape in {one.shape for one in passes}
        }

    def __call__(self) -> None:
        """Run them once."""
        self.optimizer.zero_grad()
        trained, followed = ([one for one in self.passes if one.trains is wanted] for wanted in (True, False))
        with autocast(self.device, self.precision):
            losses = [self._logits(one).mean() for one in trained]
        torch.stack(losses).sum().backward()
        self.optimizer.step()
        with torch.no_grad(), autocast(self.device, self.precision):
            for one in followed:
                self._logits(one)

    def _logits(self, one: Pass) -> Tensor:
        logits: Tensor = self.networks[one.role](self.images[one.shape]).logits
        return logits
