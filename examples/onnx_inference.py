"""Segment one image with an exported network that learned on 8-bit RGB images.

Run it by: python onnx_inference.py NETWORK.onnx IMAGE MASK.png
It needs onnxruntime, numpy and pillow; neither PyTorch nor mutualseg.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
about = json.loads(session.get_modelmeta().custom_metadata_map["mutualseg"])
image = ImageOps.exif_transpose(Image.open(sys.argv[2])).convert("RGB")
pixels = np.asarray(image, np.float32).transpose(2, 0, 1)[None] / 255  # [1,3,H,W] in [0, 1]
(classes,) = session.run(["classes"], {"image": pixels})  # uint8 [1,H,W]
mask = Image.fromarray(classes[0]).convert("P")
mask.putpalette(np.array(about["colors"], np.uint8).tobytes())
mask.save(sys.argv[3])
for index, name in enumerate(about["classes"]):
    print(f"{name}: {(classes == index).mean():.1%}")
