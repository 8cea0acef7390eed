"""What the converters of boosted trees share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from harness.build.converters import Converted, Example, Wanted
from harness.build.converters.sklearn import as_numbers
from harness.build.converters.sklearn import judged as judged_estimator


def write(
    converter: Callable[..., Any], example: Example, wanted: Wanted, **options: Any
) -> tuple[list[str], int]:
    """Write the model, of one matrix, by a converter of onnxmltools; return its outputs and the opset passed.

    It takes no newer one than its own newest.
    """
    from onnxmltools.convert.common import data_types
    from onnxmltools.convert.common.onnx_ex import get_maximum_opset_supported

    ((name, matrix),) = example.rows.items()
    passed = min(wanted.opset, get_maximum_opset_supported())
    made = converter(
        example.model,
        type(example.model).__name__,
        initial_types=[(name, data_types.FloatTensorType([None, matrix.shape[1]]))],
        target_opset=passed,
        **options,
    )
    wanted.path.write_bytes(made.SerializeToString())
    return [value.name for value in made.graph.output], passed


def judged(example: Example, outputs: list[str], own: Any, passed: int) -> Converted:
    """Pair the outputs with the original's answers: `own` of a bare booster, else of an estimator.

    A booster of two classes answers with the score of the second.
    """
    if own is None:
        classifier = hasattr(example.model, "classes_")
        return replace(judged_estimator(example, outputs, classifier=classifier), opset_passed=passed)
    answers, labels = np.asarray(own), example.labels
    if len(outputs) == 1:
        return Converted(
            {outputs[0]: answers}, labels=None if labels is None else as_numbers(labels), opset_passed=passed
        )
    scores = answers if answers.ndim == 2 else np.stack([1 - answers, answers], axis=1)
    return Converted(
        {outputs[0]: scores.argmax(axis=1), outputs[1]: scores},
        counts=outputs[1],
        labels=None if labels is None else labels.astype(np.int64),
        opset_passed=passed,
    )
