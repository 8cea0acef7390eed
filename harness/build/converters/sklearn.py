"""A fitted estimator or pipeline of scikit-learn, converted by skl2onnx."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.build.converters import Arrays, Converted, Example, Takes, Wanted
from harness.core.errors import Unsupported

TAKES = Takes.COLUMNS

ML_OPSET = 3
"""Of ai.onnx.ml: what all runtimes of a sweep load (ONNX 1.10), with every tree ensemble in it."""


def convert(example: Example, wanted: Wanted) -> Converted:
    """Convert, and let the original answer."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common import data_types as types
    from sklearn.base import is_classifier

    model, classifier = example.model, is_classifier(example.model)
    options = {id(model): {"zipmap": bool(wanted.options.get("zipmap"))}} if classifier else None
    made = convert_sklearn(
        model,
        type(model).__name__,
        initial_types=initial_types(example.rows, types),
        target_opset={"": wanted.opset, "ai.onnx.ml": ML_OPSET},
        options=options,
    )
    wanted.path.write_bytes(made.SerializeToString())
    return judged(example, [value.name for value in made.graph.output], classifier=classifier)


def initial_types(rows: Arrays, types: Any) -> list[tuple[str, Any]]:
    """Say what each input holds, in the words of the converters' common code."""
    made = {"f": types.FloatTensorType, "i": types.Int64TensorType, "b": types.BooleanTensorType}
    text = types.StringTensorType
    return [
        (name, made.get(value.dtype.kind, text)([None, *value.shape[1:]])) for name, value in rows.items()
    ]


def judged(example: Example, outputs: list[str], *, classifier: bool) -> Converted:
    """Pair the outputs of the file with what the original answers, and say which of them counts.

    Of a classifier that is the scores, if their places are the labels, or if the labels
    are text, which are then given by their places; else the label. Counted labels
    are as the output that counts gives them.
    """
    answers = dict(zip(outputs, own_answers(example.model, example.given), strict=False))
    if not classifier:
        labels = None if example.labels is None else as_numbers(example.labels)
        return Converted(answers, labels=labels)
    classes = np.asarray(example.model.classes_)
    places = classes.dtype.kind in "OUS" or np.array_equal(classes, np.arange(len(classes)))
    scores = len(outputs) > 1 and hasattr(example.model, "predict_proba") and places
    labels = example.labels
    if labels is not None:
        labels = _as_places(labels, classes) if classes.dtype.kind in "OUS" else _whole(labels)
    if labels is not None and classes.dtype.kind in "OUS" and not scores:
        note = "the labels are text, and there are no scores to judge them by"
        return Converted(answers, outputs[0], None, (note,))
    return Converted(answers, outputs[1] if scores else outputs[0], labels)


def own_answers(model: Any, given: Any) -> list[np.ndarray[Any, Any]]:
    """Return what the original answers, in the order in which converters give their outputs."""
    if not hasattr(model, "predict"):
        return [_dense(model.transform(given))]
    answers = [_dense(model.predict(given))]
    for name in ("predict_proba", "transform", "decision_function"):
        if hasattr(model, name):
            answers.append(_dense(getattr(model, name)(given)))
            break
    return answers


def _dense(value: Any) -> np.ndarray[Any, Any]:
    if isinstance(value, list):
        raise Unsupported("the original gives a list of answers, one for each of several targets")
    return np.asarray(value.toarray() if hasattr(value, "toarray") else value)


def _as_places(labels: np.ndarray[Any, Any], classes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Give each label's place among the classes; of a label that is none of them, -1."""
    known: Mapping[Any, int] = {value: place for place, value in enumerate(classes.tolist())}
    return np.asarray([known.get(value, -1) for value in labels.tolist()], np.int64)


def _whole(labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Give a classifier's labels as whole numbers, which say that it is one."""
    return labels.astype(np.int64)


def as_numbers(labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Give a regressor's labels as real numbers, which say that it is one."""
    return labels.astype(np.float64)
