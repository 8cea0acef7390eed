"""A function, module or SavedModel of TensorFlow, converted by tf2onnx."""

from __future__ import annotations

from typing import Any

from harness.build.converters import Converted, Example, Takes, Wanted
from harness.build.converters.tracing import convert_traced, quiet
from harness.core.errors import Failed

TAKES = Takes.TENSORS
SERVING = "serving_default"


def seed() -> None:
    """Draw the same weights each time."""
    quiet()
    import tensorflow

    tensorflow.random.set_seed(0)


def convert(example: Example, wanted: Wanted) -> Converted:
    """Convert, and let the original answer."""
    function = find_call(example.model)

    def call(given: Any) -> Any:
        return function(**given) if isinstance(given, dict) else function(given)

    return convert_traced(call, example, wanted)


def find_call(model: Any) -> Any:
    """Return what is called: the model, or what a loaded SavedModel serves. Raises Failed."""
    if callable(model):
        return model
    signatures = getattr(model, "signatures", {})
    if SERVING not in signatures:
        kind = type(model).__name__
        raise Failed(f"tensorflow source: a model of type {kind} cannot be called, nor has it a {SERVING!r}")
    serve = signatures[SERVING]
    names = list(serve.structured_input_signature[1])
    return lambda *given, **named: serve(**dict(zip(names, given, strict=False)), **named)
