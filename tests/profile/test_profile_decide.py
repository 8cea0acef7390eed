"""Node times with exact numbers: the profile's own part, shares, and rows by node, operator and region."""

from __future__ import annotations

from typing import Any

import pytest

from harness.measure.worker.ort_profile import warm_calls
from harness.profile.decide import bias_of, rows
from harness.profile.model import Bias, By, Graph, GraphNode, Place, Profile
from harness.profile.origin import places
from harness.profile.times import middle_mean

BIAS = Bias(nodes=10, recorded_s=3e-6, true_s=1e-6, slowdown_s=5e-6)


def node(name: str, op: str, us: list[int], **more: Any) -> dict[str, Any]:
    shape = [{"dtype": "float", "dims": [1, 8]}]
    return {
        "name": name, "op": op, "us": us, "times": [1] * len(us), "provider": "CPUExecutionProvider",
        "inputs": shape, "outputs": shape, **more,
    }  # fmt: skip


def seen(*nodes: dict[str, Any]) -> dict[str, Any]:
    return {"run_us": [100] * len(nodes[0]["us"]), "nodes": list(nodes)}


def test_what_a_profile_adds_is_what_an_empty_node_takes_longer_with_it() -> None:
    chain = {"run_us": [700, 700, 700], "nodes": [node(f"n{i}", "Neg", [3, 3, 3]) for i in range(100)]}
    bias = bias_of(chain, [100_000, 90_000, 110_000], 100)
    assert (bias.recorded_s, bias.true_s) == (pytest.approx(3e-6), pytest.approx(1e-6))
    assert (bias.per_node_s, bias.slowdown_s) == (pytest.approx(2e-6), pytest.approx(6e-6))


def test_the_middle_of_the_calls_leaves_out_the_disturbed_ones() -> None:
    assert middle_mean([10, 11, 10, 11, 900, 10, 11, 1]) == 10.5
    assert middle_mean([7]) == 7


def test_shares_are_of_times_less_the_profiles_own_part() -> None:
    first, second = rows(seen(node("a", "Conv", [92] * 4), node("b", "Relu", [12] * 4)), {}, BIAS, By.NODE)
    assert (first.name, first.own_s, first.share) == ("a", pytest.approx(90e-6), pytest.approx(0.9))
    assert (second.median_s, second.own_s) == (pytest.approx(12e-6), pytest.approx(10e-6))
    assert (first.uncertain, second.uncertain) == (False, True)
    assert (first.outputs, first.provider, first.source) == (("float[1,8]",), "CPU", "")


def test_nothing_takes_less_than_no_time() -> None:
    (row,) = rows(seen(node("a", "Conv", [1] * 4)), {}, BIAS, By.NODE)
    assert (row.own_s, row.share, row.uncertain) == (0.0, 0.0, True)


def test_quartiles_of_an_operator_are_of_the_sums_of_calls() -> None:
    given = seen(node("a", "Conv", [10, 20, 30, 40, 50]), node("b", "Conv", [50, 40, 30, 20, 10]))
    (row,) = rows(given, {}, BIAS, By.OP)
    assert (row.name, row.op, row.nodes, row.times) == ("Conv", "Conv ×2", 2, 2.0)
    assert (row.low_s, row.median_s, row.high_s) == pytest.approx((60e-6, 60e-6, 60e-6))


def test_what_runs_several_times_in_a_call_has_the_profiles_part_each_time() -> None:
    (row,) = rows(seen(node("body", "Add", [100] * 4, times=[10] * 4)), {}, BIAS, By.NODE)
    assert (row.times, row.own_s) == (10.0, pytest.approx(80e-6))


def event(name: str, ts: int, dur: int, **args: Any) -> dict[str, Any]:
    told = {"op_name": name, "provider": "CPUExecutionProvider", "node_index": "1", **args}
    return {"cat": "Node", "name": f"{name}_kernel_time", "ts": ts, "dur": dur, "tid": 5, "args": told}


def call(ts: int, dur: int) -> dict[str, Any]:
    return {"cat": "Session", "name": "model_run", "ts": ts, "dur": dur, "args": {}}


def test_warm_calls_alone_are_kept_and_what_repeats_in_a_call_is_added_up() -> None:
    shapes = {
        "input_type_shape": [{"float": [1, 4]}],
        "output_type_shape": [{"int64": []}],
        "output_size": "8",
    }
    events = [
        event("Add", 12, 999), call(10, 1000),
        event("Add", 2010, 7, **shapes), event("Add", 2030, 8, **shapes), call(2000, 50),
        event("Add", 3020, 9, **shapes), call(3000, 40),
    ]  # fmt: skip
    found = warm_calls(events, 1)
    (add,) = found["nodes"]
    assert (found["run_us"], add["us"], add["times"]) == ([50, 40], [15, 9], [2, 1])
    assert (add["begun_us"], add["thread"], add["output_size"]) == (20, 5, 8)
    assert (add["inputs"], add["outputs"]) == (
        [{"dtype": "float", "dims": [1, 4]}],
        [{"dtype": "int64", "dims": []}],
    )
    with pytest.raises(ValueError, match="no warm call"):
        warm_calls(events, 3)


def test_the_time_of_nodes_inside_control_flow_counts_once() -> None:
    events = [
        call(0, 100), event("If", 10, 50), event("MatMul", 12, 30), event("Loop", 43, 10),
        event("Add", 44, 6), event("Relu", 60, 9),
    ]  # fmt: skip
    took = {item["name"]: item["us"] for item in warm_calls(events, 0)["nodes"]}
    assert took == {"If": [10], "MatMul": [30], "Loop": [4], "Add": [6], "Relu": [9]}
    within = {item["name"]: item.get("within") for item in warm_calls(events, 0)["nodes"]}
    assert within == {"If": 2, "MatMul": None, "Loop": 1, "Add": None, "Relu": None}


def test_what_a_profile_takes_around_nodes_is_taken_off_the_control_flow_that_they_run_in() -> None:
    """Of each node the chain showed 2 µs within what is recorded, and 3 µs around it."""
    flow = node("a", "If", [92] * 4, within=4 * 20)
    (made,) = rows(seen(flow), {}, BIAS, By.NODE)
    assert (made.own_s, made.uncertain) == (pytest.approx(30e-6), True)
    (made,) = rows(seen(node("a", "Conv", [92] * 4)), {}, BIAS, By.NODE)
    assert (made.own_s, made.uncertain) == (pytest.approx(90e-6), False)


def graph(*nodes: tuple[str, str, str, str], weights: dict[str, int] | None = None) -> Graph:
    made = (GraphNode(name, op, tuple(ins.split()), tuple(outs.split())) for name, op, ins, outs in nodes)
    return Graph(tuple(made), ("x",), weights or {})


SOURCE = graph(
    ("conv", "Conv", "x w", "c"),
    ("relu", "Relu", "c", "r"),
    ("pool", "MaxPool", "r", "p"),
    ("gemm", "Gemm", "p v", "y"),
    weights={"w": 400, "v": 60},
)
OPTIMIZED = graph(
    ("r_nchwc", "Conv", "x reorder", "t0"),
    ("p_nchwc", "MaxPool", "t0", "t1"),
    ("ReorderOutput", "ReorderOutput", "t1", "p"),
    ("gemm", "Gemm", "p v", "y"),
)


def test_a_node_stands_for_what_lies_between_the_tensors_that_both_graphs_have() -> None:
    found = places(OPTIMIZED, SOURCE)
    assert found["r_nchwc"] == Place(("Conv", "Relu"), ("conv", "relu"), "r", 400)
    assert found["p_nchwc"] == Place(("MaxPool",), ("pool",), "p", 0)
    assert found["ReorderOutput"] == Place(region="p")
    assert found["gemm"] == Place(("Gemm",), ("gemm",), "y", 60)


def test_a_node_that_the_runtime_added_belongs_to_the_one_that_reads_it() -> None:
    found = places(graph(("reorder", "ReorderInput", "x", "t"), ("r_nchwc", "Conv", "t w", "u")), SOURCE)
    assert (found["reorder"], found["r_nchwc"].ops) == (Place(region="r"), ("Conv", "Relu"))


def test_nodes_that_share_a_name_or_have_none_have_no_place() -> None:
    found = places(
        graph(("", "Conv", "x w", "c"), ("a", "Relu", "c", "r"), ("a", "MaxPool", "r", "p")), SOURCE
    )
    assert found == {}


def test_a_region_joins_the_nodes_that_end_one_tensor() -> None:
    given = seen(*(node(item.name, item.op, [10] * 4) for item in OPTIMIZED.nodes))
    made = {row.name: row for row in rows(given, places(OPTIMIZED, SOURCE), BIAS, By.REGION)}
    assert set(made) == {"r", "p", "y"}
    assert (made["p"].nodes, made["p"].op, made["p"].source) == (2, "MaxPool, ReorderOutput", "MaxPool")
    assert (made["r"].source, made["r"].weight_bytes) == ("Conv+Relu", 400)


def test_the_rest_of_a_call_is_what_no_node_takes() -> None:
    made = rows(seen(node("a", "Conv", [92] * 4)), {}, BIAS, By.NODE)
    profile = Profile(
        case="m", runtime="onnxruntime 1.32.0", machine="pc", by=By.NODE, p50_s=100e-6,
        profiled_p50_s=120e-6, calls=4, bias=BIAS, rows=made,
    )  # fmt: skip
    assert (profile.sum_s, profile.rest_s) == (pytest.approx(90e-6), pytest.approx(10e-6))
    assert profile.to_json()["bias"]["per_node_s"] == pytest.approx(2e-6)
