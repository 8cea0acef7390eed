"""Two graphs cut at the tensors that both have: what lies between them, and what to prove."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from models import make_model, value
from onnx import helper, numpy_helper

from harness.core.decision import Change, Decision
from harness.explain.model import Evidence, Piece, Proof, Region, RegionChange, SharedTensor, Sight
from harness.explain.proof import candidates, isolate
from harness.explain.regions import align, change_of, fused, node_names, pieces, span

SAME = frozenset({"CPU"}), frozenset({"CPU"})


def graph(*nodes: tuple[str, str, str]) -> onnx.GraphProto:
    made = [
        helper.make_node(op, inputs.split(), outputs.split(), f"n{at}")
        for at, (op, inputs, outputs) in enumerate(nodes)
    ]
    return helper.make_graph(made, "g", [value("x", [1, 4])], [value("y", [1, 4])])


def shared(*names: str) -> list[SharedTensor]:
    return [SharedTensor(name, Sight(name, name), Sight(name, name)) for name in names]


def piece(*ops: str) -> Piece:
    return Piece(ops, tuple(f"n{at}" for at in range(len(ops))), ("x",), ("y",))


def region(name: str, base_s: float | None, head_s: float | None, **facts: object) -> Region:
    parts = {"base": piece("Conv"), "head": piece("Conv"), "change": RegionChange.NONE, **facts}
    return Region(name=name, ends=(name,), base_s=base_s, head_s=head_s, **parts)  # type: ignore[arg-type]


def test_a_region_is_what_lies_between_two_shared_tensors_in_each_graph() -> None:
    base = graph(("Conv", "x", "a"), ("FusedGemm", "a", "y"))
    head = graph(("Conv", "x", "a"), ("Gemm", "a", "g"), ("Relu", "g", "y"))
    (ends, ours, theirs), (last, *gemms) = pieces(base, head, shared("a", "y"))
    assert (ends, ours, theirs) == (
        ("a",),
        Piece(("Conv",), ("n0",), ("x",), ("a",)),
        Piece(("Conv",), ("n0",), ("x",), ("a",)),
    )
    assert last == ("y",)
    assert gemms == [
        Piece(("FusedGemm",), ("n1",), ("a",), ("y",)),
        Piece(("Gemm", "Relu"), ("n1", "n2"), ("a",), ("y",)),
    ]


def test_a_node_that_leads_to_two_shared_tensors_makes_one_region_of_them() -> None:
    base = graph(("Neg", "x", "h"), ("Relu", "h", "a"), ("Abs", "h", "y"))
    head = graph(("Relu", "x", "a"), ("Abs", "x", "y"))
    ((ends, ours, theirs),) = pieces(base, head, shared("a", "y"))
    assert (ends, ours.ops, theirs.ops) == (("a", "y"), ("Neg", "Relu", "Abs"), ("Relu", "Abs"))
    assert theirs.outputs == ("a", "y")


@pytest.mark.parametrize(
    ("base", "head", "change"),
    [
        (("Conv",), ("Conv",), RegionChange.NONE),
        (("Conv", "Reshape"), ("Reshape", "Conv"), RegionChange.NONE),
        (("Conv",), ("Transpose", "Conv", "ReorderOutput"), RegionChange.LAYOUT),
        (("FusedConv",), ("Conv", "Relu"), RegionChange.FUSION_LOST),
        (("Conv", "Relu"), ("Transpose", "FusedConv"), RegionChange.FUSION_GAINED),
        (("Conv",), ("ConvInteger",), RegionChange.OPERATORS),
    ],
)
def test_what_changed_is_told_by_the_operators(
    base: tuple[str, ...], head: tuple[str, ...], change: RegionChange
) -> None:
    assert change_of(piece(*base), piece(*head), SAME) is change


def test_another_provider_is_a_change_of_its_own() -> None:
    providers = frozenset({"CPU"}), frozenset({"CUDA"})
    assert change_of(piece("Conv"), piece("Conv"), providers) is RegionChange.PROVIDER


def test_two_exports_are_aligned_by_operators_and_shapes_in_their_order() -> None:
    base = graph(("Conv", "x", "a"), ("Relu", "a", "b"), ("Conv", "b", "c"), ("Relu", "c", "y"))
    head = graph(("Conv", "x", "t1"), ("Relu", "t1", "t2"), ("Neg", "t2", "t3"), ("Conv", "t3", "t4"),
                 ("Relu", "t4", "out"))  # fmt: skip
    small, large = (1, 4), (1, 8)
    shapes = (
        {"a": small, "b": small, "c": large, "y": large},
        {"t1": small, "t2": small, "t3": small, "t4": large, "out": large},
    )
    assert align(base, head, shapes) == {"t1": "a", "t2": "b", "t4": "c", "out": "y"}


def test_what_moved_most_in_the_direction_of_the_whole_is_proven() -> None:
    regions = [region("a", 1.0, 4.0), region("b", 5.0, 1.0), region("c", 1.0, 2.0), region("d", 1.0, 1.5)]
    assert [item.name for item in candidates(regions, 2, slower=True)] == ["a", "c"]
    assert [item.name for item in candidates(regions, 2, slower=False)] == ["b"]
    up = [region("a", 1.0, 4.0), region("c", 1.0, 2.0)]  # no region moved as the whole did
    assert [item.name for item in candidates(up, 1, slower=False)] == ["a"]


def test_regions_with_other_operators_come_first_where_they_leave_a_place() -> None:
    regions = [region("a", 1.0, 9.0), region("b", 1.0, 2.0),
               region("c", 2.0, 1.9, change=RegionChange.FUSION_LOST)]  # fmt: skip
    assert [item.name for item in candidates(regions, 2, slower=True)] == ["c", "a"]
    assert [item.name for item in candidates(regions, 1, slower=True)] == ["a"]


def test_without_a_profile_the_regions_that_changed_are_proven() -> None:
    regions = [region("a", None, None), region("b", None, None, change=RegionChange.FUSION_LOST),
               region("c", None, None, change=RegionChange.PROVIDER)]  # fmt: skip
    assert [item.name for item in candidates(regions, 3, slower=True)] == ["b", "c"]


@pytest.mark.parametrize(
    ("verdict", "instructions", "evidence", "slower"),
    [
        (Change.REGRESSION, None, Evidence.AB, True),
        (Change.IMPROVEMENT, 150.0, Evidence.AB, False),
        (Change.INCONCLUSIVE, 102.0, Evidence.INSTRUCTIONS, True),
        (Change.INCONCLUSIVE, 50.0, Evidence.INSTRUCTIONS, False),
        (Change.INCONCLUSIVE, 100.9, None, False),
        (Change.INCONCLUSIVE, None, None, False),
        (Change.EQUIVALENT, 150.0, None, False),
    ],
)
def test_a_region_is_named_by_its_time_or_else_by_its_instructions(
    verdict: Change, instructions: float | None, evidence: Evidence | None, slower: bool
) -> None:
    counted = {"base_instructions": 100.0, "head_instructions": instructions} if instructions else {}
    proof = Proof(latency=Decision(verdict=verdict), **counted)
    assert (proof.evidence, proof.slower) == (evidence, slower)


def test_nodes_that_a_provider_ran_as_one_have_no_time_and_are_that_providers() -> None:
    ran = {
        "conv": {"op": "Conv", "provider": "CPUExecutionProvider"},
        "OpenVINO_1": {"op": "OpenVINO_1", "provider": "OpenVINOExecutionProvider"},
        "body": {"op": "Add", "provider": "CPUExecutionProvider"},
        "copied": {"op": "MemcpyToHost", "provider": "CUDAExecutionProvider"},
    }
    fusing = fused(ran, {"conv", "relu", "pool"})
    assert fusing == {"OpenVINO"}
    times, providers = {"conv": 2.0}, {"conv": "CPU"}
    own, other = piece("Conv"), piece("Relu")
    own, other = (replace(each, nodes=(name,)) for each, name in ((own, "conv"), (other, "relu")))
    assert span(own, times, providers, fusing) == (2.0, {"CPU"})
    assert span(other, times, providers, fusing) == (None, {"OpenVINO"})
    assert span(other, times, providers, frozenset()) == (0.0, frozenset())  # it did not run
    assert span(own, {}, providers, frozenset()) == (None, {"CPU"})  # no profile
    assert span(other, {}, {}, fusing) == (None, {"OpenVINO"})  # it ran all of them


def test_a_piece_ends_at_every_tensor_that_was_recorded_and_is_fed_those_with_a_row_a_sample() -> None:
    ways = (("Neg", "x", "a"), ("Abs", "w", "b"), ("Abs", "v", "c"), ("Gemm", "a b c", "y"))
    nodes = [helper.make_node(op, inputs.split(), [output]) for op, inputs, output in ways]
    weights = [numpy_helper.from_array(np.ones((4, 4), np.float32), "w"),
               numpy_helper.from_array(np.ones(4, np.float32), "v")]  # fmt: skip
    model = make_model(nodes, [value("x", [1, 4])], [value("y", [1, 4])], weights)
    arrays = {"a": np.ones((1, 4), np.float32), "b": np.ones((4, 4), np.float32), "c": np.ones(4, np.float32)}
    piece, fed = isolate(model, ["y"], arrays, 1)
    assert ([node.op_type for node in piece.graph.node], fed) == (["Gemm"], ["a"])
    assert [item.name for item in piece.graph.input] == ["a"]
    assert sorted(item.name for item in piece.graph.initializer) == ["b", "c"]
    assert isolate(model, ["y"], arrays, 2)[1] == ["b", "c"]  # no row a sample: what most have


def test_nodes_in_bodies_of_control_flow_are_nodes_of_the_graph() -> None:
    body = graph(("Neg", "x", "y"))
    body.node[0].name = "inner"
    outer = graph(("Relu", "x", "a"))
    outer.node.append(helper.make_node("If", ["c"], ["y"], "choice", then_branch=body, else_branch=body))
    assert node_names(outer) == {"n0", "choice", "inner"}
