"""Seconds a case of a whole sweep, and where they go: 4-layer encoder, hidden 256, sequence 64, all passes.

2 batches x 2 thread counts x 2 graph_opt levels, 10 warm-up and 100 timed calls, with the artifact cached.
Beside it what a bare loop takes: a fresh Python with NumPy and ONNX Runtime, the session, the same calls. Run
it alone on the machine; promised is at most 1.25 times the bare loop.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from harness import store
from harness.build import default_cache_dir
from harness.core.record import Record
from harness.plan import plan_document
from harness.run.job import run

SUITES = Path(__file__).parent.parent / "suites"
DOCUMENT = {
    "models": {"encoder": {"source": {"torch": "models/encoder.py:model"}}},
    "axes": {
        "batch": [1, 8],
        "intra_threads": [1, 2],
        "graph_opt": ["disable", "all"],
        "shapes": [{"seq64": {"sequence": 64}}],
    },
    "sampling": {"warmup_calls": 10, "warmup_seconds": 0, "calls": 100, "seconds": None},
}
CALLS = 110

BARE = """
import sys, time
import numpy as np, onnxruntime as ort
path, threads, level, batch = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
options = ort.SessionOptions()
options.intra_op_num_threads = threads
options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
types = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32}
feeds = {
    item.name: np.ones([batch if place == 0 else size if isinstance(size, int) else 64
                        for place, size in enumerate(item.shape)], types[item.type])
    for item in session.get_inputs()
}
times = []
for _ in range(CALLS):
    begun = time.perf_counter_ns()
    session.run(None, feeds)
    times.append(time.perf_counter_ns() - begun)
print(sorted(times)[len(times) // 2])
"""
LEVELS = {"disable": "ORT_DISABLE_ALL", "all": "ORT_ENABLE_ALL"}


def bare_s(record: Record) -> float:
    """Time a bare loop of the case of `record`, its process included."""
    load, session = record.asked["load"], record.asked["session"]
    arguments = [record.artifact["path"], session["intra_threads"], LEVELS[session["graph_opt"]]]
    code = BARE.replace("CALLS", str(CALLS))
    begun = perf_counter()
    subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments), str(load["batch"])],
        check=True,
        capture_output=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    return perf_counter() - begun


def stages(records: Sequence[Record]) -> dict[str, float]:
    """Return the mean seconds that each stage of a case's worker took, and what was spent elsewhere."""
    every = [record.environment["during"]["stage_ns"] for record in records]
    found = {name: statistics.mean(each[name] for each in every) / 1e9 for name in every[0]}
    whole = statistics.mean(record.duration_s for record in records)
    return {**found, "start of the worker, reference, judging": whole - sum(found.values())}


def main() -> None:
    """Build once, then time the sweep itself, case by case."""
    plan = plan_document(DOCUMENT, SUITES, "sweep_cost")
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder)
        run(plan, results, default_cache_dir())
        timed = run(plan, results, default_cache_dir())
        records = store.records(results, timed.run)
    seconds = [record.duration_s for record in records]
    for record in records:
        print(f"{record.duration_s:6.2f} s  {record.status:8} {record.case} {record.reason}")
    for name, mean_s in stages(records).items():
        print(f"{mean_s:6.2f} s  {name}")
    bare = [bare_s(record) for record in records]
    mean, plain = statistics.mean(seconds), statistics.mean(bare)
    print(f"mean {mean:.2f} s a case, a bare loop {plain:.2f} s: {mean / plain:.2f} times")


if __name__ == "__main__":
    main()
