from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

import mutualseg
from mutualseg.errors import ConfigError
from mutualseg.exporting.request import refuse_data_folder
from tests.exporting.conftest import Command


@pytest.fixture
def _no_heavy_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mutualseg.exporting.exporting", None)


REFUSED = {
    "an unknown format": (("--to", "onx"), "give one of onnx, pt2"),
    "an unknown way to int8": (("--quantize", "int4"), "give one of dynamic, static"),
    "int8 of pt2": (("--to", "pt2", "--quantize", "static"), "use --to onnx"),
    "an operator set of pt2": (("--to", "pt2", "--opset", "18"), "use --to onnx"),
    "an old operator set": (("--opset", "17"), "from 18 to 23"),
    "images that are not there": (("--images", "nowhere"), "--images nowhere does not exist"),
    "data that are not there": (("--data", "nowhere"), "--data nowhere is no folder"),
    "another ending": (("--out", "model.pt2"), "does not end in .onnx"),
    "an unknown option": (("--quantise", "static"), "did you mean --quantize?"),
}


@pytest.mark.usefixtures("_no_heavy_imports")
@pytest.mark.parametrize(("words", "says"), REFUSED.values(), ids=REFUSED)
def test_refused_before_anything_heavy(
    tiny_run: Path, command: Command, words: tuple[str, ...], says: str
) -> None:
    done = command("export", tiny_run, *words)
    assert done.code == 2
    assert says in done.err
    assert done.err.count("\n") == 1
    assert not (tiny_run / "export").exists()


@pytest.mark.usefixtures("_no_heavy_imports")
def test_a_run_that_is_not_there_or_not_finished(tiny_run: Path, command: Command) -> None:
    assert "There is no run or weights file 'other'" in command("export", "other").err
    (tiny_run / "weights" / "deployed.safetensors").unlink()
    assert "finish the training" in command("export", tiny_run).err


@pytest.mark.usefixtures("_no_heavy_imports")
def test_bare_weights_need_a_place(tiny_run: Path, command: Command) -> None:
    done = command("export", tiny_run / "weights" / "deployed.safetensors")
    assert done.code == 2
    assert "--out is needed" in done.err


@pytest.mark.usefixtures("_no_heavy_imports")
def test_a_missing_extra_is_named(tiny_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else found(name)
    )
    with pytest.raises(ConfigError, match=r"needs onnxruntime; pip install 'mutualseg\[export\]'"):
        mutualseg.export(str(tiny_run))


@pytest.mark.usefixtures("_no_heavy_imports")
@pytest.mark.parametrize("wrong", [{"to": "tflite"}, {"quantize": "int8"}, {"opset": True}])
def test_wrong_values_from_python(tiny_run: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        mutualseg.export(str(tiny_run), **wrong)  # type: ignore[arg-type]


def test_nothing_is_written_among_images(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    refuse_data_folder(tmp_path / "runs" / "network.onnx", tmp_path)  # runs may lie in the data folder
    with pytest.raises(ConfigError, match="is among the images"):
        refuse_data_folder(tmp_path / "images" / "network.onnx", tmp_path)
