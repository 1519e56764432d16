"""The files that the real command writes, as other programs see them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

import mutualseg
from mutualseg.cli import main
from mutualseg.data.image_codes import RGB
from mutualseg.data.mask_codes import INDICES
from mutualseg.evaluation.metrics import ConfusionMatrix
from mutualseg.exporting import exporting as carrying_out
from mutualseg.exporting.images import calibration_images, images_of
from mutualseg.exporting.request import export_request
from mutualseg.exporting.sessions import Array, Run, Said, open_pt2
from mutualseg.weights_files import load_network
from tests.command.made import CLASSES
from tests.conftest import BuildTiny
from tests.exporting.conftest import Command

pytestmark = pytest.mark.slow

EXAMPLE = Path(mutualseg.__file__).parents[2] / "examples" / "onnx_inference.py"
SHAPES = [(1, 3, 97, 131), (2, 3, 64, 64), (3, 3, 1, 1), (5, 3, 33, 8)]


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("shape", SHAPES)
def test_the_runtime_says_what_pytorch_says(exported: Path, shape: tuple[int, ...]) -> None:
    network, _, _ = load_network(exported / "weights" / "deployed.safetensors")
    images = torch.rand(shape)
    logits, classes = session(exported / "export" / "network.onnx").run(None, {"image": images.numpy()})
    with torch.no_grad():
        expected = network.segment(images)
    torch.testing.assert_close(torch.from_numpy(logits), expected, rtol=1e-4, atol=1e-5)
    assert classes.dtype == np.uint8
    assert np.array_equal(classes, logits.argmax(1))


def test_the_file_is_one_and_describes_itself(exported: Path) -> None:
    names = {"network.onnx", "network.int8_static.onnx"}
    assert {path.name for path in (exported / "export").iterdir()} == names
    model = onnx.load(exported / "export" / "network.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [entry.version for entry in model.opset_import if entry.domain == ""] == [18]
    about = json.loads(next(entry.value for entry in model.metadata_props if entry.key == "mutualseg"))
    assert about["classes"] == list(CLASSES)
    assert len(about["colors"]) == len(CLASSES)
    assert about["input"]["layout"] == "NCHW"
    assert about["input"]["from_file"] == "upright, number / 255"
    assert (about["method"], about["role"], about["run"]) == ("mutual", "teacher_a", "exported")
    assert about["weights_license"] is None
    assert about["parity"]["source"] == "val images"
    assert about["parity"]["agreement"] >= 99.9
    dims = [dim.dim_param or dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    assert dims == ["batch", 3, "height", "width"]


def test_nothing_of_this_machine_is_in_the_file(exported: Path) -> None:
    content = (exported / "export" / "network.onnx").read_bytes()
    for place in (str(exported.parent), str(Path(mutualseg.__file__).parent), "site-packages"):
        assert place.encode() not in content
    assert not [node for node in onnx.load_from_string(content).graph.node if node.metadata_props]


def test_the_example_needs_neither_pytorch_nor_this_program(exported: Path, tmp_path: Path) -> None:
    photo = exported.parent / "data" / "images" / "test" / "00.png"
    blocked = (
        "import runpy, sys\n"
        "sys.modules['torch'] = sys.modules['mutualseg'] = None\n"
        "runpy.run_path(sys.argv.pop(1), run_name='__main__')\n"
    )
    mask = tmp_path / "mask.png"
    words = [EXAMPLE, exported / "export" / "network.onnx", photo, mask]
    done = subprocess.run(
        [sys.executable, "-I", "-c", blocked, *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == list(CLASSES)
    mutualseg.predict(str(exported), str(photo), out=str(tmp_path / "predicted"), quiet=True)
    with Image.open(mask) as found, Image.open(tmp_path / "predicted" / "00.png") as expected:
        assert np.array_equal(np.asarray(found), np.asarray(expected))
        assert np.array_equal(np.asarray(found.convert("RGB")), np.asarray(expected.convert("RGB")))


def test_int8_computes_in_int8_and_has_its_miou(exported: Path) -> None:
    path = exported / "export" / "network.int8_static.onnx"
    model = onnx.load(path)
    stored = {entry.data_type for entry in model.graph.initializer if len(entry.dims) == 4}
    assert onnx.TensorProto.INT8 in stored
    about = json.loads(next(entry.value for entry in model.metadata_props if entry.key == "mutualseg"))
    made = about["quantization"]
    assert made["calibrated_on"] == 10  # all training images of the made data
    data = exported.parent / "data"
    for name, key in (("network.onnx", "float_miou"), ("network.int8_static.onnx", "miou")):
        assert made[key] == pytest.approx(miou(exported / "export" / name, data), abs=1e-3)


def miou(path: Path, data: Path) -> float:
    """Score a file on the val part, image by image."""
    matrix = ConfusionMatrix(len(CLASSES))
    run = session(path)
    for image in sorted((data / "images" / "val").iterdir()):
        pixels = np.asarray(Image.open(image), np.float32).transpose(2, 0, 1)[None] / 255
        (classes,) = run.run(["classes"], {"image": pixels})
        mask = INDICES.read(data / "masks" / "val" / image.name)
        matrix.update(torch.from_numpy(classes[0]), torch.from_numpy(mask))
    return matrix.scores().miou


def test_pt2_needs_pytorch_alone(tiny_run: Path, command: Command) -> None:
    done = command("export", tiny_run, "--to", "pt2", "--json")
    assert done.code == 0
    assert done.err == ""
    said = json.loads(done.out)
    assert said["quantized"] is None
    files: dict[str, Any] = {"mutualseg.json": ""}
    program = torch.export.load(said["file"], extra_files=files).module()
    assert json.loads(files["mutualseg.json"])["classes"] == list(CLASSES)
    network, _, _ = load_network(tiny_run / "weights" / "deployed.safetensors")
    for shape in SHAPES:
        images = torch.rand(shape)
        with torch.no_grad():
            torch.testing.assert_close(program(images), network.segment(images))
    assert str(tiny_run.parent).encode() not in Path(said["file"]).read_bytes()


def test_dynamic_int8_of_bare_weights_elsewhere(
    tiny_run: Path, trained: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    photos = trained / "data" / "images" / "test"
    weights = tiny_run / "weights" / "deployed.safetensors"
    words = [
        "export",
        str(weights),
        "--out",
        "out/net.onnx",
        "--quantize",
        "dynamic",
        "--images",
        str(photos),
    ]
    capfd.readouterr()
    assert main(words) == 0
    printed = capfd.readouterr()
    assert [path.name for path in sorted(Path("out").iterdir())] == ["net.int8_dynamic.onnx", "net.onnx"]
    lines = printed.out.splitlines()
    assert lines[1] == "checked against PyTorch on 2 named images, in batches of 5 shapes:"
    assert "no mIoU" in printed.out
    assert max(map(len, lines)) <= 90
    assert len(printed.err.splitlines()) == 3, printed.err  # what is done, and nothing of a library


def test_a_run_whose_data_are_gone_is_compared_on_made_images(
    tiny_run: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_data(tiny_run)
    done = command("export", tiny_run, "--quantize", "static")
    assert done.code == 2
    assert "--quantize static measures on training images" in done.err
    done = command("export", tiny_run, "--to", "pt2")
    assert done.code == 0
    assert "compared on made images, since the run's own cannot be had" in done.err
    assert "on 3 made images" in done.out


def lose_data(run: Path) -> None:
    config = run / "config.yaml"
    lines = config.read_text(encoding="utf-8").splitlines(keepends=True)
    config.write_text(
        "".join("data: /gone\n" if line.startswith("data:") else line for line in lines), encoding="utf-8"
    )


def test_moved_data_are_named(tiny_run: Path, trained: Path, command: Command) -> None:
    lose_data(tiny_run)
    done = command("export", tiny_run, "--to", "pt2", "--data", trained / "data", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert "on 3 val images" in done.out


@pytest.mark.parametrize("fault", [1.0, float("nan")])
def test_a_file_that_differs_is_not_kept(
    tiny_run: Path, command: Command, monkeypatch: pytest.MonkeyPatch, fault: float
) -> None:
    def opened(path: Path) -> Run:
        run = open_pt2(path)

        def other(images: Array) -> Said:
            said = run(images)
            said.logits[:, 0] += fault
            return Said(said.logits, said.logits.argmax(1).astype(np.uint8))

        return other

    (tiny_run / "export").mkdir()
    before = tiny_run / "export" / "network.pt2"
    before.write_text("an earlier one")
    monkeypatch.setattr(carrying_out, "open_pt2", opened)
    done = command("export", tiny_run, "--to", "pt2")
    assert done.code == 2
    assert "mutualseg: The pt2 file differs from the network in PyTorch" in done.err
    assert "it was not kept" in done.err
    assert [path.name for path in before.parent.iterdir()] == ["network.pt2"]
    assert before.read_text() == "an earlier one"


def test_calibration_is_on_training_images_alone(tiny_run: Path) -> None:
    request = export_request(
        tiny_run, to="onnx", out=None, quantize="static", data=None, images=[], opset=None, quiet=True
    )
    found = images_of(request, RGB)
    assert {path.parent.name for path in found.training} == {"train"}
    assert len(found.training) == 10
    assert [sample.image.parent.name for sample in found.val] == ["val"] * 3
    images = calibration_images(request, found, RGB)
    expected = {RGB.read(path).tobytes() for path in found.training}
    assert {(image.permute(1, 2, 0) * 255).round().byte().numpy().tobytes() for image in images} == expected


@pytest.mark.parametrize("window", [None, 32])
def test_what_predict_says_is_compared_too(tiny_segmenter: BuildTiny, window: int | None) -> None:
    network = tiny_segmenter(patchwise=True).eval()  # sees the same in windows

    def run(images: Array) -> Said:
        with torch.no_grad():
            logits = network.segment(torch.from_numpy(images)).numpy()
        return Said(logits, logits.argmax(1).astype(np.uint8))

    image = torch.rand(3, 48, 64)
    facts = {"precision": "32", "window": window}
    found = carrying_out._beside_predict(network, run, [image], facts)
    # Only where neighboring windows are blended may the two differ.
    assert (found["precision"], found["window"]) == ("32", window)
    assert found["agreement"] == 100 if window is None else 80 < found["agreement"] <= 100
