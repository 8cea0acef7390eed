"""Operations and bytes of operators, with exact numbers, and the table of the docs."""

from __future__ import annotations

from typing import Any

import pytest

from harness.profile.flops import FORMULAS, MOVES, table, work
from harness.profile.model import Graph, GraphNode, Kernel, Tensor, Work
from harness.profile.operation import Operation, operations
from tests.models import ROOT


def ran(
    op: str, inputs: list[Any], outputs: list[Any], dtype: str = "float", domain: str = "", **attributes: Any
) -> Work:
    def tensors(shapes: list[Any]) -> tuple[Tensor | None, ...]:
        return tuple(
            shape if shape is None or isinstance(shape, Tensor) else Tensor(dtype, tuple(shape))
            for shape in shapes
        )

    return work(Operation(op, domain, tensors(inputs), tensors(outputs), attributes))


U8, S8, F32 = (lambda *dims, kind=kind: Tensor(kind, dims) for kind in ("uint8", "int8", "float"))

COUNTS: list[tuple[str, Work, float, int]] = [
    ("conv", ran("Conv", [[1, 3, 8, 8], [16, 3, 3, 3], [16]], [[1, 16, 8, 8]]), 2 * 1024 * 27, 4 * 1664),
    ("depthwise", ran("FusedConv", [[1, 8, 4, 4], [8, 1, 3, 3]], [[1, 8, 4, 4]]), 2 * 128 * 9, 4 * 328),
    ("nchwc", ran("Conv", [[2, 32, 8, 8], [64, 32, 3, 3]], [[2, 64, 8, 8]], domain="com.microsoft.nchwc"),
     2 * 8192 * 288, 4 * (4096 + 18432 + 8192)),
    ("transposed", ran("ConvTranspose", [[1, 4, 5, 5], [4, 6, 2, 2]], [[1, 6, 10, 10]]), 2 * 100 * 24,
     4 * (100 + 96 + 600)),
    ("qconv", ran("QLinearConv", [U8(1, 3, 8, 8), F32(), U8(), S8(16, 3, 3, 3), F32(16), S8(16), F32(), U8()],
                  [U8(1, 16, 8, 8)]), 2 * 1024 * 27, 192 + 4 + 1 + 432 + 64 + 16 + 4 + 1 + 1024),
    ("gemm", ran("FusedGemm", [[2, 256], [128, 256], [128]], [[2, 128]], transB=1), 2 * 2 * 128 * 256,
     4 * (512 + 32768 + 128 + 256)),
    ("gemm of a transposed", ran("Gemm", [[256, 2], [256, 128]], [[2, 128]], transA=1), 2 * 2 * 128 * 256,
     4 * (512 + 32768 + 256)),
    ("matmul", ran("MatMul", [[3, 5, 7], [7, 11]], [[3, 5, 11]]), 2 * 165 * 7, 4 * (105 + 77 + 165)),
    ("integer", ran("MatMulInteger", [U8(5, 7), S8(7, 11)], [Tensor("int32", (5, 11))]), 2 * 55 * 7,
     35 + 77 + 220),
    ("nbits", ran("MatMulNBits", [F32(1, 4, 64), U8(96, 2, 16), F32(192)], [F32(1, 4, 96)], K=64, N=96),
     2 * 4 * 64 * 96, 4 * (256 + 192 + 384) + 3072),
    ("einsum", ran("Einsum", [[2, 3, 4], [2, 4, 5]], [[2, 3, 5]], equation="bij, bjk -> bik"), 2 * 120,
     4 * (24 + 40 + 30)),
    ("attention", ran("Attention", [[2, 8, 32], [32, 96], [96]], [[2, 8, 32]], domain="com.microsoft"),
     2 * 2 * 8 * 32 * 96 + 2 * 2 * 8 * 8 * 64, 4 * (512 + 3072 + 96 + 512)),
    ("onnx attention", ran("Attention", [[2, 4, 8, 16], [2, 4, 10, 16], [2, 4, 10, 16]], [[2, 4, 8, 16]]),
     2 * 10 * (1024 + 1024), 4 * (1024 + 1280 + 1280 + 1024)),
    ("multi head", ran("MultiHeadAttention", [[2, 8, 64], [2, 10, 64], [2, 10, 64]], [[2, 8, 64]]),
     2 * 10 * (1024 + 1024), 4 * (1024 + 1280 + 1280 + 1024)),
    ("grouped", ran("GroupQueryAttention", [[1, 1, 64], [1, 1, 32], [1, 1, 32], [1, 2, 9, 16], [1, 2, 9, 16]],
                    [[1, 1, 64], [1, 2, 10, 16], [1, 2, 10, 16]]), 4 * 10 * 64,
     4 * (64 + 32 + 32 + 288 + 288 + 64 + 320 + 320)),
    ("lstm", ran("LSTM", [[6, 2, 10], [1, 80, 10], [1, 80, 20]], [[6, 1, 2, 20]], hidden_size=20),
     2 * 6 * 2 * 80 * 30, 4 * (120 + 800 + 1600 + 240)),
    ("norm", ran("LayerNormalization", [[2, 8], [8], [8]], [[2, 8]]), 7 * 16, 4 * 48),
    ("batch norm", ran("BatchNormalization", [[1, 4, 2]] + [[4]] * 4, [[1, 4, 2]]), 16, 4 * 32),
    ("add", ran("Add", [[2, 8], [8]], [[2, 8]]), 16, 4 * 40),
    ("half", ran("Add", [[2, 8], [8]], [[2, 8]], dtype="float16"), 16, 2 * 40),
    ("reduce", ran("GlobalAveragePool", [[1, 4, 5, 5]], [[1, 4, 1, 1]]), 100, 4 * 104),
    ("pool", ran("MaxPool", [[1, 4, 8, 8]], [[1, 4, 4, 4]], kernel_shape=[2, 2]), 256, 4 * 320),
    ("resize", ran("Resize", [[1, 1, 4, 4]], [[1, 1, 8, 8]], mode="linear"), 2 * 64 * 4, 4 * 80),
    ("transpose", ran("Transpose", [[4, 8]], [[8, 4]]), 0, 4 * 64),
    ("gather", ran("Gather", [[1000, 8], Tensor("int64", (3,))], [[3, 8]]), 0, 2 * 96 + 24),
    ("view", ran("Reshape", [[4, 8], Tensor("int64", (1,))], [[32]]), 0, 0),
    ("int4", ran("DequantizeLinear", [Tensor("int4", (3,)), F32()], [F32(3)]), 6, 2 + 4 + 12),
]  # fmt: skip


@pytest.mark.parametrize(
    ("found", "flops", "moved"), [row[1:] for row in COUNTS], ids=[row[0] for row in COUNTS]
)
def test_a_multiplication_with_its_addition_is_two_and_bytes_move_once(
    found: Work, flops: float, moved: int
) -> None:
    assert (found.flops, found.moved_bytes, found.reason) == (flops, moved, "")


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (ran("MyOp", [[1]], [[1]]), "MyOp has no formula"),
        (ran("TreeEnsembleRegressor", [[1, 4]], [[1, 1]]), "the path through a tree depends on the values"),
        (ran("Conv", [[1, 3, 8, 8]], [[1, 16, 8, 8]]), "the shape of its input 1 is not known"),
        (ran("MatMulNBits", [[1, 64]], [[1, 96]]), "its attribute N is not known"),
        (ran("Add", [Tensor("string", (1,)), [1]], [[1]]), "a tensor of string has no fixed size"),
        (
            ran(
                "GroupQueryAttention", [[1, 1, 64], None, None, [1, 2, 99, 16]], [[1, 1, 64], [1, 2, 99, 16]]
            ),
            "past and present share one buffer: how much of it is used is a value, not a shape",
        ),
    ],
)
def test_what_cannot_be_counted_has_a_reason_and_no_number(found: Work, reason: str) -> None:
    assert (found.flops, found.moved_bytes, found.reason) == (None, None, reason)


def test_the_type_of_a_node_is_what_it_computes_in() -> None:
    kinds = {name: found.kernel for name, found, _, _ in COUNTS}
    assert (kinds["conv"], kinds["half"], kinds["qconv"], kinds["integer"], kinds["nbits"]) == (
        Kernel.FP32,
        Kernel.FP16,
        Kernel.INT8,
        Kernel.INT8,
        Kernel.FP32,
    )
    faster = ran("MatMulNBits", [[4, 64], U8(96, 2, 16), [192]], [[4, 96]], N=96, accuracy_level=4)
    assert faster.kernel is Kernel.INT8


def test_weights_that_the_runtime_has_packed_have_the_graphs_shape() -> None:
    graph = Graph(
        (GraphNode("g", "FusedGemm", ("h", "w", "b"), ("y",), "com.microsoft", {"transB": 1}),),
        inner=(GraphNode("m", "MatMul", ("w", "h"), ("", "z")),),
        tensors={"w": Tensor("float", (128, 256)), "b": Tensor("float", (128,))},
    )
    seen = {
        "nodes": [
            {
                "name": "g",
                "op": "FusedGemm",
                "inputs": [shape(2, 256), shape(128)],
                "outputs": [shape(2, 128)],
            },
            {"name": "m", "op": "MatMul", "inputs": [shape(128, 256), shape(256, 3)], "outputs": [shape(5)]},
            {"name": "elsewhere", "op": "Relu", "inputs": [shape(4)], "outputs": [shape(4)]},
        ]
    }
    gemm, inner, elsewhere = operations(seen, graph)
    assert [tensor.dims for tensor in gemm.inputs if tensor] == [(2, 256), (128, 256), (128,)]
    assert work(gemm).flops == 2 * 2 * 128 * 256
    assert [tensor.dims for tensor in inner.inputs if tensor] == [(128, 256), (256, 3)]
    assert inner.outputs == (None, Tensor("float", (5,)))
    assert (elsewhere.domain, work(elsewhere).flops) == (None, 4)


def test_a_product_whose_weights_nobody_knows_has_no_count() -> None:
    def alone(*inputs: list[int]) -> Work:
        seen = {
            "name": "",
            "op": "Gemm",
            "inputs": [shape(*dims) for dims in inputs],
            "outputs": [shape(2, 9)],
        }
        (node,) = operations({"nodes": [seen]}, None)
        return work(node)

    assert alone([2, 7]).reason == "the shape of its input 1 is not known"
    assert alone([2, 7], [9]).reason == "the shape of its weights is not known"  # a bias is no matrix
    assert (alone([2, 7], [7, 9], [9]).flops, alone([2, 7], [7, 9]).moved_bytes) == (2 * 18 * 7, 4 * 95)


def shape(*dims: int) -> dict[str, Any]:
    return {"dtype": "float", "dims": list(dims)}


def test_no_operator_has_two_formulas_and_moves_compute_nothing() -> None:
    named = [operator for formula in FORMULAS for operator in formula.operators]
    assert len(named) == len(set(named))
    assert {"Transpose", "ReorderInput", "Gather"} <= MOVES
    assert not MOVES & {"MatMul", "Reshape", "If"}


def test_the_docs_show_every_formula() -> None:
    assert table() in (ROOT / "docs" / "profile.md").read_text()
