"""What `export` does with its arguments, and what it prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mutualseg import api
from mutualseg.command_line.printing import complain, say
from mutualseg.terminal import json_line

_MUCH_LOST = 1.0
"""Points of mIoU that int8 may cost before it is advised against."""


def perform_export(arguments: dict[str, Any], as_json: bool) -> int:
    """Export a network; print where it is and how close it is to the one it was made of."""
    done = api.export(**arguments | {"quiet": as_json or arguments["quiet"]})
    if as_json:
        print(json_line(done))
        return 0
    for line in _of_the_file(done):
        say(line)
    if done["quantized"] is not None:
        for line in _of_int8(done["quantized"]):
            say(line)
        _warn(done["quantized"])
    return 0


def _of_the_file(done: Mapping[str, Any]) -> Iterator[str]:
    parity, predict = done["parity"], done["predict"]
    yield f"{done['file']}: {_megabytes(done['bytes'])}, for any size and number of images"
    shapes = len({tuple(shape) for shape in parity["shapes"]})
    yield f"checked against PyTorch on {parity['images']} {parity['source']}, in batches of {shapes} shapes:"
    yield (
        f"  max difference {parity['max_difference']:.2g} of logits up to {parity['largest_logit']:.3g}, "
        f"same class on {_percent(parity['agreement'])} of pixels"
    )
    if predict["precision"] != "32" or predict["agreement"] < parity["agreement"]:
        how = "bfloat16" if predict["precision"] != "32" else "float32"
        how += f" and windows of {predict['window']}" if predict["window"] else ""
        yield f"  predict computes in {how} here: same class on {_percent(predict['agreement'])} of pixels"


def _of_int8(made: Mapping[str, Any]) -> Iterator[str]:
    measured = f", measured on {made['calibrated_on']} images" if made["calibrated_on"] else ""
    yield f"{made['file']}: {_megabytes(made['bytes'])}, {made['kind']} int8{measured}"
    if made["miou"] is None:
        yield f"  no mIoU: {made['not_scored']}"
    else:
        yield (
            f"  mIoU {made['miou']:.2f} on {made['val_images']} val images, beside "
            f"{made['float_miou']:.2f} in float32"
        )
    yield (
        f"  same class as in float32 on {_percent(made['agreement'])} of pixels; {_time(made['int8_ms'])} "
        f"an image, beside {_time(made['float_ms'])}"
    )


def _warn(made: Mapping[str, Any]) -> None:
    if made["miou"] is not None and made["float_miou"] - made["miou"] > _MUCH_LOST:
        lost = made["float_miou"] - made["miou"]
        complain(f"int8 loses {lost:.1f} points of mIoU; use the float32 file if they matter")


def _percent(value: float) -> str:
    """Return a percentage that says 100 only where it is."""
    text = f"{value:.2f}"
    return f"{'99.99' if text == '100.00' and value < 100 else text} %"


def _time(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
