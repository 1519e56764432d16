"""How networks are optimized: one optimizer for all students, its rate a function of the step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mutualseg.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch.optim import Optimizer

    from mutualseg.networks.segmenter import Segmenter


@dataclass(frozen=True)
class Optimization:
    """The optimizer and its learning-rate schedule.

    Args:
        optimizer: `adamw` or `sgd`.
        encoder_rate: peak learning rate of the pretrained encoder.
        decoder_rate: peak learning rate of everything after it.
        weight_decay: decoupled for AdamW, L2 for SGD.
        momentum: of SGD.
        poly_power: rates fall as (1 - step/total) to this power; 0 keeps them.
        warmup: steps over which rates first rise linearly; 0 starts at the peak.
    """

    optimizer: Literal["adamw", "sgd"] = "adamw"
    encoder_rate: float = 2e-4
    decoder_rate: float = 1e-3
    weight_decay: float = 1e-2
    momentum: float = 0.9
    poly_power: float = 0.9
    warmup: int = 0

    def __post_init__(self) -> None:
        if self.optimizer not in ("adamw", "sgd"):
            raise ConfigError(f"There is no optimizer '{self.optimizer}'; use adamw or sgd.")
        if min(self.encoder_rate, self.decoder_rate) < 0 or self.encoder_rate == self.decoder_rate == 0:
            raise ConfigError(
                "Learning rates must not be negative nor both zero; give e.g. 0.0002 and 0.001."
            )

        for name in ("weight_decay", "momentum", "poly_power", "warmup"):
            if getattr(self, name) < 0:
                raise ConfigError(f"--optimization.{name} is {getattr(self, name)}; give 0 or more.")

    def build(self, networks: Iterable[Segmenter]) -> Optimizer:
        """Return an optimizer over each network's encoder and remainder."""
        import torch

        from mutualseg.networks.segmenter import parameter_groups

        groups = [
            group
            for network in networks
            for group in parameter_groups(
                network, encoder_rate=self.encoder_rate, decoder_rate=self.decoder_rate
            )
        ]
        # Fused: one pass over each parameter's memory, on CPUs too.
        if self.optimizer == "sgd":
            return torch.optim.SGD(groups, momentum=self.momentum, weight_decay=self.weight_decay, fused=True)
        return torch.optim.AdamW(groups, weight_decay=self.weight_decay, fused=True)
