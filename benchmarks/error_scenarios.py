"""What `benchmarks/error_rates.py` compares: models whose running path is slower by a known share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from harness.ab.model import ABSettings
from harness.core.feeds import bind_dimensions, random_rows
from harness.core.inputs import Input

SEEN = P50, P95 = "latency/p50", "latency/p95"
INPUTS = 12
"""Distinct inputs in rotation; one of them takes the slow branch."""


@dataclass(frozen=True)
class Scenario:
    """What is compared, what is to be seen, and what was promised."""

    title: str
    base: dict[str, Any]  # of `chain` or `convolutions`
    head: dict[str, Any]
    metric: str | None  # the metric that is to be called a regression; None: none is
    threads: int = 1
    min_effect: float = 0.01
    budget_s: float = 10.0
    promise: str = ""
    axes: dict[str, dict[str, str]] = field(default_factory=dict)  # arm -> axis -> value
    cases: dict[str, list[str]] = field(default_factory=dict)  # axis -> values, of both arms
    metrics: tuple[str, ...] = ABSettings().metrics  # that are asked for


LEVELS = {"graph_opt": ["disable", "basic", "extended", "all"]}
SMALL = {"rows": 64, "width": 64}
WIDE = {"rows": 128, "width": 128}
TAIL = {**SMALL, "layers": 60}
HUNDRED = {**SMALL, "layers": 100}
WIDE_HUNDRED = {**WIDE, "layers": 100}

SCENARIOS = {
    "aa": Scenario(
        "A/A, one thread",
        HUNDRED,
        HUNDRED,
        None,
        promise="at most 1% regressions, 0 of 300",
        cases=LEVELS,
    ),
    "aa_one": Scenario(
        "A/A of one case, one thread",
        HUNDRED,
        HUNDRED,
        None,
        promise="at most 1% regressions",
    ),
    "aa_2threads": Scenario(
        "A/A, two threads on both cores, p50 asked for",
        WIDE_HUNDRED,
        WIDE_HUNDRED,
        None,
        threads=2,
        budget_s=60,
        metrics=(P50,),
    ),
    "aa_hard": Scenario(
        "A/A, minimum effect 0.3%",
        HUNDRED,
        HUNDRED,
        None,
        min_effect=0.003,
        budget_s=30,
        promise="at most 1% regressions",
        cases=LEVELS,
    ),
    "p50_2": Scenario(
        "100 layers against 102, one thread",
        HUNDRED,
        {**SMALL, "layers": 102},
        P50,
        promise="at least 95% in 10 s",
    ),
    "p50_5_2threads": Scenario(
        "100 layers against 105, two threads on both cores, p50 asked for",
        WIDE_HUNDRED,
        {**WIDE, "layers": 105},
        P50,
        threads=2,
        budget_s=60,
        promise="at least 95% in 60 s",
        metrics=(P50,),
    ),
    "p95_10": Scenario(
        "a branch that one input in twelve takes, 10% slower",
        {**TAIL, "slow": 60},
        {**TAIL, "slow": 72},
        P95,
        promise="at least 90%",
    ),
    "p50_1": Scenario(
        "100 layers against 101, minimum effect 0.3%",
        HUNDRED,
        {**SMALL, "layers": 101},
        P50,
        min_effect=0.003,
        budget_s=30,
        promise="at least 90% in 30 s",
    ),
    "graph_opt": Scenario(
        "graph_opt all against disable",
        {"convolutions": 8},
        {"convolutions": 8},
        P50,
        axes={"base": {"graph_opt": "all"}, "head": {"graph_opt": "disable"}},
    ),
}


def build(path: Path, spec: dict[str, Any]) -> None:
    """Write the model of a scenario's arm."""
    graph = convolutions(**spec) if "convolutions" in spec else chain(**spec)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def chain(layers: int, rows: int, width: int, slow: int = 0) -> onnx.GraphProto:
    """Make a chain of equal layers, then a branch of `slow` more that one input in INPUTS takes.

    The weights are the identity: the answers are the same however long the chain is.
    """
    weight = numpy_helper.from_array(np.eye(width, dtype=np.float32), "w")
    nodes = _layers("x", "body", layers)
    if slow:
        nodes += _branch(slow, _threshold(rows, width))
    else:
        nodes.append(helper.make_node("Identity", ["body"], ["y"]))
    return helper.make_graph(
        nodes, "chain", [_value("x", [1, rows, width])], [_value("y", [1, rows, width])], [weight]
    )


def _layers(source: str, target: str, count: int) -> list[onnx.NodeProto]:
    names = [source, *(f"{target}_{i}" for i in range(1, count)), target]
    return [helper.make_node("MatMul", [names[i], "w"], [names[i + 1]]) for i in range(count)]


def _branch(slow: int, threshold: float) -> list[onnx.NodeProto]:
    limit = numpy_helper.from_array(np.float32(threshold), "limit")
    then = helper.make_graph(_layers("body", "slow_out", slow), "slow", [], [_value("slow_out", None)])
    fast = helper.make_node("Identity", ["body"], ["fast_out"])
    return [
        helper.make_node("ReduceMax", ["x"], ["largest"], keepdims=0),
        helper.make_node("Constant", [], ["limit"], value=limit),
        helper.make_node("Greater", ["largest", "limit"], ["is_slow"]),
        helper.make_node(
            "If",
            ["is_slow"],
            ["y"],
            then_branch=then,
            else_branch=helper.make_graph([fast], "fast", [], [_value("fast_out", None)]),
        ),
    ]


def _threshold(rows: int, width: int) -> float:
    """Return a limit between the largest and the second largest maximum of the inputs that will be fed."""
    item = Input("x", "float32", (1, rows, width))
    fed = random_rows([item], INPUTS, bind_dimensions([item], 1, {}), 0)["x"]
    ordered = np.sort(fed.reshape(INPUTS, -1).max(axis=1))
    return float(ordered[-2:].mean())


def convolutions(convolutions: int) -> onnx.GraphProto:
    """Make convolutions with batch normalization and activation, which the runtime fuses."""
    rng = np.random.default_rng(0)
    nodes, weights, source = [], [], "x"
    for i in range(convolutions):
        arrays = {
            f"w{i}": rng.standard_normal((16, 16, 3, 3)) / 12,
            **{f"{name}{i}": np.ones(16) for name in ("scale", "bias", "mean", "variance")},
        }
        weights += [numpy_helper.from_array(value.astype(np.float32), name) for name, value in arrays.items()]
        normal = [f"c{i}", *(f"{name}{i}" for name in ("scale", "bias", "mean", "variance"))]
        nodes += [
            helper.make_node("Conv", [source, f"w{i}"], [f"c{i}"], pads=[1] * 4),
            helper.make_node("BatchNormalization", normal, [f"b{i}"]),
            helper.make_node("Relu", [f"b{i}"], [f"r{i}"]),
        ]
        source = f"r{i}"
    nodes.append(helper.make_node("Identity", [source], ["y"]))
    shape = [1, 16, 24, 24]
    return helper.make_graph(nodes, "convolutions", [_value("x", shape)], [_value("y", shape)], weights)


def _value(name: str, shape: list[int] | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
