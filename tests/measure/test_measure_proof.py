"""What is read out of profiles and graph assignments, of runtimes new and old."""

import json
from types import SimpleNamespace

import pytest

from harness.measure.worker import ort, ort_flow, ort_proof

NEW = [
    {"cat": "Session", "name": "model_loading_uri", "args": {}},
    {
        "cat": "Node",
        "name": "conv_kernel_time",
        "args": {
            "op_name": "FusedConv",
            "provider": "CPUExecutionProvider",
            "node_index": "5",
            "mem_in_use_peak": "900",
        },
    },
    {
        "cat": "Node",
        "name": "conv_kernel_time",
        "args": {
            "op_name": "FusedConv",
            "provider": "CPUExecutionProvider",
            "node_index": "5",
            "mem_in_use_peak": "700",
            "input_type_shape": [{"float": [1, 3]}, {"float16": [3]}],
        },
    },
    {
        "cat": "Node",
        "name": "_kernel_time",
        "args": {
            "op_name": "Gemm",
            "provider": "CUDAExecutionProvider",
            "node_index": "6",
            "mem_in_use_peak": "800",
        },
    },
    {
        "cat": "Node",
        "name": "_kernel_time",
        "args": {
            "op_name": "Gemm",
            "provider": "CUDAExecutionProvider",
            "node_index": "7",
            "input_type_shape": [{"float16": [1, 3]}],
        },
    },
    {
        "cat": "Node",
        "name": "cast_kernel_time",
        "args": {
            "op_name": "Cast",
            "provider": "CUDAExecutionProvider",
            "input_type_shape": [{"float": [1, 3]}],
        },
    },
]

OLD = [
    {"cat": "Node", "name": "r_nchwc_fence_before", "args": {"op_name": "Conv"}},
    {
        "cat": "Node",
        "name": "r_nchwc_kernel_time",
        "args": {"node_index": "5", "provider": "CPUExecutionProvider", "op_name": "Conv"},
    },
    {"cat": "Node", "name": "r_nchwc_fence_after", "args": {"op_name": "Conv"}},
]


def session(tmp_path, text, subgraphs=None):
    """A session that leaves `text` as its profile; `subgraphs` None: of a runtime that has no such call."""
    path = tmp_path / "profile.json"
    path.write_text(text)
    members = {"end_profiling": lambda: str(path)}
    if subgraphs is not None:
        parts = [
            SimpleNamespace(
                ep_name=provider,
                get_nodes=lambda nodes=nodes: [SimpleNamespace(op_type=node) for node in nodes],
            )
            for provider, nodes in subgraphs
        ]
        members["get_provider_graph_assignment_info"] = lambda: parts
    return SimpleNamespace(**members)


def test_nodes_are_counted_once_and_the_highest_peak_counts(tmp_path):
    proof = ort_proof.read(session(tmp_path, json.dumps(NEW)), "onnxruntime 1.23.0")
    assert proof["operators"] == {"FusedConv": 1, "Gemm": 2, "Cast": 1}
    assert proof["types"] == {"float": 1, "float16": 1}
    assert proof["assignment"] == {
        "CPUExecutionProvider": {"nodes": 1, "operators": {"FusedConv": 1}},
        "CUDAExecutionProvider": {"nodes": 3, "operators": {"Gemm": 2, "Cast": 1}},
    }
    assert proof["assignment_from"] == "profile"
    assert proof["arena_peak"] == {"bytes": 900}
    assert proof["unavailable"] == {}


def test_the_graphs_own_assignment_goes_before_the_profile(tmp_path):
    parts = [("OpenVINOExecutionProvider", ["Conv", "Relu"]), ("CPUExecutionProvider", ["Gemm"])]
    proof = ort_proof.read(session(tmp_path, json.dumps(NEW), parts), "onnxruntime 1.24.1")
    assert proof["assignment"] == {
        "OpenVINOExecutionProvider": {"nodes": 2, "operators": {"Conv": 1, "Relu": 1}},
        "CPUExecutionProvider": {"nodes": 1, "operators": {"Gemm": 1}},
    }
    assert proof["assignment_from"] == "graph_assignment"


def test_an_old_runtimes_events_around_a_node_are_no_nodes(tmp_path):
    proof = ort_proof.read(session(tmp_path, json.dumps(OLD)), "onnxruntime 1.17.3")
    assert proof["operators"] == {"Conv": 1}
    assert proof["types"] == {}
    assert proof["assignment"]["CPUExecutionProvider"]["nodes"] == 1
    assert proof["arena_peak"] == {"unavailable": "the profile of onnxruntime 1.17.3 has no mem_in_use_peak"}


def test_a_profile_that_is_no_json_leaves_the_assignment(tmp_path):
    parts = [("CPUExecutionProvider", ["Gemm"])]
    proof = ort_proof.read(session(tmp_path, '[{"name": "a"b"}]', parts), "onnxruntime 1.24.1")
    assert proof["unavailable"]["operators"].startswith("the profile cannot be read: Expecting")
    assert proof["operators"] == {}
    assert proof["assignment"]["CPUExecutionProvider"]["nodes"] == 1


def test_nothing_told_is_unavailable_and_not_zero_nodes(tmp_path):
    proof = ort_proof.read(session(tmp_path, "[]"), "onnxruntime 1.17.3")
    assert proof["unavailable"] == {
        "assignment": "onnxruntime 1.17.3 reports it neither by graph nor by profile"
    }


def test_the_profile_is_removed(tmp_path):
    ort_proof.read(session(tmp_path, "[]"), "onnxruntime 1.17.3")
    assert list(tmp_path.iterdir()) == []


class Runtime:
    """As much of onnxruntime as opening a session takes; keeps what it was asked for."""

    def __init__(self, starts):
        self.starts = starts
        self.asked = None

    def InferenceSession(self, path, options, *, providers, enable_fallback):
        self.asked = (providers, enable_fallback)
        return SimpleNamespace(disable_fallback=lambda: None, get_providers=lambda: self.starts)


@pytest.mark.parametrize(
    ("options", "passed"),
    [
        ({}, {"num_of_threads": 3}),
        ({"num_of_threads": 7, "device_type": "CPU"}, {"num_of_threads": 7, "device_type": "CPU"}),
        ({"load_config": "{}"}, {"load_config": "{}"}),
    ],
)
def test_openvino_is_told_the_threads_which_the_session_does_not_pass_on(ask, relu, options, passed):
    from harness.core.case import Named, Session, freeze

    session = Session(provider=Named("openvino", "openvino", freeze(options)), intra_threads=3)
    engine = ort.OrtEngine(ask(relu, session=session))
    engine._rt = Runtime(["OpenVINOExecutionProvider", "CPUExecutionProvider"])
    engine.create()
    assert engine._rt.asked == ([("OpenVINOExecutionProvider", passed), "CPUExecutionProvider"], 0)


def test_a_provider_that_does_not_start_is_unsupported(ask, relu):
    from harness.core.case import Named, Session
    from harness.core.errors import Unsupported

    engine = ort.OrtEngine(ask(relu, session=Session(provider=Named("cuda", "cuda"))))
    engine._rt = Runtime(["CPUExecutionProvider"])
    with pytest.raises(
        Unsupported, match="CUDAExecutionProvider did not start; the session has CPUExecution"
    ):
        engine.create()


def events(*spans):
    """Nodes of a profile: name, operator, when they began and for how long they ran, in µs."""
    return [
        {"cat": "Node", "name": f"{name}_kernel_time", "ts": ts, "dur": dur, "args": {"op_name": op}}
        for name, op, ts, dur in spans
    ]


def test_the_branches_that_were_taken_are_counted():
    seen = events(
        ("a", "Relu", 0, 5),
        ("then", "Gemm", 11, 5),
        ("more", "Tanh", 17, 2),
        ("if", "If", 10, 10),
        ("else", "Gemm", 31, 5),
        ("if", "If", 30, 10),
        ("then", "Gemm", 51, 5),
        ("if", "If", 50, 10),
        ("if", "If", 70, 1),
        ("b", "Relu", 71, 5),
    )
    assert ort_flow.ways(seen, "_kernel_time") == [
        {"name": "if", "op": "If", "calls": 4, "ways": {"then": 2, "else": 1, "": 1}}
    ]


def test_the_rounds_of_a_loop_are_counted_and_a_branch_inside_it_by_itself():
    seen = events(
        ("loop", "Loop", 0, 100),
        ("step", "Add", 1, 2),
        ("if", "If", 5, 10),
        ("then", "Neg", 6, 2),
        ("step", "Add", 21, 2),
        ("if", "If", 25, 10),
        ("else", "Abs", 26, 2),
        ("loop", "Loop", 200, 10),
    )
    assert ort_flow.ways(seen, "_kernel_time") == [
        {"name": "loop", "op": "Loop", "calls": 2, "ways": {"2": 1, "0": 1}},
        {"name": "if", "op": "If", "calls": 2, "ways": {"then": 1, "else": 1}},
    ]


def test_of_nodes_that_ran_side_by_side_no_ways_are_told(tmp_path):
    text = json.dumps(events(("then", "Gemm", 1, 1), ("if", "If", 0, 10)))
    text = text.replace('"op_name"', '"provider": "CPUExecutionProvider", "op_name"')
    assert "flow" not in ort_proof.read(session(tmp_path, text), "onnxruntime 1.32.0", in_order=False)
    assert ort_proof.read(session(tmp_path, text), "onnxruntime 1.32.0")["flow"][0]["ways"] == {"then": 1}


def test_all_inputs_are_run_where_the_graph_has_branches(tmp_path):
    assert ort_proof.branches(session(tmp_path, "[]", [("CPUExecutionProvider", ["Gemm", "If"])]))
    assert not ort_proof.branches(session(tmp_path, "[]", [("CPUExecutionProvider", ["Gemm", "Loop"])]))
    assert not ort_proof.branches(session(tmp_path, "[]"))
