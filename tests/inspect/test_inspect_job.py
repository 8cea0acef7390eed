"""Reading model files, and what lint finds in them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from models import save_model, value
from onnx import TensorProto, helper, numpy_helper

from harness.core.errors import InputError
from harness.inspect.decide import newest_opset
from harness.inspect.job import inspect
from harness.inspect.model import Inspection, Severity

FLOAT = TensorProto.FLOAT
Node = helper.make_node


def array(name: str, data: Any, dtype: str = "float32") -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(data, dtype), name)


@pytest.fixture
def look(tmp_path: Path) -> Callable[..., Inspection]:
    """Write a model of one input ``x`` and one output ``y``; inspect it."""

    def write(
        nodes: list[onnx.NodeProto],
        weights: list[onnx.TensorProto] | None = None,
        shape: list[Any] | None = None,
        *,
        opset: int = 17,
        ir: int = 8,
        inputs: list[onnx.ValueInfoProto] | None = None,
        domains: tuple[str, ...] = (),
        runtime: str | None = None,
    ) -> Inspection:
        fed = [value("x", ["n", 4] if shape is None else shape), *(inputs or [])]
        path = tmp_path / "m.onnx"
        save_model(
            path, nodes, fed, [value("y", None)], weights or (), opset=opset, ir_version=ir, domains=domains
        )
        return inspect(path, runtime)

    return write


RELU = Node("Relu", ["x"], ["y"])
Q, DQ = "QuantizeLinear", "DequantizeLinear"
SCALES = [array("s", 0.1), array("z", 128, "uint8"), array("w", np.ones((4, 4)))]


FACTORS = [*SCALES, array("wq", np.ones((4, 4)), "int8")]
QUANTIZED = [
    Node(Q, ["x", "s", "z"], ["q"]),
    Node(DQ, ["q", "s", "z"], ["d"]),
    Node(DQ, ["wq", "s", "z"], ["wd"]),
]


def rules(found: Inspection) -> dict[str, Severity]:
    return {item.rule: item.severity for item in found.lint}


def test_a_clean_model_has_nothing_to_complain_about(look) -> None:
    found = look([Node("MatMul", ["x", "w"], ["y"])], [array("w", np.ones((4, 4)))])
    assert found.lint == ()
    assert found.oldest_runtime == "1.15"
    assert found.weights == {"float32": (1, 16, 64)}
    assert found.computes == {"fp32": 1}


@pytest.mark.parametrize(
    ("rule", "severity", "model"),
    [
        (
            "denormal-weights",
            "slow",
            {"nodes": [Node("Mul", ["x", "w"], ["y"])], "weights": [array("w", [1e-40, 1.0])]},
        ),
        (
            "nonfinite-weights",
            "unsure",
            {"nodes": [Node("Mul", ["x", "w"], ["y"])], "weights": [array("w", [np.nan, 1.0])]},
        ),
        (
            "weights-are-inputs",
            "slow",
            {
                "nodes": [Node("Mul", ["x", "w"], ["y"])],
                "weights": [array("w", [1, 2, 3, 4])],
                "inputs": [value("w", [4])],
            },
        ),
        ("random-operators", "unsure", {"nodes": [Node("RandomNormalLike", ["x"], ["y"])]}),
        (
            "random-operators",
            "unsure",
            {"nodes": [Node("Dropout", ["x", "", "t"], ["y"])], "weights": [array("t", True, "bool")]},
        ),
        ("fixed-batch", "breaks", {"nodes": [RELU], "shape": [4, 4]}),
        (
            "custom-operators",
            "breaks",
            {"nodes": [Node("Inverse", ["x"], ["y"], domain="mine")], "domains": ("mine",)},
        ),
        (
            "qdq-opset",
            "unsure",
            {
                "nodes": [Node(DQ, ["w", "s", "z"], ["y"])],
                "weights": [array("w", [[1, 2]], "int8"), array("s", [0.1, 0.2]), array("z", [0, 0], "int8")],
                "opset": 12,
            },
        ),
        (
            "qdq-opset",
            "unsure",
            {
                "nodes": [Node(Q, ["x", "s", "z"], ["q"]), Node(DQ, ["q", "s", "z"], ["y"])],
                "weights": SCALES,
                "opset": 11,
            },
        ),
        (
            "unfused-qdq",
            "slow",
            {
                "nodes": [
                    Node(Q, ["x", "s", "z"], ["q"]),
                    Node(DQ, ["q", "s", "z"], ["d"]),
                    Node("MatMul", ["d", "w"], ["y"]),
                ],
                "weights": SCALES,
            },
        ),
        (
            "unfused-qdq",
            "slow",
            {
                "nodes": [
                    *QUANTIZED,
                    Node("MatMul", ["d", "wd"], ["m"]),
                    Node("Add", ["m", "b"], ["a"]),
                    Node(Q, ["a", "s", "z"], ["y"]),
                ],
                "weights": [*FACTORS, array("b", np.ones(4))],
            },
        ),
        (
            "weight-only",
            "unsure",
            {"nodes": [QUANTIZED[2], Node("MatMul", ["x", "wd"], ["y"])], "weights": FACTORS},
        ),
        (
            "denormal-weights",
            "unsure",
            {"nodes": [Node("Mul", ["x", "w"], ["y"])], "weights": [array("w", [1e-40] + [1.0] * 19_999)]},
        ),
        (
            "constant-nodes",
            "unsure",
            {
                "nodes": [
                    Node("Constant", [], ["e"], value=array("", np.ones((64, 4)))),
                    Node("Gather", ["e", "x"], ["y"]),
                ]
            },
        ),
        (
            "nbits-accuracy-level",
            "slow",
            {
                "nodes": [
                    Node(
                        "MatMulNBits",
                        ["x", "w", "s"],
                        ["y"],
                        domain="com.microsoft",
                        K=4,
                        N=4,
                        bits=4,
                        block_size=16,
                    )
                ],
                "domains": ("com.microsoft",),
            },
        ),
        (
            "constant-nodes",
            "unsure",
            {
                "nodes": [
                    Node("Constant", [], ["w"], value=array("", np.ones((4, 64)))),
                    Node("MatMul", ["x", "w"], ["y"]),
                ]
            },
        ),
        (
            "float64",
            "slow",
            {"nodes": [Node("Cast", ["x"], ["d"], to=TensorProto.DOUBLE), Node("Exp", ["d"], ["y"])]},
        ),
        ("opset", "breaks", {"nodes": [RELU], "opset": 25, "runtime": "1.23.2"}),
        ("opset", "unsure", {"nodes": [RELU], "opset": 23, "runtime": "1.23.2"}),
    ],
)
def test_lint_names_what_costs_or_breaks(look, rule: str, severity: str, model: dict[str, Any]) -> None:
    found = look(**model)
    assert rules(found) == {rule: Severity(severity)}
    (item,) = found.lint
    assert item.found and item.why and item.todo


@pytest.mark.parametrize(
    "model",
    [
        {"nodes": [Node("Mul", ["x", "w"], ["y"])], "weights": [array("w", [0.0, -0.0, 1.2e-38, 3.4e38])]},
        {
            "nodes": [
                Node(
                    "MatMulNBits", ["x", "w", "s"], ["y"], domain="com.microsoft", K=4, N=4, accuracy_level=4
                )
            ],
            "domains": ("com.microsoft",),
        },
        {
            "nodes": [
                Node(Q, ["x", "s", "z"], ["q"]),
                Node(DQ, ["q", "s", "z"], ["d"]),
                Node("MatMul", ["d", "w"], ["m"]),
                Node("Relu", ["m"], ["r"]),
                Node(Q, ["r", "s", "z"], ["p"]),
                Node(DQ, ["p", "s", "z"], ["y"]),
            ],
            "weights": SCALES,
        },
        {"nodes": [Node("Constant", [], ["w"], value_float=2.0), Node("Mul", ["x", "w"], ["y"])]},
        {"nodes": [RELU], "opset": 17, "runtime": "1.32.0"},
        {"nodes": [RELU], "opset": 25, "runtime": "1.32.0"},
        {"nodes": [*QUANTIZED, Node("MatMul", ["d", "wd"], ["y"])], "weights": FACTORS},
        {"nodes": [*QUANTIZED, Node("Gemm", ["d", "wd"], ["y"])], "weights": FACTORS},
        {"nodes": [*QUANTIZED[:2], Node("Softmax", ["d"], ["y"])], "weights": SCALES},
        {"nodes": [Node("Add", ["x", "w"], ["y"])], "weights": [array("w", [1e-40])]},
        {"nodes": [Node("RandomNormalLike", ["x"], ["unread"]), RELU]},
        {"nodes": [RELU], "shape": [3, 224, 224]},
        {"nodes": [RELU], "shape": [5, "batch", 16]},
        {"nodes": [Node("Cast", ["x"], ["d"], to=11), Node("Cast", ["d"], ["y"], to=1)]},
        {
            "nodes": [
                Node("Constant", [], ["s"], value=array("", np.ones(300), "int64")),
                Node("Reshape", ["x", "s"], ["y"]),
            ]
        },
        {"nodes": [RELU], "shape": ["n", 3, 224, 224]},
    ],
)
def test_lint_leaves_sound_models_alone(look, model: dict[str, Any]) -> None:
    assert look(**model).lint == ()


def test_the_weight_that_holds_most_denormals_is_named(look) -> None:
    found = look(
        [Node("Mul", ["x", "a"], ["h"]), Node("Mul", ["h", "b"], ["y"])],
        [array("a", [1e-40, 1.0]), array("b", [1e-40, -1e-41])],
    )
    assert "3 denormal values (75.00%), most in 'b'" in found.lint[0].found


def test_subgraphs_are_read_too(look) -> None:
    branches = {
        name: helper.make_graph([Node("Neg", ["x"], [f"{name}_y"])], name, [], [value(f"{name}_y", None)])
        for name in ("then_branch", "else_branch")
    }
    found = look([Node("If", ["c"], ["y"], **branches)], [array("c", True, "bool")])
    assert found.operators == {"Neg": 2, "If": 1}
    assert found.subgraphs == 2


def test_external_data_is_found_or_named_as_missing(tmp_path: Path) -> None:
    weights = [array("w", np.full((64, 64), 1e-40))]
    graph = helper.make_graph(
        [Node("MatMul", ["x", "w"], ["y"])], "g", [value("x", ["n", 64])], [value("y", None)], weights
    )
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph), path, save_as_external_data=True, location="m.data", size_threshold=0)
    found = inspect(path)
    assert found.facts.external == {"m.data": 64 * 64 * 4}
    assert rules(found) == {"denormal-weights": Severity.SLOW}
    (tmp_path / "m.data").unlink()
    assert rules(inspect(path)) == {"external-data": Severity.BREAKS}


def test_the_command_leaves_sizes_to_the_sweep_which_runs_the_model(look) -> None:
    """A guess that was never run may be one that the model refuses."""
    found = look([RELU], shape=["n", 3, "?", "?"])
    assert found.command[3:] == ("--graph-opt", "disable,all")
    assert found.open_sizes == ("x[2]", "x[3]")


def test_the_oldest_runtime_takes_opset_and_ir_version(look) -> None:
    assert look([RELU], opset=21, ir=10).oldest_runtime == "1.18"
    assert look([RELU], opset=17, ir=13).oldest_runtime == "1.24"
    assert look([RELU], opset=99).oldest_runtime == ""


def test_a_runtime_between_the_releases_that_were_tried_takes_what_the_one_before_it_does() -> None:
    assert newest_opset("1.22.1") == 22
    assert newest_opset("1.26.0") == 26
    assert newest_opset("1.10.0") is None


@pytest.mark.parametrize(
    ("content", "why"), [(b"no model", "not an ONNX file"), (b"", "is empty"), (None, "no file")]
)
def test_what_is_no_model_is_one_line(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "m.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=why):
        inspect(path)


def test_the_screen_and_json_say_the_same(look, harness, tmp_path: Path) -> None:
    look([Node("Mul", ["x", "w"], ["y"])], [array("w", [1e-40, 1.0])])
    code, out, _ = harness("inspect", tmp_path / "m.onnx")
    assert code == 0
    assert "slow: 1 denormal value (50.00%), most in 'w'" in out
    assert "[n, 4]" in out
    assert "--graph-opt disable,all" in out
    code, out, _ = harness("inspect", tmp_path / "m.onnx", "--format", "json")
    found = json.loads(out)
    assert found["opset"] == 17
    assert found["operators"] == {"Mul": 1}
    assert [item["rule"] for item in found["lint"]] == ["denormal-weights"]


def test_a_wrong_file_is_exit_code_2(harness, tmp_path: Path) -> None:
    code, out, err = harness("inspect", tmp_path / "none.onnx")
    assert (code, out) == (2, "")
    assert "none.onnx" in err


def test_a_look_at_a_file_imports_neither_planning_nor_a_runtime(look) -> None:
    path = look([Node("Relu", ["x"], ["y"])]).facts.path
    code = (
        "import sys; from harness.cli import main\n"
        f"assert main(['inspect', {path!r}, '--format', 'json']) == 0\n"
        "print(*{'pydantic', 'yaml', 'onnxruntime', 'harness.plan'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""
