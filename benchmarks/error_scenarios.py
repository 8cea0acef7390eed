"""What `benchmarks/error_rates.py` compares: models whose running path is slower by a known share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import error_models
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from harness.ab.model import CAP_S, ABSettings
from harness.core.feeds import bind_dimensions, random_rows
from harness.core.inputs import Input
from harness.core.suite import Measure

SEEN = P50, P95 = "latency/p50", "latency/p95"
INPUTS = 12
"""Inputs in rotation where one of them takes the slow branch."""


@dataclass(frozen=True)
class Scenario:
    """What is compared, what is to be seen, and what was promised."""

    title: str
    base: dict[str, Any]  # of `chain`, or of the builder that its `kind` names
    head: dict[str, Any]
    metric: str | None  # the metric that is to be called a regression; None: none is
    threads: int = 1
    min_effect: float = 0.01
    budget_s: float = 10.0
    most_s: float | None = None  # up to which the budget grows, as that of `harness ab` does by default
    promise: str = ""
    axes: dict[str, dict[str, str]] = field(default_factory=dict)  # arm -> axis -> value
    cases: dict[str, list[str]] = field(default_factory=dict)  # axis -> values, of both arms
    metrics: tuple[str, ...] = ABSettings().metrics  # that are asked for
    batch: int = 1

    @property
    def inputs(self) -> int:
        """Inputs in rotation: as many as the slow branch takes, else as many as by default."""
        return INPUTS if "slow" in self.base else Measure().inputs


LEVELS = {"graph_opt": ["disable", "basic", "extended", "all"]}
SMALL = {"rows": 64, "width": 64}
WIDE = {"rows": 128, "width": 128}
TAIL = {**SMALL, "layers": 60}
HUNDRED = {**SMALL, "layers": 100}
WIDE_HUNDRED = {**WIDE, "layers": 100}

OWN = {
    # calls of about 0.2, 2 and 40 ms
    "1mb": {"rows": 8, "width": 64, "own": True},
    "15mb": {"rows": 32, "width": 192, "own": True},
    "100mb": {"rows": 32, "width": 512, "own": True},
}
"""Chains of a hundred layers that have a weight each: of so much in all."""

CONVNET = {"kind": "convnet", "layers": 50}
ENCODER = {"kind": "encoder", "layers": 12}
LIFELIKE = {
    "convnet_deeper": ("a convolution among fifty", CONVNET, {"layers": 51}),
    "convnet_wider": ("one of fifty convolutions half again as wide", CONVNET, {"wider": 16}),
    "encoder_wider": ("transformer encoder, one feed-forward part wider", ENCODER, {"wider": 208}),
    "encoder_unfused": ("transformer encoder, Gelu not fused", ENCODER, {"unfused": 12}),
}
"""Title, BASE, and what HEAD has more of."""

OCR = "rapidocr_onnxruntime"
REAL = {
    "magika": (
        "file types",
        {"package": "magika", "file": "models/standard_v3_3/model.onnx", "shapes": {"bytes": [1, 2048]}},
        28,
    ),
    "cls": (
        "text direction",
        {
            "package": OCR,
            "file": "models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
            "shapes": {"x": [1, 3, 48, 192]},
        },
        3,
    ),
}
"""Title, the file with its sizes, and the products that are about 2% of its work."""

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
    "p95_10_5ms": Scenario(
        "a branch that one input in twelve takes, 10% slower, calls of about 5 ms, p95 asked for",
        {**WIDE, "layers": 60, "slow": 60},
        {**WIDE, "layers": 60, "slow": 72},
        P95,
        budget_s=60,
        promise="at least 90% in 60 s",
        metrics=(P95,),
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
    **{
        f"aa_own_{size}": Scenario(
            f"A/A, a weight a layer, {size[:-2]} MB",
            {**spec, "layers": 100},
            {**spec, "layers": 100},
            None,
            most_s=CAP_S,
            promise="at most 1% regressions",
        )
        for size, spec in OWN.items()
    },
    **{
        f"p50_2_own_{size}": Scenario(
            f"100 layers against 102, a weight each, {size[:-2]} MB",
            {**spec, "layers": 100},
            {**spec, "layers": 102},
            P50,
            most_s=CAP_S,
            promise="at least 95% in 30 s",
        )
        for size, spec in OWN.items()
    },
    "p50_2_50us": Scenario(
        "100 layers against 102, calls of about 0.05 ms",
        {"rows": 4, "width": 32, "layers": 100},
        {"rows": 4, "width": 32, "layers": 102},
        P50,
        promise="at least 95% in 10 s",
    ),
    **{
        f"{name}_batch{batch}": Scenario(
            f"{title}, batch {batch}",
            base,
            {**base, **more},
            P50,
            most_s=CAP_S,
            promise="at least 95% in 30 s",
            batch=batch,
        )
        for name, (title, base, more) in LIFELIKE.items()
        for batch in (1, 8)
    },
    **{
        f"real_{name}": Scenario(
            f"{title}, 2% of work appended",
            {"kind": "real", **spec},
            {"kind": "real", **spec, "layers": layers},
            P50,
            most_s=CAP_S,
            promise="at least 95% in 30 s",
        )
        for name, (title, spec, layers) in REAL.items()
    },
}


def build(path: Path, spec: dict[str, Any]) -> None:
    """Write the model of a scenario's arm. Raises FileNotFoundError for a package that is not installed."""
    if "kind" in spec:
        asked = dict(spec)
        onnx.save(getattr(error_models, asked.pop("kind"))(**asked), path)
        return
    graph = convolutions(**spec) if "convolutions" in spec else chain(**spec)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def chain(layers: int, rows: int, width: int, slow: int = 0, own: bool = False) -> onnx.GraphProto:
    """Make a chain of equal layers, then a branch of `slow` more that one input in INPUTS takes.

    The weights are the identity: the answers are the same however long the chain is. All layers
    share one, or, where it is their `own`, have one each.
    """
    names = [f"w{layer}" for layer in range(layers)] if own else ["w"]
    weights = [numpy_helper.from_array(np.eye(width, dtype=np.float32), name) for name in names]
    nodes = _layers("x", "body", layers)
    if own:
        for node, name in zip(nodes, names, strict=True):
            node.input[1] = name
    if slow:
        nodes += _branch(slow, _threshold(rows, width))
    else:
        nodes.append(helper.make_node("Identity", ["body"], ["y"]))
    return helper.make_graph(
        nodes, "chain", [_value("x", [1, rows, width])], [_value("y", [1, rows, width])], weights
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
