from __future__ import annotations

import pytest
import torch

from mutualseg.devices import DEVICES, autocast, resolve_device, resolve_precision
from mutualseg.errors import ConfigError


def pretend(monkeypatch: pytest.MonkeyPatch, *, cuda: bool = False, mps: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_fastest_that_is_there(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, expected: str
) -> None:
    pretend(monkeypatch, cuda=cuda, mps=mps)
    assert resolve_device("auto") == expected
    assert resolve_device("cpu") == "cpu"
    assert resolve_device(expected) == expected


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    pretend(monkeypatch)
    with pytest.raises(ConfigError, match=f"offers no '{device}'.*--device cpu or auto"):
        resolve_device(device)


@pytest.mark.parametrize("device", ["gpu", "cuda:1", ""])
def test_an_unknown_device_is_refused(device: str) -> None:
    with pytest.raises(ConfigError, match="use auto, cpu, cuda, mps"):
        resolve_device(device)
    assert device not in DEVICES


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, "32"),
        ({"avx512_bf16": False, "amx_bf16": False, "avx2": True}, "32"),
        ({"avx512_bf16": True}, "bf16"),
        ({"amx_bf16": True}, "bf16"),
    ],
)
def test_automatic_precision_follows_the_processor(
    monkeypatch: pytest.MonkeyPatch, flags: dict[str, bool], expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags)
    assert resolve_precision("auto", "cpu") == expected
    assert resolve_precision("auto", "mps") == "32"
    assert resolve_precision("32", "cpu") == "32"
    assert resolve_precision("bf16", "cpu") == "bf16"


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), "32"), ((8, 0), "bf16"), ((9, 0), "bf16")])
def test_automatic_precision_follows_the_graphics_card(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert resolve_precision("auto", "cuda") == expected


@pytest.mark.parametrize("precision", ["16", "fp32", "float32"])
def test_an_unknown_precision_is_refused(precision: str) -> None:
    with pytest.raises(ConfigError, match=f"no precision '{precision}'; use auto, 32, bf16"):
        resolve_precision(precision, "cpu")


def test_this_processor_answers() -> None:
    assert resolve_precision("auto", "cpu") in ("32", "bf16")


@pytest.mark.parametrize(("precision", "dtype"), [("32", torch.float32), ("bf16", torch.bfloat16)])
def test_autocast_computes_in_the_precision(precision: str, dtype: torch.dtype) -> None:
    with autocast("cpu", precision):
        assert (torch.rand(2, 2) @ torch.rand(2, 2)).dtype == dtype
    assert (torch.rand(2, 2) @ torch.rand(2, 2)).dtype == torch.float32
