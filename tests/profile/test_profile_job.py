"""A profile end to end: one real model, and an engine that has none."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from models import make_model, value
from onnx import TensorProto, helper, numpy_helper

from harness import show
from harness.core.errors import Failed
from harness.plan import plan_model
from harness.profile.job import profile
from harness.profile.model import (
    AboveRoof,
    Bandwidth,
    Bias,
    Bound,
    By,
    Fusion,
    Help,
    HelpKind,
    Kernel,
    LeftPattern,
    Profile,
    ProfileRow,
    Profiles,
    Roofline,
    Roofs,
    Span,
)
from harness.profile.trace import chrome_trace
from harness.profile.view import ProfileDocument

Call = Callable[..., tuple[int, str, str]]


def row(name: str, op: str, own_s: float, **more: Any) -> ProfileRow:
    facts: dict[str, Any] = {
        "provider": "CPU", "nodes": 1, "times": 1.0, "median_s": own_s, "low_s": own_s, "high_s": own_s,
        "share": own_s / 100e-6, "uncertain": False, "source": op, **more,
    }  # fmt: skip
    return ProfileRow(name=name, op=op, own_s=own_s, **facts)


PROFILE = Profile(
    case="net/batch=8", runtime="onnxruntime 1.32.0", machine="pc", by=By.NODE, p50_s=110e-6,
    profiled_p50_s=130e-6, calls=200, bias=Bias(200, 3e-6, 1e-6, 4e-6),
    rows=(
        row("a", "Conv", 90e-6, source="Conv+Relu", outputs=("float[8,4]",), weight_bytes=1280),
        row("b", "Flatten", 10e-6, uncertain=True),
    ),
)  # fmt: skip


def test_a_profile_adds_up_to_a_call_and_marks_what_is_uncertain() -> None:
    text = show.render(ProfileDocument(Profiles((PROFILE,), {"net/batch=9": "it crashed"})), "table")
    assert (
        text
        == """\
net/batch=8: 110 µs a call, by node
onnxruntime 1.32.0 on pc; 200 warm calls profiled

node  operator  stands for    share  median       quartiles  output      weights  provider
a     Conv      Conv+Relu    90.00%   90 µs  90 µs to 90 µs  float[8,4]  1.28 kB  CPU
b     Flatten   Flatten     ~10.00%   10 µs  10 µs to 10 µs                    –  CPU

A call: 110 µs
  nodes: 100 µs, the profile's own part taken off
  beside them: 10 µs (binding, the executor, threads)
  with the profile on, a call took 130 µs; of each node's time 2 µs is the profile's own
  ~ before a share: that is more than a tenth of what was recorded (1 row)

Without a profile: 1
  it crashed
    net/batch=9"""
    )


def test_a_profile_is_set_against_its_roofs_and_says_what_would_help() -> None:
    roofs = Roofs(
        machine="pc", runtime="onnxruntime 1.32.0", provider="cpu", threads=2, cores=(0, 1),
        measured_at="2026-11-29T00:51:09+00:00", flops_per_s={Kernel.FP32: 8.5e10},
        bandwidths=(Bandwidth(262_144, 6.4e10),),
        missing={Kernel.FP16: "the runtime runs it as Cast, MatMul"},
    )  # fmt: skip
    rows = (
        row("a", "Conv", 90e-6, flops=3.6e6, moved_bytes=1_000_000, roof_s=45e-6, bound=Bound.COMPUTE),
        row("b", "MyOp", 10e-6, uncounted="MyOp has no formula"),
    )
    profile = replace(
        PROFILE,
        rows=rows,
        roofs=roofs,
        roofline=Roofline(
            flops=3.6e6, moved_bytes=1_000_000, counted_share=0.9, counted_s=90e-6, roof_s=45e-6,
            uncounted={"MyOp": "MyOp has no formula"}, above=(AboveRoof("c", "Add", 1.5),),
        ),
        helps=(
            Help(kind=HelpKind.LOWER_PRECISION, target="Conv", nodes=1, own_s=90e-6, bound_s=22e-6,
                 call_share=0.2, bound=Bound.COMPUTE, to="int8"),
        ),
        fusions=(Fusion(("Conv", "Relu"), "FusedConv", ("a",)),),
        left=(LeftPattern("Gelu", ("x", "y")), LeftPattern("Gelu", ("v", "w"))),
    )  # fmt: skip
    text = show.render(ProfileDocument(Profiles((profile,))), "table")
    for line in (
        "Work",
        "  3.6e+06 FLOP and 1 MB a call, in operators with 90.00% of the time",
        "  at its roof a call would take 45 µs: 50% of the 90 µs measured in these operators",
        "  roofs with 2 threads, measured 2026-11-29T00:51:09+00:00:",
        "    fp16: none, the runtime runs it as Cast, MatMul",
        "    MyOp: MyOp has no formula",
        "    Add c: 150% of its roof",
        "  Conv in int8: compute-bound, 1 node with 90 µs: 22 µs, 20% of the call",
        "  Conv+Relu became FusedConv: 1 node",
        "  left: Gelu, 2 times",
    ):
        assert line in text.splitlines(), text
    first, second = ProfileDocument(Profiles((profile,))).rows()
    assert (first["flops_per_s"], first["intensity"], first["roof_share"]) == pytest.approx((4e10, 3.6, 0.5))
    assert (second["flops"], second["roof_share"], second["uncounted"]) == (None, None, "MyOp has no formula")
    (data,) = ProfileDocument(Profiles((profile,))).data()
    assert data["roofline"]["roof_share"] == pytest.approx(0.5)
    assert data["helps"][0]["kind"] == "lower precision"


def test_a_trace_has_a_process_a_case_and_all_begin_at_0() -> None:
    spans = (
        Span("a", "Conv", "CPUExecutionProvider", 77, 2, 30, "Conv+Relu"),
        Span("b", "Add", "CPUExecutionProvider", 78, 35, 4, ""),
    )
    made = chrome_trace(
        [replace(PROFILE, spans=spans), replace(PROFILE, case="net/batch=9", spans=spans[:1])]
    )
    drawn = [item for item in made["traceEvents"] if item["ph"] == "X"]
    assert [(item["pid"], item["tid"], item["ts"], item["dur"], item["name"]) for item in drawn] == [
        (1, 0, 2, 30, "a"),
        (1, 1, 35, 4, "b"),
        (2, 0, 2, 30, "a"),
    ]
    assert drawn[0]["args"]["stands for"] == "Conv+Relu"
    names = [item["args"]["name"] for item in made["traceEvents"] if item["name"] == "process_name"]
    assert names == ["net/batch=8 (onnxruntime 1.32.0)", "net/batch=9 (onnxruntime 1.32.0)"]


def test_a_trace_into_no_folder_is_refused_before_anything_is_measured(
    harness: Call, suite: Callable[..., Path]
) -> None:
    code, _, err = harness("profile", suite(), "--trace", "nowhere/trace.json")
    assert (code, err.splitlines()[-1]) == (
        2,
        "error: --trace nowhere/trace.json: no such folder; name a file in an existing one",
    )


def test_rows_and_data_hold_all_of_it() -> None:
    document = ProfileDocument(Profiles((PROFILE,), {"other": "it crashed"}))
    assert [item["name"] for item in document.rows()] == ["a", "b"]
    assert document.rows()[0]["case"] == "net/batch=8"
    frame = document.found.frame()
    assert (list(frame["name"]), frame["own_s"].sum()) == (["a", "b"], pytest.approx(100e-6))
    first, gone = json.loads(show.render(document, "json"))
    assert (first["sum_s"], first["rest_s"]) == (pytest.approx(100e-6), pytest.approx(10e-6))
    assert gone == {"case": "other", "reason": "it crashed"}


def test_an_engine_without_a_profile_is_a_case_without_one(harness: Call, suite: Callable[..., Path]) -> None:
    code, out, _ = harness("profile", suite(), "--by", "op")
    assert code == 3
    assert "FakeEngine has no profile" in out


def test_options_of_model_files_are_refused_of_a_suite(harness: Call, suite: Callable[..., Path]) -> None:
    code, _, err = harness("profile", suite(), "--shape", "n=1")
    assert (code, err.splitlines()[-1]) == (
        2,
        "error: --shape is for model files; of a suite, say it there or with --set",
    )


def test_a_real_convolution_is_one_node_that_stands_for_two(harness: Call, tmp_path: Path) -> None:
    weight = np.random.default_rng(0).standard_normal((16, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1] * 4, name="conv"),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("GlobalAveragePool", ["r"], ["y"], name="pool"),
    ]
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", ["N", 3, 64, 64]), ("y", ["N", 16, 1, 1]))
    )
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(weight, "w")])
    path = tmp_path / "conv.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    code, out, err = harness(
        "profile",
        path,
        "--intra-threads",
        1,
        "--by",
        "region",
        "--format",
        "json",
        "--trace",
        tmp_path / "trace.json",
        "--roofs",
        "none",
    )
    assert code == 0, err
    (found,) = json.loads(out)
    regions = {item["name"]: item for item in found["rows"]}
    assert set(regions) == {"r", "y"}
    assert (regions["r"]["source"], regions["r"]["weight_bytes"]) == ("Conv+Relu", weight.nbytes)
    assert found["rows"][0]["name"] == "r"
    assert sum(item["share"] for item in found["rows"]) == pytest.approx(1.0)
    assert 20 <= found["calls"] <= 200
    assert found["memory"]["weight_bytes"] >= weight.nbytes
    assert found["memory"]["activation_bytes"] >= 16 * 64 * 64 * 4
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert {item["args"]["stands for"] for item in events if item["ph"] == "X"} >= {"Conv+Relu"}
    axes = ("--intra-threads", 1, "--seconds", 0.02)
    assert harness("sweep", path, *axes, "--set", "measure.accuracy=false")[0] == 0
    assert harness("report")[0] == 0
    page = (tmp_path / "report.html").read_text()
    assert "Where the time goes, by operator" in page and "<th scope=col>GlobalAveragePool" in page


def test_nodes_without_names_are_profiled_under_names_by_what_they_compute(tmp_path: Path) -> None:
    names: list[str] = []

    class Bench:
        def built(self, case: Any) -> Any:
            return SimpleNamespace(path=str(tmp_path / "m.onnx"))

        def profile(self, case: Any, read: Any, path: str) -> Any:
            names.extend(node.name for node in onnx.load(path).graph.node)
            raise Failed("it crashed")

    nodes = [helper.make_node("Neg", ["x"], ["a"]), helper.make_node("Abs", ["a"], ["y"], name="abs")]
    onnx.save(make_model(nodes, [value("x", [1, 4])], [value("y", [1, 4])]), tmp_path / "m.onnx")
    opening: Any = lambda *_: Bench()  # noqa: E731
    found = profile(plan_model(tmp_path / "m.onnx"), tmp_path, opening=opening)
    assert (names, list(found.missing.values())) == (["(a)", "abs"], ["it crashed"])
