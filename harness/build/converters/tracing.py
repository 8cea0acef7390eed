"""What the converters of Keras and TensorFlow share: a call is traced, and tf2onnx converts what it does."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from harness.build.converters import Converted, Example, Wanted

BATCH = "batch"


def quiet() -> None:
    """Let TensorFlow print errors alone, and look for no GPU."""
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}


def convert_traced(call: Callable[[Any], Any], example: Example, wanted: Wanted) -> Converted:
    """Convert what `call` does with one tensor, or a mapping of tensors as the user gave it.

    The first axis of every input and output is the batch. Opsets above the newest of tf2onnx are not passed.
    """
    import tensorflow as tf
    import tf2onnx

    names, mapped = list(example.rows), isinstance(example.given, dict)

    def flat(*tensors: Any) -> list[Any]:
        given = dict(zip(names, tensors, strict=True)) if mapped else tensors[0]
        found: list[Any] = tf.nest.flatten(call(given))
        return found

    signature = [
        tf.TensorSpec([None, *value.shape[1:]], tf.as_dtype(value.dtype), name=name)
        for name, value in example.rows.items()
    ]
    traced = tf.function(flat, input_signature=signature)
    passed = min(wanted.opset, max(tf2onnx.constants.OPSET_TO_IR_VERSION))
    made, _ = tf2onnx.convert.from_function(traced, input_signature=signature, opset=passed)
    given = flat(*(tf.constant(value) for value in example.rows.values()))
    outputs = [value.name for value in made.graph.output]
    answers = {name: np.asarray(answer) for name, answer in zip(outputs, given, strict=True)}
    name_batch(made, answers, len(next(iter(example.rows.values()))))
    wanted.path.write_bytes(made.SerializeToString())
    return Converted(
        answers,
        labels=example.labels,
        opset_passed=passed,
    )


def name_batch(model: Any, answers: Mapping[str, np.ndarray[Any, Any]], rows: int) -> None:
    """Call the first axis of all inputs, and of outputs with an answer a row, the same in an ONNX model.

    tf2onnx gives that of each tensor a name of its own, as if they could differ.
    """
    same = {name for name, answer in answers.items() if answer.ndim and len(answer) == rows}
    for value in (*model.graph.input, *(item for item in model.graph.output if item.name in same)):
        dims = value.type.tensor_type.shape.dim
        if dims and not dims[0].dim_value:
            dims[0].dim_param = BATCH
