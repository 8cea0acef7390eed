"""A function or callable module of JAX (flax, equinox), converted by jax2onnx."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.build.converters import Converted, Example, Takes, Wanted
from harness.core.errors import Failed

TAKES = Takes.TENSORS


def convert(example: Example, wanted: Wanted) -> Converted:
    """Convert, the first axis of every input being the batch, and let the original answer."""
    import jax
    from jax2onnx import to_onnx

    names, mapped = list(example.rows), isinstance(example.given, dict)

    def call(*arrays: Any) -> Any:
        return example.model(**dict(zip(names, arrays, strict=True))) if mapped else example.model(*arrays)

    (batch,) = jax.export.symbolic_shape("batch")
    made: Any = to_onnx(
        call,
        inputs=[
            jax.ShapeDtypeStruct((batch, *value.shape[1:]), own_type(name, value))
            for name, value in example.rows.items()
        ],
        input_names=names,
        opset=wanted.opset,
    )
    wanted.path.write_bytes(made.SerializeToString())
    answers = jax.tree_util.tree_leaves(jax.jit(call)(*example.rows.values()))
    outputs = [value.name for value in made.graph.output]
    return Converted(
        {name: np.asarray(answer) for name, answer in zip(outputs, answers, strict=True)},
        labels=example.labels,
    )


def own_type(name: str, value: np.ndarray[Any, Any]) -> Any:
    """Return the type of an input. Raises Failed where JAX would compute in another one."""
    import jax

    own = jax.dtypes.canonicalize_dtype(value.dtype)
    if own != value.dtype:
        raise Failed(f"jax source: input {name!r} is {value.dtype}, which JAX computes in {own}: give that")
    return own
