"""The command, the app's page and the exported file name the same classes on the same images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

import mutualseg
from mutualseg.web_app.networks import Networks
from mutualseg.web_app.page_images import folder_images
from mutualseg.web_app.sessions import Sessions
from mutualseg.web_app.viewer import Viewer
from tests.command.made import write_photos

pytestmark = pytest.mark.slow


def test_predict_app_and_exported_file_agree(exported: Path, tmp_path: Path) -> None:
    names = ("a", "sub/b", "c")
    photos = write_photos(tmp_path / "photos", tuple(f"{name}.png" for name in names))
    with Image.open(photos / "c.png") as image:
        image.resize((131, 97)).save(photos / "c.png")
    out = tmp_path / "predicted"
    mutualseg.predict(str(exported), str(photos), out=str(out), quiet=True)
    app = Viewer(
        Networks([str(exported)], device="cpu"),
        folder_images(photos),
        Sessions(tmp_path / "sessions"),
        max_megapixels=50,
    )
    session = onnxruntime.InferenceSession(
        exported / "export" / "network.onnx", providers=["CPUExecutionProvider"]
    )
    kept = {}
    app.open("page")
    for position in range(len(names)):
        seen = app.go("page", position).seen
        assert seen is not None
        assert seen.answers[0] is not None
        kept[seen.image.name] = seen.answers[0].mask
    found = set()
    for name in names:
        with Image.open(photos / f"{name}.png") as photo, Image.open(out / f"{name}.png") as mask:
            pixels, predicted = np.asarray(photo), np.asarray(mask)
        assert kept[f"{name}.png"].read_bytes() == (out / f"{name}.png").read_bytes()
        assert np.array_equal(mutualseg.load(exported).predict(pixels), predicted)
        batch = pixels.transpose(2, 0, 1)[None].astype(np.float32) / 255
        logits = session.run(["logits"], {session.get_inputs()[0].name: batch})[0]
        assert float((logits[0].argmax(0) == predicted).mean()) >= 0.999, json.dumps(name)
        found |= set(np.unique(predicted).tolist())
    assert len(found) > 1  # of one class everything would agree
