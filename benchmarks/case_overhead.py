"""What does a case cost beyond its own session creation and calls? Promised: 0.3 s at most, median.

Every pass is on. Counted as the case's own: creating the session, its first
call, warm-up and the timed stretch. All else is overhead, the passes of
memory, outputs and proof (with a session of its own) included. Run it alone::

    python benchmarks/case_overhead.py [--cases 20]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from harness import measure
from harness.core.artifact import Built
from harness.core.case import Artifact, Case, Load, Model, Session, Source
from harness.core.inputs import Input
from harness.core.passes import chosen, together
from harness.core.sampling import Sampling
from harness.core.suite import Measure

PROMISED_S = 0.3


def make_model(path: Path) -> Built:
    """Write a convolutional net of the size of the digits CNN."""
    generator = np.random.default_rng(0)
    shapes = {"w1": (32, 1, 3, 3), "w2": (64, 32, 3, 3), "w3": (64, 10)}
    weights = [
        numpy_helper.from_array(generator.standard_normal(shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c1"], pads=[1] * 4),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], pads=[1] * 4),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("GlobalAveragePool", ["r2"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "w3"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 10])],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    inputs = (Input("x", "float32", ("N", 1, 8, 8)),)
    return Built(str(path), "", path.stat().st_size, 17, "fp32", {}, inputs, ("y",))


def overhead(built: Built, folder: Path) -> dict[str, float]:
    """Run one case and return where its time went, in s."""
    begun = perf_counter()
    case = Case(Artifact(Model("digits", Source("onnx", ()))), Session(intra_threads=1), Load(batch=8))
    request = measure.request(
        case,
        built,
        Sampling(calls=100, seconds=None),
        Measure(),
        passes=together(chosen(Measure().passes)),
        cores=measure.choose_cores(1),
    )
    seen = measure.observe(request, folder)
    wall_s = perf_counter() - begun
    if seen.error:
        raise SystemExit(f"the case failed: {seen.error['message']}")
    stages = {name: span / 1e9 for name, span in seen.system["stage_ns"].items()}
    timed = (sum(seen.timing["warmup_ns"]) + seen.timing["wall_ns"]) / 1e9
    own = (seen.session["create_ns"] + seen.session["first_call_ns"]) / 1e9 + timed
    return {
        "overhead": wall_s - own,
        "process": wall_s - sum(stages.values()),
        "import": seen.runtime["import_ns"] / 1e9,
        "memory": stages["memory"],
        "outputs": stages["outputs"],
        "proof": stages["proof"],
        "case": wall_s,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        built = make_model(Path(name) / "digits.onnx")
        overhead(built, Path(name) / "work")  # fills the file cache
        seen = [overhead(built, Path(name) / "work") for _ in range(asked.cases)]
    print(f"onnxruntime {onnxruntime.__version__}, {asked.cases} cases, all passes on; seconds")
    print(f"{'':>10} {'median':>8} {'max':>8}")
    for part in seen[0]:
        values = [case[part] for case in seen]
        print(f"{part:>10} {statistics.median(values):>8.3f} {max(values):>8.3f}")
    median = statistics.median(case["overhead"] for case in seen)
    print(f"promise of {PROMISED_S} s {'held' if median <= PROMISED_S else 'BROKEN'}")


if __name__ == "__main__":
    main()
