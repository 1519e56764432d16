"""A trained network as one file for other programs: ONNX or PyTorch's pt2, checked against the network."""
