"""Say how often counts of instructions differ where nothing changed, and how often they show 0.2% more work.

    python benchmarks/count_rates.py [--pairs 200] [--more 20] [--log FILE] [--bisect MODEL]

Promised: 0 of 200 pairs of one model and itself differ; of 20 pairs of a matrix product and one of 0.2% more
columns, all show more than 0.1%; a bisection by instructions over 30 released versions takes two minutes at
most, once they are installed. Every process counts once, so that a pair is two fresh processes. A count takes
about ten seconds; each is a line of FILE, and a run goes on behind the lines that are there. How busy the
machine is does not matter.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from harness import build, measure
from harness.build.scratch import scratch
from harness.core.sampling import Sampling
from harness.core.suite import Measure
from harness.plan import plan_model

COLUMNS, MORE = 8000, 8016
ROWS, DEPTH = 8, 64
LEAST = 1.001


def write_product(path: Path, columns: int) -> None:
    """Write a product of [N, 8, 64] with a weight of so many columns."""
    weight = np.random.default_rng(0).standard_normal((DEPTH, columns)).astype(np.float32)
    shapes = {"x": ["N", ROWS, DEPTH], "y": ["N", ROWS, columns]}
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items())
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "product", [x], [y], [numpy_helper.from_array(weight, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def count_once(columns: int, cache: Path) -> dict[str, object]:
    """Count a product in one fresh process."""
    with scratch() as folder:
        model = folder / f"product_{columns}.onnx"
        write_product(model, columns)
        (case,) = plan_model(model, {"intra_threads": 1}).cases
        built = build.build(case.artifact, cache)
        once = Sampling(warmup_calls=1, warmup_s=0.0, calls=1, seconds=None)
        cores = measure.choose_cores(1)
        asked = measure.request(case, built, once, Measure(), passes=(), cores=cores)
        begun = perf_counter()
        ((part,),) = measure.count([[asked]], folder / "worker")
        return {"columns": columns, "seconds": round(perf_counter() - begun, 1), **part}


def call(line: dict) -> int:
    """Return the count of the smallest stretch of calls."""
    return min(line["counts"]["call"])


def report(lines: list[dict]) -> None:
    """Print what the counts come to."""
    base = [call(line) for line in lines if line["columns"] == COLUMNS]
    head = [call(line) for line in lines if line["columns"] == MORE]
    pairs = list(zip(base[::2], base[1::2], strict=False))
    differ = sum(one != other for one, other in pairs)
    print(f"A/A: {differ} different of {len(pairs)} pairs; counts seen: {sorted(set(base))}")
    ratios = [more / one for one, more in zip(base, head, strict=False)]
    shown = sum(ratio > LEAST for ratio in ratios)
    print(f"+{MORE / COLUMNS - 1:.1%} of the columns: seen {shown} of {len(ratios)}, as "
          f"{', '.join(sorted({f'{ratio - 1:+.4%}' for ratio in ratios}))}")  # fmt: skip
    created = [line["counts"]["session"][0] for line in lines if line["columns"] == COLUMNS]
    if created:
        spread = (max(created) - min(created)) / min(created)
        print(f"sessions: from {min(created)} to {max(created)}, {spread:.3%} apart")
    print(f"{sum(line['seconds'] for line in lines) / max(1, len(lines)):.1f} s a count")


def time_bisection(model: Path) -> None:
    """Time a bisection over the released versions, twice: the second time they are installed."""
    command = [sys.executable, "-m", "harness", "bisect", str(model), "--metric", "instructions/call"]
    with tempfile.TemporaryDirectory() as results:
        for what in ("with what must be installed", "installed"):
            begun = perf_counter()
            done = subprocess.run([*command, "--results", results], check=False)
            print(f"bisection, {what}: {perf_counter() - begun:.0f} s, exit code {done.returncode}")


def main() -> None:
    """Count until there are as many pairs as asked for, each a line at once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--more", type=int, default=20)
    parser.add_argument("--log", type=Path, default=Path("count-rates.jsonl"))
    parser.add_argument("--bisect", type=Path)
    asked = parser.parse_args()
    lines = [json.loads(line) for line in asked.log.read_text().splitlines()] if asked.log.exists() else []
    with tempfile.TemporaryDirectory() as cache:
        while True:
            base = sum(line["columns"] == COLUMNS for line in lines)
            head = len(lines) - base
            if base >= 2 * asked.pairs and head >= asked.more:
                break
            wanted = MORE if head < min(asked.more, base // 2) else COLUMNS
            line = count_once(wanted, Path(cache))
            if "counts" not in line:
                sys.exit(str(line["unavailable"]))
            lines.append(line)
            with asked.log.open("a") as log:
                log.write(json.dumps(line) + "\n")
    report(lines)
    if asked.bisect:
        time_bisection(asked.bisect)


if __name__ == "__main__":
    main()
