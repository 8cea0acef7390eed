"""A model of Keras 3, converted by tf2onnx from what TensorFlow traces of it.

tf2onnx's own ``from_keras`` reads what Keras 2 had, and fails on Keras 3.
"""

from __future__ import annotations

import os

from harness.build.converters import Converted, Example, Takes, Wanted
from harness.build.converters.tracing import convert_traced, quiet

TAKES = Takes.TENSORS


def seed() -> None:
    """Let Keras use TensorFlow, whatever this user's settings are, and draw the same weights each time."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    quiet()
    import keras

    keras.utils.set_random_seed(0)


def convert(example: Example, wanted: Wanted) -> Converted:
    """Convert, and let the original answer, both as it is used and not as it is trained."""
    return convert_traced(lambda given: example.model(given, training=False), example, wanted)
