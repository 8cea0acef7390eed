"""Write a chain of equal layers: a model whose cost is known to be in proportion to its length."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

OPSET, IR = 17, 8
"""What every runtime that a worker runs under can read."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A kind of chain: what it stands for, and what each of its layers is."""

    name: str
    width: int
    own: bool  # a weight for each layer, that is read from memory; else one for all, that stays in a cache


SMALL = Chain("small", 64, own=False)
LARGE = Chain("15 MB", 192, own=True)


def write_chain(path: Path, layers: int, chain: Chain = SMALL) -> None:
    """Write `layers` matrix products in a row, ``x`` [N, width] float32 -> ``y``, to `path`.

    Weights are rotations: values neither grow nor fade. The own ones are one
    rotation with its rows in another order for each layer.
    """
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    width, count = chain.width, layers if chain.own else 1
    drawn = np.random.default_rng(0).standard_normal((width, width))
    rotation = np.linalg.qr(drawn)[0].astype(np.float32)
    weights = [numpy_helper.from_array(np.roll(rotation, i, axis=0), f"w{i}") for i in range(count)]
    names = ["x", *(f"h{number}" for number in range(1, layers)), "y"]
    nodes = [helper.make_node("MatMul", [names[i], f"w{i % count}"], [names[i + 1]]) for i in range(layers)]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", width]) for name in ("x", "y"))
    graph = helper.make_graph(nodes, "chain", [x], [y], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.save(model, path)
