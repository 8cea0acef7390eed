"""Released wheels, installed for real, and the real worker under each of them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import measure
from harness.core.artifact import Built
from harness.core.case import Artifact, Case, Load, Model, Named, Session, Source
from harness.core.inputs import Input
from harness.core.passes import chosen
from harness.core.record import Observation
from harness.core.sampling import Sampling
from harness.core.suite import Measure
from harness.install import Installed, released

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("runtimes")]  # each is installed once

OWN_NUMPY = {"onnxruntime==1.17.3": "1.26.4"}
CPU_RUNTIMES = ("onnxruntime==1.17.3", "onnxruntime==1.20.1", "onnxruntime==1.22.1")
OPENVINO = "onnxruntime-openvino==1.24.1"

Observe = Callable[..., Observation]


def write_model(path: Path, opset: int = 17) -> Built:
    """A convolution, a rectifier, a mean and a product, for any batch."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(0)
    constants = [
        numpy_helper.from_array(weights.standard_normal(shape).astype(np.float32), name)
        for name, shape in (("kernel", (4, 3, 3, 3)), ("weight", (4, 5)))
    ]
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["c"], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "weight"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 5])
    graph = helper.make_graph(nodes, "small", [x], [y], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path)
    operators = {node.op_type: 1 for node in nodes}
    inputs = (Input("x", "float32", ("N", 3, 8, 8)),)
    return Built(str(path), "0" * 64, path.stat().st_size, opset, "fp32", operators, inputs, ("y",))


@pytest.fixture
def observe(tmp_path: Path) -> Observe:
    """Measure the small model in a fresh worker."""

    def run(runtime: Installed | None, provider: str = "cpu", opset: int = 17, **changed: Any) -> Observation:
        built = changed.get("built") or write_model(tmp_path / f"{opset}.onnx", opset)
        asked = Session(
            runtime.requirement if runtime else "current", Named(provider, provider), intra_threads=1
        )
        request = measure.request(
            Case(Artifact(Model("small", Source("onnx", ()))), asked, Load(batch=2)),
            built,
            Sampling(warmup_calls=2, warmup_s=0.0, calls=6, seconds=None),
            Measure(drift_samples=5),
            passes=chosen({}),
            cores=measure.choose_cores(1),
            runtime_path=changed.get("path", runtime and runtime.path),
            runtime_version=changed.get("version", runtime and runtime.version),
        )
        return measure.observe(request, tmp_path / "work")

    return run


def outputs(observation: Observation) -> np.ndarray:
    with np.load(observation.outputs["file"]) as arrays:
        return np.asarray(arrays["0"])


@pytest.mark.parametrize("text", [*CPU_RUNTIMES, OPENVINO])
def test_a_released_runtime_is_what_a_fresh_process_imports(
    text: str, released_runtime: Callable[[str], Installed]
) -> None:
    runtime = released_runtime(text)
    code = (
        "import json, numpy, onnxruntime as o;"
        "print(json.dumps([o.__version__, o.__file__, numpy.__version__, o.get_available_providers()]))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": runtime.path},
        capture_output=True,
        text=True,
        check=True,
    )
    version, file, numpy_version, providers = json.loads(said.stdout)
    assert f"{runtime.distribution}=={version}" == text
    assert file == f"{runtime.path}/onnxruntime/__init__.py"
    assert runtime.numpy == OWN_NUMPY.get(text)
    assert numpy_version == (runtime.numpy or np.__version__)
    assert runtime.sha256 is not None
    assert len(runtime.sha256) == 64
    assert ("OpenVINOExecutionProvider" in providers) == (text == OPENVINO)


@pytest.mark.parametrize("text", CPU_RUNTIMES)
def test_the_worker_measures_under_an_old_runtime(
    text: str, released_runtime: Callable[[str], Installed], observe: Observe
) -> None:
    runtime = released_runtime(text)
    seen = observe(runtime)
    assert seen.error is None
    assert seen.passes == ("session", "memory", "timing", "outputs", "proof")
    assert seen.runtime["version"] == runtime.version
    assert seen.runtime["distribution"] == "onnxruntime"
    assert seen.runtime["path"] == f"{runtime.path}/onnxruntime"
    assert "git-commit-id=" in seen.runtime["build"]
    assert seen.runtime["numpy"] == (runtime.numpy or np.__version__)
    assert seen.session["options"]["intra_threads"] == 1
    assert len(seen.timing["samples_ns"]) == 6
    assert seen.proof["assignment_from"] == "profile"
    assert seen.proof["assignment"]["CPUExecutionProvider"]["nodes"] == 5
    assert seen.proof["operators"]["Conv"] == 1
    assert seen.memory["arena_peak"] == {
        "unavailable": f"the profile of onnxruntime {runtime.version} has no mem_in_use_peak"
    }


@pytest.mark.parametrize("text", [*CPU_RUNTIMES, OPENVINO])
def test_every_runtime_computes_the_same_from_the_same_rows(
    text: str, released_runtime: Callable[[str], Installed], observe: Observe
) -> None:
    current = outputs(observe(None))
    seen = outputs(observe(released_runtime(text)))
    assert seen.shape == (5, 5)
    assert seen.std() > 0.1
    np.testing.assert_allclose(seen, current, rtol=1e-4, atol=1e-5)


def test_an_operator_that_a_release_computes_wrong_is_seen_in_its_outputs(
    released_runtime: Callable[[str], Installed], observe: Observe, tmp_path: Path
) -> None:
    """AveragePool of opset 21 was wrong where padding counts, from 1.21.0 to 1.24.4."""
    import onnx
    from onnx import TensorProto, helper

    shape = ["N", 1, 8, 8]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy")
    node = helper.make_node(
        "AveragePool", ["x"], ["y"], kernel_shape=[2, 2], pads=[0, 0, 1, 1], count_include_pad=1
    )
    opset = [helper.make_opsetid("", 21)]
    path = tmp_path / "pool.onnx"
    onnx.save(
        helper.make_model(helper.make_graph([node], "g", [x], [y]), opset_imports=opset, ir_version=10), path
    )
    built = Built(str(path), "0" * 64, 1, 21, "fp32", {}, (Input("x", "float32", tuple(shape)),), ("y",))
    wrong, right = (
        outputs(observe(runtime, built=built)) for runtime in (released_runtime(CPU_RUNTIMES[-1]), None)
    )
    assert np.array_equal(wrong[..., :-1, :-1], right[..., :-1, :-1])
    assert np.array_equal(wrong[..., -1, -1], 2 * right[..., -1, -1])


def test_openvino_runs_a_convolution_on_a_plain_cpu(
    released_runtime: Callable[[str], Installed], observe: Observe
) -> None:
    seen = observe(released_runtime(OPENVINO), provider="openvino")
    assert seen.error is None
    assert seen.session["providers"] == ["OpenVINOExecutionProvider", "CPUExecutionProvider"]
    assert seen.runtime["distribution"] == "onnxruntime-openvino"
    assert seen.proof["assignment_from"] == "graph_assignment"
    assert set(seen.proof["assignment"]) == {"OpenVINOExecutionProvider"}
    assert seen.proof["assignment"]["OpenVINOExecutionProvider"]["operators"]["Conv"] == 1
    assert [name.startswith("OpenVINO-EP-subgraph") for name in seen.proof["operators"]] == [True]
    np.testing.assert_allclose(outputs(seen), outputs(observe(None)), rtol=1e-3, atol=1e-4)


def test_a_provider_that_the_runtime_lacks_is_unsupported(
    released_runtime: Callable[[str], Installed], observe: Observe
) -> None:
    seen = observe(released_runtime("onnxruntime==1.22.1"), provider="openvino")
    assert seen.error is not None
    assert seen.error["status"] == "unsupported"
    assert seen.error["message"].startswith(
        "onnxruntime 1.22.1 has no OpenVINOExecutionProvider; available: "
    )


def test_an_opset_that_the_runtime_does_not_know_is_unsupported(
    released_runtime: Callable[[str], Installed], observe: Observe
) -> None:
    seen = observe(released_runtime("onnxruntime==1.17.3"), opset=21)
    assert seen.error is not None
    assert seen.error["status"] == "unsupported"
    assert "opset" in seen.error["message"].lower()
    assert observe(released_runtime("onnxruntime==1.22.1"), opset=21).error is None


def test_another_version_than_asked_for_is_failed(
    released_runtime: Callable[[str], Installed], observe: Observe
) -> None:
    runtime = released_runtime("onnxruntime==1.22.1")
    seen = observe(runtime, version="1.22.2")
    assert seen.error is not None
    assert seen.error["status"] == "failed"
    assert (
        seen.error["message"]
        == f"{runtime.path}/onnxruntime/__init__.py is version 1.22.1; 1.22.2 was asked for"
    )


def test_the_right_version_from_another_folder_is_failed(observe: Observe, tmp_path: Path) -> None:
    import onnxruntime

    here = Path(onnxruntime.__file__).parents[1]
    seen = observe(None, path=str(tmp_path / "removed"), version=onnxruntime.__version__)
    assert seen.error is not None
    assert seen.error["status"] == "failed"
    assert seen.error["message"] == (
        f"onnxruntime {onnxruntime.__version__} was imported from {here}, not from {tmp_path / 'removed'}"
    )


def test_the_released_versions_are_listed_oldest_first(released_runtime: Callable[[str], Installed]) -> None:
    released_runtime("onnxruntime==1.22.1")  # skips where there is no network
    versions = released("onnxruntime")
    found = [versions.index(version) for version in ("1.17.3", "1.20.1", "1.22.1")]
    assert found == sorted(found)
    assert released("onnxruntime-openvino").count("1.24.1") == 1
