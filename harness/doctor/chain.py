"""Write a chain of equal layers: a model whose cost is known to be in proportion to its length."""

from __future__ import annotations

from pathlib import Path

WIDTH = 64
OPSET, IR = 17, 8
"""What every runtime that a worker runs under can read."""


def write_chain(path: Path, layers: int, width: int = WIDTH) -> None:
    """Write `layers` matrix products of `width` in a row, ``x`` [N, width] float32 -> ``y``, to `path`.

    One weight serves all of them, so that the file and the memory do not grow
    with the length. It is a rotation: values neither grow nor fade.
    """
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = np.linalg.qr(np.random.default_rng(0).standard_normal((width, width)))[0].astype(np.float32)
    names = ["x", *(f"h{number}" for number in range(1, layers)), "y"]
    nodes = [helper.make_node("MatMul", [names[i], "w"], [names[i + 1]]) for i in range(layers)]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", width]) for name in ("x", "y"))
    graph = helper.make_graph(nodes, "chain", [x], [y], [numpy_helper.from_array(weight, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.save(model, path)
