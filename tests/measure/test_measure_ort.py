"""What the worker says of the real ONNX Runtime."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
from models import save_model, value
from onnx import TensorProto, helper, numpy_helper

from harness import measure
from harness.core.case import Load, Model, Named, Session, Source, freeze
from harness.core.errors import Unsupported
from harness.core.feeds import bind_dimensions, random_rows
from harness.core.inputs import Input
from harness.core.suite import Measure
from harness.measure.cores import Cores
from harness.measure.worker import ort_kernels, ort_options, ort_providers, system
from harness.measure.worker.ort import OrtEngine
from harness.measure.worker.run import Run

from .conftest import IMAGE, X


def outputs_of(seen):
    with np.load(seen.outputs["file"]) as arrays:
        return {name: arrays[str(i)] for i, name in enumerate(seen.outputs["names"])}


def test_a_fresh_worker_measures_a_model_and_proves_what_ran(ask, conv, work):
    last = max(os.sched_getaffinity(0))
    seen = measure.observe(ask(conv, inputs=(IMAGE,), load=Load(batch=3)), work)
    assert seen.error is None
    assert seen.passes == ("session", "memory", "timing", "outputs", "proof")
    assert seen.runtime["version"] == onnxruntime.__version__
    assert seen.runtime["path"] == str(Path(onnxruntime.__file__).parent)
    assert "CPUExecutionProvider" in seen.runtime["available_providers"]
    assert seen.session["providers"] == ["CPUExecutionProvider"]
    assert seen.session["options"] == {
        "graph_opt": "all",
        "execution_mode": "sequential",
        "intra_threads": 1,
        "inter_threads": 0,
        "config": {},
    }
    assert (seen.session["cores"], seen.session["thread_cores"]) == ([last], [last])
    assert seen.session["inputs"] == [{"name": "x", "dtype": "tensor(float)", "shape": ["N", 3, 16, 16]}]
    assert (seen.session["outputs"], seen.session["input_shapes"]) == (["y"], {"x": [3, 3, 16, 16]})
    assert (len(seen.timing["warmup_ns"]), len(seen.timing["samples_ns"])) == (3, 8)
    assert 0 < sum(seen.timing["samples_ns"]) <= seen.timing["wall_ns"]
    assert min(seen.session["create_ns"], seen.session["first_call_ns"], seen.runtime["import_ns"]) > 0
    assert outputs_of(seen)["y"].shape == (32, 16, 1, 1)


def test_memory_grows_from_phase_to_phase(ask, conv, work):
    seen = measure.observe(ask(conv, inputs=(IMAGE,)), work)
    assert seen.memory.pop("device_peak") == {"unavailable": "the provider computes in main memory"}
    read = {name: reading["bytes"] for name, reading in seen.memory.items()}
    assert 1e6 < read["before_runtime"] < read["after_import"] < read["after_session"]
    assert read["session_peak"] > read["after_import"]
    assert read["peak"] >= read["after_first_call"] * 0.99
    assert read["arena_peak"] >= 2 * 16 * 16 * 16 * 4  # the convolution's output, a batch of two


def test_fusions_show_in_the_operators_that_ran(ask, conv, work):
    def operators(level):
        session = Session(graph_opt=level, intra_threads=1)
        seen = measure.observe_here(ask(conv, inputs=(IMAGE,), session=session, passes=("proof",)), work)
        assert seen.session["options"]["graph_opt"] == level
        assert seen.proof["assignment"]["CPUExecutionProvider"]["nodes"] == 3
        assert seen.proof["assignment_from"] == "graph_assignment"
        return seen.proof["operators"]

    assert operators("disable") == {"Conv": 1, "Relu": 1, "GlobalAveragePool": 1}
    assert "Relu" not in operators("all")


def test_the_profile_of_the_proof_is_not_left_behind(ask, relu, work):
    measure.observe_here(ask(relu), work)
    assert sorted(path.name for path in work.iterdir()) == ["answer.json", "outputs.npz"]


@pytest.mark.parametrize("io", ["iobinding", "run"])
@pytest.mark.parametrize("batch", [1, 5, 32])
def test_outputs_are_those_of_the_seeded_rows_whatever_the_batch(ask, relu, work, io, batch):
    request = ask(relu, load=Load(batch=batch, io=io), wanted=Measure(drift_samples=12, seed=3))
    seen = measure.observe_here(request, work)
    rows = random_rows([X], 12, bind_dimensions([X], 1, {}), 3)["x"]
    assert np.array_equal(outputs_of(seen)["y"], np.maximum(rows, 0))
    assert (seen.outputs["rows"], seen.outputs["batch"], seen.outputs["per_call"]) == (12, batch, [])


def test_outputs_on_data_are_in_the_datas_order(ask, relu, work, tmp_path):
    data = np.linspace(-1, 1, 28, dtype=np.float64).reshape(7, 4)
    np.savez(tmp_path / "d.npz", x=data, y=np.zeros(7, np.int64))
    request = ask(relu, data=str(tmp_path / "d.npz"), load=Load(batch=2), wanted=Measure(accuracy_samples=5))
    seen = measure.observe_here(request, work)
    assert seen.feeds == {"kind": "data", "distinct": 4, "rows": 7, "seed": 0}
    assert np.array_equal(outputs_of(seen)["y"], np.maximum(data[:5].astype(np.float32), 0))


def test_data_that_does_not_fit_is_a_failure_that_says_so(ask, relu, work, tmp_path):
    np.savez(tmp_path / "d.npz", x=np.zeros((7, 5)))
    seen = measure.observe_here(ask(relu, data=str(tmp_path / "d.npz")), work)
    assert seen.error["status"] == "failed"
    path = tmp_path / "d.npz"
    assert seen.error["message"] == f"{path}: samples of 'x' have shape (5,); the model takes (4,)"


def test_an_output_without_the_batch_is_kept_a_call_at_a_time(ask, work, tmp_path):
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Relu", ["x"], ["y"]),
        helper.make_node("NonZero", ["y"], ["where"]),
    ]
    outputs = [
        value("sum", []),
        value("y", ["N", 4]),
        value("where", [2, "k"], TensorProto.INT64),
    ]
    path = save_model(tmp_path / "m.onnx", nodes, [value("x", ["N", 4])], outputs)
    request = ask(path, load=Load(batch=3), wanted=Measure(drift_samples=7))
    seen = measure.observe_here(request, work)
    kept = outputs_of(seen)
    assert seen.outputs["per_call"] == ["sum", "where"]
    assert (kept["sum"].shape, kept["y"].shape, kept["where"].ndim) == ((3, 1), (7, 4), 1)


def test_outputs_of_a_sequence_want_io_run(ask, work, tmp_path):
    nodes = [helper.make_node("SplitToSequence", ["x"], ["y"])]
    sequence = helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)
    path = save_model(tmp_path / "m.onnx", nodes, [value("x", ["N", 4])], [sequence])
    bound = measure.observe_here(ask(path), work)
    assert (bound.error["status"], bound.error["message"]) == (
        "unsupported",
        "output 'y' is a seq(tensor(float)) and cannot be bound; use io: run",
    )
    run = measure.observe_here(ask(path, load=Load(batch=2, io="run")), work)
    assert run.error is None
    assert len(run.timing["samples_ns"]) == 8
    assert run.outputs["unavailable"] == {}
    assert run.outputs["names"] == ["y[0]", "y[1]"], "as many as rows: the axis is the batch's"


def test_outputs_that_vary_in_size_want_io_run(ask, work, tmp_path):
    nodes = [
        helper.make_node("RandomNormalLike", ["x"], ["r"]),
        helper.make_node("Greater", ["r", "x"], ["b"]),
        helper.make_node("NonZero", ["b"], ["y"]),
    ]
    path = save_model(
        tmp_path / "m.onnx", nodes, [value("x", ["N", 4])], [value("y", [2, "k"], TensorProto.INT64)]
    )
    bound = measure.observe_here(ask(path), work)
    assert bound.error["message"].startswith(
        "an output changes its shape, so it cannot be bound; use io: run (Error in execution"
    )
    assert measure.observe_here(ask(path, load=Load(io="run")), work).error is None


@pytest.mark.parametrize("dtype", ["float16", "int8", "uint8", "bool", "int64", "float64"])
def test_inputs_of_every_plain_type_are_fed(ask, work, tmp_path, dtype):
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    path = save_model(tmp_path / "m.onnx", nodes, [value("x", ["N", 4], kind)], [value("y", ["N", 4], kind)])
    seen = measure.observe_here(ask(path, inputs=(Input("x", dtype, ("N", 4)),)), work)
    assert seen.error is None
    assert outputs_of(seen)["y"].dtype == np.dtype(dtype)


def test_strings_are_unsupported(ask, work, relu):
    seen = measure.observe_here(ask(relu, inputs=(Input("x", "str", ("N",)),)), work)
    assert seen.error["status"] == "unsupported"
    assert seen.error["message"] == "input 'x' is of type str; feeds are made of numbers only"


@pytest.mark.parametrize(
    ("options", "operator", "status", "message"),
    [
        ({"opset": 99}, "Relu", "unsupported", "Opset 99 is under development"),
        ({"ir_version": 99}, "Relu", "unsupported", "Unsupported model IR version: 99"),
        ({"domains": ["mine"]}, "Mine", "unsupported", "mine:Mine(-1) is not a registered function/op"),
        ({}, "Acos", "unsupported", "Could not find an implementation for Acos(7)"),
        ({}, "Nonsense", "unsupported", "No Op registered for Nonsense"),
        ({}, "MatMul", "failed", "Incompatible dimensions for matrix multiplication"),
    ],
)
def test_what_this_runtime_lacks_is_told_from_what_is_wrong(
    ask, work, tmp_path, options, operator, status, message
):
    kind = TensorProto.DOUBLE if operator == "Acos" else TensorProto.FLOAT
    weights = [numpy_helper.from_array(np.zeros((5, 4), np.float32), "w")]
    names = ["x", "w"] if operator == "MatMul" else ["x"]
    node = helper.make_node(operator, names, ["y"], domain="mine" if operator == "Mine" else "")
    ends = [value("x", ["N", 4], kind)], [value("y", ["N", 4], kind)]
    path = save_model(tmp_path / "m.onnx", [node], *ends, weights, **options)
    dtype = "float64" if operator == "Acos" else "float32"
    seen = measure.observe_here(ask(path, inputs=(Input("x", dtype, ("N", 4)),)), work)
    assert seen.error["status"] == status
    assert message in seen.error["message"]
    assert str(path) not in seen.error["message"]
    assert "onnxruntime_src" not in seen.error["message"]
    assert "\n" not in seen.error["message"]


def test_a_broken_file_is_a_failure(ask, work, tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"hello")
    seen = measure.observe_here(ask(tmp_path / "m.onnx"), work)
    assert (seen.error["status"], seen.error["message"]) == ("failed", "Protobuf parsing failed.")


def test_an_error_in_a_call_is_a_failure_with_the_runtimes_words(ask, work, tmp_path):
    shape = numpy_helper.from_array(np.array([3], np.int64), "s")
    nodes = [helper.make_node("Reshape", ["x", "s"], ["y"])]
    path = save_model(tmp_path / "m.onnx", nodes, [value("x", ["N", 4])], [value("y", [3])], [shape])
    seen = measure.observe_here(ask(path), work)
    assert seen.error["status"] == "failed"
    assert "Input shape:{2,4}, requested shape:{3}" in seen.error["message"]


def test_a_provider_that_this_runtime_lacks_is_unsupported(ask, relu, work):
    session = Session(provider=Named("cuda", "cuda"), intra_threads=1)
    seen = measure.observe_here(ask(relu, session=session), work)
    available = ", ".join(onnxruntime.get_available_providers())
    assert seen.error["status"] == "unsupported"
    assert seen.error["message"] == (
        f"onnxruntime {onnxruntime.__version__} has no CUDAExecutionProvider; available: {available}"
    )
    assert seen.runtime["version"] == onnxruntime.__version__


def test_another_version_than_the_one_asked_for_is_a_failure(ask, relu, work):
    seen = measure.observe_here(ask(relu, runtime_version="0.1.0"), work)
    assert seen.error["status"] == "failed"
    assert seen.error["message"].endswith(f"is version {onnxruntime.__version__}; 0.1.0 was asked for")


def test_options_of_the_cpu_which_passes_over_them_are_unsupported(ask, relu, work):
    options = freeze({"use_arena": "0"})
    request = ask(relu, session=Session(provider=Named("cpu_plain", "cpu", options), intra_threads=1))
    assert request.session["provider_options"] == {"use_arena": "0"}
    error = measure.observe_here(request, work).error
    assert error["status"] == "unsupported"
    assert error["message"].startswith("CPUExecutionProvider has no options, and passes over 'use_arena': ")


def test_config_entries_are_set_and_read_back(ask, relu, work):
    entries = {
        "session.intra_op.allow_spinning": False,
        "session.set_denormal_as_zero": "1",
        "session.dynamic_block_base": 4,
        "enable_cpu_mem_arena": False,
    }
    session = Session(config=Named("quiet", "config", freeze(entries)), intra_threads=1)
    seen = measure.observe_here(ask(relu, session=session), work)
    assert seen.session["options"]["config"] == {
        "session.intra_op.allow_spinning": False,
        "session.set_denormal_as_zero": "1",
        "session.dynamic_block_base": "4",
        "enable_cpu_mem_arena": False,
    }
    assert "mem_in_use_peak" in seen.memory["arena_peak"]["unavailable"]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("session.intra_op.allow_spining", "does not know the config entry 'session.intra_op.allow_spining'"),
        ("enable_cpu_arena", "has no session option 'enable_cpu_arena'"),
    ],
)
def test_a_config_entry_that_the_runtime_would_ignore_is_unsupported(ask, relu, work, key, message):
    session = Session(config=Named("typo", "config", freeze({key: True})), intra_threads=1)
    seen = measure.observe_here(ask(relu, session=session), work)
    assert seen.error["status"] == "unsupported"
    assert message in seen.error["message"]


def test_entries_of_a_providers_library_are_not_checked():
    options = onnxruntime.SessionOptions()
    ort_options._set(onnxruntime, options, "ep.vendor.setting", True)
    assert options.get_session_config_entry("ep.vendor.setting") == "1"


@pytest.mark.parametrize(("mode", "inter"), [("sequential", 0), ("parallel", 2)])
def test_threads_and_mode_are_read_back_from_the_session(ask, conv, work, mode, inter):
    session = Session(execution_mode=mode, intra_threads=0, inter_threads=0)
    cores = Cores(tuple(sorted(os.sched_getaffinity(0))), (0,), threads=2, across=2)
    seen = measure.observe(ask(conv, inputs=(IMAGE,), session=session, cores=cores), work)
    assert seen.session["options"]["execution_mode"] == mode
    assert seen.session["options"]["intra_threads"] == 2
    assert seen.session["options"]["inter_threads"] == inter
    grown = seen.session["threads"]["after"] - seen.session["threads"]["before"]
    assert grown >= 1  # two threads: the caller's own and one more


def test_one_thread_starts_no_other(ask, conv, work):
    seen = measure.observe(ask(conv, inputs=(IMAGE,)), work)
    assert seen.session["threads"]["after"] == seen.session["threads"]["before"]


def test_cores_that_the_kernel_refuses_are_said_and_the_truth_is_read_back(ask, relu, work):
    seen = measure.observe(ask(relu, cores=Cores((4095,), (0,), 1)), work)
    assert seen.error is None
    assert seen.system["notes"] == ["not pinned to cores 4095: Invalid argument"]
    assert set(seen.session["cores"]) <= os.sched_getaffinity(0)


def test_more_threads_than_cores_are_noted(ask, relu, work):
    request = ask(
        relu, session=Session(intra_threads=3), cores=Cores((0,), (0,), 3, ("3 threads on 1 core",))
    )
    assert measure.observe(request, work).system["notes"] == ["3 threads on 1 core"]


def test_the_system_is_read_before_and_after(ask, relu, work):
    seen = measure.observe(ask(relu), work).system
    assert (len(seen["load_before"]), len(seen["load_after"])) == (3, 3)
    assert seen["steal_ticks"] is None or seen["steal_ticks"] >= 0
    assert seen["environment"]["OPENBLAS_NUM_THREADS"]
    assert list(seen["stage_ns"]) == ["session", "memory", "timing", "outputs", "proof"]


def test_a_peak_that_cannot_be_reset_is_unavailable_and_never_zero(ask, relu, work, tmp_path):
    (tmp_path / "self").mkdir()
    for name in ("status", "task"):
        (tmp_path / "self" / name).symlink_to(f"/proc/self/{name}")
    (tmp_path / "self/clear_refs").mkdir()

    class Refused(OrtEngine):
        def reset_peak(self):
            return system.reset_peak(tmp_path)

    work.mkdir()
    request = ask(relu)
    run = Run(request, Refused(request), work, [])
    run.run()
    memory = run.answer["memory"]
    why = {"unavailable": "the kernel's peak cannot be reset (/proc/self/clear_refs: Is a directory)"}
    assert (memory["peak"], memory["session_peak"]) == (why, why)
    assert memory["after_session"]["bytes"] > 0


def test_memory_that_the_system_does_not_tell_is_unavailable(tmp_path):
    assert system.resident(tmp_path) == {"unavailable": "/proc/self/status: No such file or directory"}
    (tmp_path / "self").mkdir()
    (tmp_path / "self/status").write_text("Name:\tx\n")
    assert system.peak(tmp_path) == {"unavailable": "/proc/self/status has no VmHWM"}


IMPORTED = """
import sys
bare = set(sys.modules)
from harness.measure.worker.__main__ import main
main([sys.argv[1]])
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - bare}))
"""


def test_a_worker_imports_the_standard_library_numpy_and_the_runtime_only(ask, conv, work):
    work.mkdir()
    (work / "request.json").write_text(json.dumps(ask(conv, inputs=(IMAGE,)).to_json()))
    command = [sys.executable, "-c", IMPORTED, str(work / "request.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=work)
    imported = set(done.stdout.split()) - sys.stdlib_module_names
    assert {"harness", "numpy", "onnxruntime"} <= imported
    # what numpy and the runtime bring along is named after them, or is part of the interpreter's build
    strangers = {
        name for name in imported if not name.startswith(("harness", "numpy", "onnxruntime", "_", "cython"))
    }
    assert strangers == set()


def test_the_worker_does_not_load_what_starts_it():
    code = "import sys, harness.measure.worker.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert loaded.isdisjoint(
        {"harness.measure.launch", "harness.measure.machine", "harness.core.registry", "numpy"}
    )


def test_an_input_may_be_narrowed_by_the_suite(ask, work, tmp_path):
    nodes = [helper.make_node("Identity", ["ids"], ["y"])]
    ends = [[value(name, ["N", "seq"], TensorProto.INT64)] for name in ("ids", "y")]
    path = save_model(tmp_path / "m.onnx", nodes, *ends)
    model = Model(
        "m", Source("onnx", ()), shapes=freeze({"seq": 64}), inputs=freeze({"ids": {"low": 5, "high": 7}})
    )
    load = Load(batch=2, shapes=Named("long", "shapes", freeze({"seq": 9})))
    request = ask(path, inputs=(Input("ids", "int64", ("N", "seq")),), model=model, load=load)
    seen = measure.observe_here(request, work)
    assert seen.session["input_shapes"] == {"ids": [2, 9]}
    assert set(np.unique(outputs_of(seen)["y"])) == {5, 6}


@pytest.mark.parametrize(("inherited", "asked", "on"), [("0", False, False), ("1", True, True)])
def test_telemetry_is_off_unless_the_suite_asks_for_it(ask, relu, work, monkeypatch, inherited, asked, on):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", inherited)
    seen = measure.observe(ask(relu, passes=("timing",), wanted=Measure(telemetry=asked)), work)
    assert (seen.error, seen.session["telemetry"]) == (None, on)
    assert seen.system["environment"].get("ORT_DISABLE_TELEMETRY") == (None if on else "1")
    if not on:  # how long a telemetry thread lives, where one starts, is the runtime's affair
        assert seen.session["threads"]["before"] == 1


def test_a_proof_makes_two_calls_whatever_the_number_of_inputs(ask, conv, work):
    peaks = []
    for inputs in (1, 2):
        request = ask(conv, inputs=(IMAGE,), passes=("memory", "proof"), wanted=Measure(inputs=inputs))
        peaks.append(measure.observe(request, work).memory["arena_peak"]["bytes"])
    assert peaks[0] == peaks[1] > 0


def half(path, operator, kind):
    """A node between casts to `kind` and back."""
    nodes = [
        helper.make_node("Cast", ["x"], ["h"], to=kind),
        helper.make_node(operator, ["h"], ["i"], name="node"),
        helper.make_node("Cast", ["i"], ["y"], to=TensorProto.FLOAT),
    ]
    return save_model(path, nodes, [value("x", ["N", 4])], [value("y", ["N", 4])])


def test_a_bf16_file_without_a_kernel_is_unsupported_and_names_operator_and_provider(ask, work, tmp_path):
    path = half(tmp_path / "m.onnx", "Relu", TensorProto.BFLOAT16)
    seen = measure.observe_here(replace(ask(path), precision="bf16"), work)
    assert seen.error["status"] == "unsupported"
    message = seen.error["message"]
    assert message.startswith(
        "Relu (opset 14) has no bf16 kernel on CPUExecutionProvider; its kernels take double, float"
    )
    assert message.endswith("(Could not find an implementation for Relu(14) node with name 'node')")
    path = half(tmp_path / "n.onnx", "Identity", TensorProto.BFLOAT16)
    assert measure.observe_here(replace(ask(path), precision="bf16"), work).error is None


class Kernel:
    """One kernel, as the runtime lists it."""

    def __init__(self, provider, *types):
        self.provider, self.op_name, self.version_range = provider, "Relu", (14, 2**31 - 1)
        self.type_constraints = {"T": [f"tensor({name})" for name in types]}


@pytest.mark.parametrize(
    ("kernels", "providers", "expected"),
    [
        (
            [Kernel("CPU", "float")],
            ["CPU"],
            "Relu (opset 14) has no bf16 kernel on CPU; its kernels take float",
        ),
        (
            [Kernel("CPU", "float"), Kernel("CUDA", "float", "float16")],
            ["CUDA", "CPU"],
            "Relu (opset 14) has no bf16 kernel on CUDA or CPU; its kernels take float, float16",
        ),
        ([Kernel("CPU", "bfloat16")], ["CPU"], ""),  # another reason: nothing is claimed
        ([Kernel("CPU", "float")], ["CUDA", "CPU"], ""),  # of CUDA's kernels nothing is known
        ([], ["CPU"], ""),
    ],
)
def test_a_missing_kernel_is_claimed_by_the_runtimes_own_list_alone(kernels, providers, expected):
    state = SimpleNamespace(get_all_opkernel_def=lambda: kernels)
    runtime = SimpleNamespace(capi=SimpleNamespace(onnxruntime_pybind11_state=state))
    message = "Could not find an implementation for Relu(14) node with name ''"
    assert ort_kernels.missing(runtime, message, providers, "bf16") == expected
    assert ort_kernels.missing(runtime, message, providers, "fp32") == ""
    assert ort_kernels.missing(SimpleNamespace(), message, providers, "bf16") == ""


@pytest.fixture
def gpu_runtime(tmp_path):
    """A runtime whose libraries hold these names, and no code."""
    names = {
        "cuda": ("arena_extend_strategy", "gpu_mem_limit", "has_user_compute_stream", "brand_new_option"),
        "tensorrt": ("device_id", "trt_fp16_enable", "trt_engine_cache_enable"),
    }
    (tmp_path / "capi").mkdir()
    for name, options in names.items():
        library = tmp_path / "capi" / f"libonnxruntime_providers_{name}.so"
        library.write_bytes(b"\0".join([b"\x7fELF", *(option.encode() for option in options), b""]))
    return SimpleNamespace(__file__=str(tmp_path / "__init__.py"), __version__="1.31.1")


@pytest.mark.parametrize(
    ("provider", "option", "nearest"),
    [
        ("CUDAExecutionProvider", "gpu_mem_limit", None),
        ("CUDAExecutionProvider", "user_compute_stream", None),  # the end of a longer name
        ("CUDAExecutionProvider", "brand_new_option", None),
        ("CUDAExecutionProvider", "gpu_mem_limits", "gpu_mem_limit"),
        ("CUDAExecutionProvider", "extend_strategy", "arena_extend_strategy"),
        ("CUDAExecutionProvider", "device_id", "gpu_mem_limit"),  # which other releases have
        ("TensorrtExecutionProvider", "trt_fp16_enable", None),
        ("TensorrtExecutionProvider", "trt_engine_cache", "trt_engine_cache_enable"),
        ("OpenVINOExecutionProvider", "anything", None),  # which says so itself
    ],
)
def test_an_option_is_looked_for_in_the_library_of_its_provider(gpu_runtime, provider, option, nearest):
    if nearest is None:
        ort_providers.check_options(gpu_runtime, provider, [option])
        return
    message = f"^{provider} of onnxruntime 1.31.1 has no option '{option}': "
    with pytest.raises(Unsupported, match=message) as refused:
        ort_providers.check_options(gpu_runtime, provider, [option])
    assert nearest in str(refused.value)


def test_a_library_that_is_no_library_gives_no_reason(gpu_runtime):
    assert ort_providers.missing_library(gpu_runtime, "CUDAExecutionProvider") == ""
    assert ort_providers.missing_library(onnxruntime, "CUDAExecutionProvider") == ""
