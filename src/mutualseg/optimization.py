"""How networks are optimized: one optimizer for all students, its rate a function of the step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mutualseg.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch.optim import Optimizer

    from mutualseg.networks.segmenter import Segmenter


_MEASURED = "tf_efficientnet_lite0"
_MEASURED_RATES = {"encoder_rate": 8e-4, "decoder_rate": 4e-3}


def default_rates(network: str, encoder: str) -> dict[str, float]:
    """Return the peak rates of an encoder for AdamW, for which the user gives none.

    Those of EfficientNet-Lite0 measured best (docs/experiments.md). Those of plain vision transformers are
    UniMatch V2's for DINOv2 (arXiv 2410.10777): an encoder that was trained on so much is easily spoiled.
    Other encoders were not measured and have a quarter of EfficientNet-Lite0's.
    """
    if network == "dpt":
        return {"encoder_rate": 5e-6, "decoder_rate": 2e-4}
    if encoder.split(".")[0] == _MEASURED:
        return dict(_MEASURED_RATES)
    return {name: rate / 4 for name, rate in _MEASURED_RATES.items()}


@dataclass(frozen=True)
class Optimization:
    """The optimizer and its learning-rate schedule.

    Args:
        optimizer: `adamw` or `sgd`.
        encoder_rate: peak learning rate of the pretrained encoder; none: what suits the encoder, 8e-4 for
            EfficientNet-Lite0 (`default_rates`).
        decoder_rate: peak learning rate of everything after it; none: likewise, 4e-3.
        weight_decay: decoupled for AdamW, L2 for SGD.
        momentum: of SGD.
        poly_power: rates fall as (1 - step/total) to this power; 0 keeps them.
        warmup: steps over which rates first rise linearly; 0 starts at the peak.
    """

    optimizer: Literal["adamw", "sgd"] = "adamw"
    encoder_rate: float | None = None
    decoder_rate: float | None = None
    weight_decay: float = 1e-2
    momentum: float = 0.9
    poly_power: float = 0.9
    warmup: int = 0

    def __post_init__(self) -> None:
        if self.optimizer not in ("adamw", "sgd"):
            raise ConfigError(f"There is no optimizer '{self.optimizer}'; use adamw or sgd.")
        given = [rate for rate in (self.encoder_rate, self.decoder_rate) if rate is not None]
        if min(given, default=0.0) < 0 or given == [0.0, 0.0]:
            raise ConfigError(
                "Learning rates must not be negative nor both zero; give e.g. 0.0008 and 0.004."
            )

        for name in ("weight_decay", "momentum", "poly_power", "warmup"):
            if getattr(self, name) < 0:
                raise ConfigError(f"--optimization.{name} is {getattr(self, name)}; give 0 or more.")

    def build(self, networks: Iterable[Segmenter]) -> Optimizer:
        """Return an optimizer over each network's encoder and remainder; rates of none are Lite0's."""
        import torch

        from mutualseg.networks.segmenter import parameter_groups

        own = {"encoder_rate": self.encoder_rate, "decoder_rate": self.decoder_rate}
        rates = _MEASURED_RATES | {name: rate for name, rate in own.items() if rate is not None}
        groups = [group for network in networks for group in parameter_groups(network, **rates)]
        # Fused: one pass over each parameter's memory, on CPUs too.
        if self.optimizer == "sgd":
            return torch.optim.SGD(groups, momentum=self.momentum, weight_decay=self.weight_decay, fused=True)
        return torch.optim.AdamW(groups, weight_decay=self.weight_decay, fused=True)
