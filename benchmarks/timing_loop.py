"""How true is the harness's p50? Held against a bare loop of `run_with_iobinding`.

Each turn is two fresh processes on the same core, in an order that alternates:
a worker of the harness, and the script that anyone would write. Promised, of
the median over turns: within 1% on a model of 1 ms or more, at most 1.5 µs
more below. Run it alone::

    python benchmarks/timing_loop.py [--turns 20] [--seconds 0.5]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from harness import measure
from harness.core.artifact import Built
from harness.core.case import Artifact, Case, Load, Model, Session, Source
from harness.core.inputs import Input
from harness.core.sampling import Sampling
from harness.core.suite import Measure

MODELS = ((4, 1, 1), (64, 4, 1), (512, 8, 1), (256, 16, 64), (512, 16, 64))  # width, layers, batch

BARE = """
import os, statistics, sys
from time import perf_counter_ns
os.sched_setaffinity(0, {int(sys.argv[2])})
import numpy as np, onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
width = session.get_inputs()[0].shape[1]
values = np.random.default_rng(0).standard_normal((int(sys.argv[4]), width), np.float32)
feed = ort.OrtValue.ortvalue_from_numpy(values)
binding = session.io_binding()
binding.bind_ortvalue_input("x", feed)
binding.bind_output("y")
samples = []
end = perf_counter_ns() + int((float(sys.argv[3]) + 0.1) * 1e9)
warm = end - int(float(sys.argv[3]) * 1e9)
while perf_counter_ns() < end:
    begun = perf_counter_ns()
    session.run_with_iobinding(binding)
    ended = perf_counter_ns()
    if begun > warm:
        samples.append(ended - begun)
print(statistics.median(samples))
"""


def make_model(path: Path, width: int, layers: int) -> Built:
    """Write a chain of matrix products, `width` wide."""
    weight = (np.random.default_rng(0).standard_normal((width, width)) / width**0.5).astype(np.float32)
    names = ["x", *(f"h{i}" for i in range(1, layers)), "y"]
    nodes = [helper.make_node("MatMul", [names[i], "w"], [names[i + 1]]) for i in range(layers)]
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", width]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "chain", value[:1], value[1:], [numpy_helper.from_array(weight, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    inputs = (Input("x", "float32", ("N", width)),)
    return Built(str(path), "", path.stat().st_size, 17, "fp32", {"MatMul": layers}, inputs, ("y",))


def harness_p50(built: Built, batch: int, core: int, seconds: float, folder: Path) -> float:
    """Return p50 in ns as a worker saw it: one thread, one input, as the bare loop has them."""
    case = Case(Artifact(Model("chain", Source("onnx", ()))), Session(intra_threads=1), Load(batch=batch))
    request = measure.request(
        case,
        built,
        Sampling(seconds=seconds),
        Measure(inputs=1),
        passes=("timing",),
        cores=measure.choose_cores(1, (core,)),
    )
    return statistics.median(measure.observe(request, folder).timing["samples_ns"])


def bare_p50(built: Built, batch: int, core: int, seconds: float) -> float:
    """Return p50 in ns as the bare script saw it."""
    command = [sys.executable, "-c", BARE, built.path, str(core), str(seconds), str(batch)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.5)
    asked = parser.parse_args()
    core = max(os.sched_getaffinity(0))
    print(f"onnxruntime {onnxruntime.__version__}, core {core}, {asked.turns} turns of 2 x {asked.seconds} s")
    print(f"{'model':>14} {'harness':>12} {'bare':>12} {'difference':>12} {'ratio':>8} {'sd':>7}  promise")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for width, layers, batch in MODELS:
            built = make_model(folder / f"{width}x{layers}.onnx", width, layers)
            ours, bare = [], []
            for turn in range(asked.turns):
                if turn % 2:
                    bare.append(bare_p50(built, batch, core, asked.seconds))
                ours.append(harness_p50(built, batch, core, asked.seconds, folder))
                if not turn % 2:
                    bare.append(bare_p50(built, batch, core, asked.seconds))
            ratios = [a / b for a, b in zip(ours, bare, strict=True)]
            ratio = statistics.median(ratios)
            more = statistics.median([a - b for a, b in zip(ours, bare, strict=True)])
            held = abs(ratio - 1) <= 0.01 if statistics.median(bare) >= 1e6 else more <= 1500
            print(
                f"{f'{width} x {layers} @{batch}':>14} {statistics.median(ours) / 1e3:>9.2f} µs"
                f" {statistics.median(bare) / 1e3:>9.2f} µs {more / 1e3:>+9.3f} µs {ratio:>8.4f}"
                f" {statistics.stdev(ratios):>7.4f}  {'held' if held else 'BROKEN'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
