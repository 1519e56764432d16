"""What is to be exported, and where to; refused before anything heavy is imported if it cannot be."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mutualseg.data.inside import is_inside
from mutualseg.errors import ConfigError
from mutualseg.nearest import nearest_name
from mutualseg.runs import RunFolder, require_weights

FORMATS = ("onnx", "pt2")
QUANTIZATIONS = ("dynamic", "static")
OPSETS = range(18, 24)
"""Of ONNX: below 18 it cannot resize as networks do, above 23 PyTorch does not write it."""

_NEEDED = ("onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class Request:
    """Arguments of `mutualseg.export`, looked over."""

    run: Path
    """Run folder or weights file."""
    weights: Path
    format: str
    out: Path
    """The file of the network itself."""
    quantize: str | None
    data: str | None
    images: tuple[Path, ...]
    opset: int
    quiet: bool

    @property
    def quantized_out(self) -> Path:
        """The file of the int8 network, beside the other."""
        return self.out.with_name(f"{self.out.stem}.int8_{self.quantize}{self.out.suffix}")


def export_request(
    run: Path,
    *,
    to: str,
    out: str | None,
    quantize: str | None,
    data: str | None,
    images: Sequence[Path],
    opset: int | None,
    quiet: bool,
) -> Request:
    """Return a request that can be carried out as far as one can tell without reading the network.

    Raises:
        ConfigError: arguments are unknown, exclude each other, or need what is not installed.
        WeightsError: the run has no weights.
    """
    _require_known("--to", to, FORMATS)
    if quantize is not None:
        _require_known("--quantize", quantize, QUANTIZATIONS)
    if to == "pt2" and quantize is not None:
        raise ConfigError("--quantize makes int8 of ONNX files only; leave it out, or use --to onnx.")
    if to == "pt2" and opset is not None:
        raise ConfigError("--opset is of ONNX files only; leave it out, or use --to onnx.")
    if opset is not None and (isinstance(opset, bool) or opset not in OPSETS):
        raise ConfigError(
            f"--opset {opset} cannot be written; give one from {OPSETS[0]} to {OPSETS[-1]}, or leave it out."
        )
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None] if to == "onnx" else []
    if missing:
        raise ConfigError(f"--to onnx needs {' and '.join(missing)}; pip install 'mutualseg[export]'.")
    weights = require_weights(run)
    for path in images:
        if not path.exists():
            raise ConfigError(f"--images {path} does not exist; check the path.")
    if data is not None and not Path(data).is_dir():
        raise ConfigError(f"--data {data} is no folder; give the one that the run's data lie in now.")
    target = _target(run, to, out)
    return Request(run, weights, to, target, quantize, data, tuple(images), opset or OPSETS[0], quiet)


def refuse_data_folder(out: Path, data: Path) -> None:
    """Raise ConfigError if a file would be written among the images or masks of a data folder."""
    if any(is_inside(str(out.absolute()), data / kind) for kind in ("images", "masks")):
        raise ConfigError(f"--out {out} is among the images of {data}; name another place.")


def _require_known(option: str, given: str, known: Sequence[str]) -> None:
    if given not in known:
        raise ConfigError(
            f"{option} {given} is unknown; did you mean '{nearest_name(str(given), known)}'? "
            f"There are {' and '.join(known)}."
        )


def _target(run: Path, to: str, out: str | None) -> Path:
    name = f"network.{to}"
    if out is None:
        if not run.is_dir():
            raise ConfigError(f"{run} is a file, not a run, so --out is needed; name a file such as {name}.")
        return RunFolder(run).export / name
    path = Path(out)
    if path.suffix == f".{to}" and not path.is_dir():
        return path
    if path.suffix.removeprefix(".") in FORMATS or (path.exists() and not path.is_dir()):
        raise ConfigError(f"--out {out} does not end in .{to}; name such a file, or a folder.")
    return path / name
