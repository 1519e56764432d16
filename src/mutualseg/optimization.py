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


def default_rates(network: str, encoder: str, optimizer: str = "adamw") -> dict[str, float]:
    """Return the peak rates of an encoder, where the user gives none.

    For SGD they are those of MKD's authors, whatever the encoder. For AdamW, EfficientNet-Lite0's measured
    best (docs/experiments.md); plain vision transformers have UniMatch V2's for DINOv2 (arXiv 2410.10777),
    since an encoder that was trained on so much is easily spoiled; other encoders were not measured and have
    a quarter of EfficientNet-Lite0's.
    """
    if optimizer == "sgd":
        return {"encoder_rate": 2.5e-3, "decoder_rate": 2.5e-3}
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
        encoder_rate: peak learning rate of the pretrained encoder; left open it is what suits the encoder,
            8e-4 for EfficientNet-Lite0 (`default_rates`).
        decoder_rate: peak learning rate of everything after it; left open likewise, 4e-3.
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

    def rates(self) -> dict[str, float]:
        """Return both rates; one that was left open, outside a run, is EfficientNet-Lite0's."""
        own = {"encoder_rate": self.encoder_rate, "decoder_rate": self.decoder_rate}
        defaults = default_rates("", _MEASURED, self.optimizer)
        return defaults | {name: rate for name, rate in own.items() if rate is not None}

    def build(self, networks: Iterable[Segmenter]) -> Optimizer:
        """Return an optimizer over each network's encoder and remainder, with `rates`."""
        import torch

        from mutualseg.networks.segmenter import parameter_groups

        groups = [group for network in networks for group in parameter_groups(network, **self.rates())]
        # Fused: one pass over each parameter's memory, on CPUs too.
        if self.optimizer == "sgd":
            return torch.optim.SGD(groups, momentum=self.momentum, weight_decay=self.weight_decay, fused=True)
        return torch.optim.AdamW(groups, weight_decay=self.weight_decay, fused=True)
