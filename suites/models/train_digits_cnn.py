"""Train the digits CNN and export it to ``digits_cnn.onnx`` (a quarter of a minute)::

python suites/models/train_digits_cnn.py
"""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import torch
from torch import nn
from training import accuracy, train

PATH = Path(__file__).with_name("digits_cnn.onnx")
OPSET = 17


def network() -> nn.Module:
    """Return the untrained net: ``x`` [batch, 1, 8, 8] float32 in 0..1 -> ``scores`` [batch, 10]."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def main() -> None:
    """Train, export, and print the size and the accuracy."""
    torch.manual_seed(0)
    module = train(network(), epochs=60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this exporter goes to opset 17 by itself
        torch.onnx.export(
            module,
            (torch.zeros(2, 1, 8, 8),),
            str(PATH),
            dynamo=False,
            opset_version=OPSET,
            input_names=["x"],
            output_names=["scores"],
            dynamic_axes={"x": {0: "batch"}, "scores": {0: "batch"}},
        )
    model = onnx.load(PATH)
    for node in model.graph.node:
        node.ClearField("doc_string")
    onnx.save(model, PATH)
    print(f"{PATH.name}: {PATH.stat().st_size} bytes, top-1 {accuracy(module):.4f}")


if __name__ == "__main__":
    main()
