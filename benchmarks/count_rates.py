"""Say how often counts of instructions differ where nothing changed, and how often they show 0.2% more work.

    python benchmarks/count_rates.py [--pairs 200] [--more 20] [--log FILE] [--bisect MODEL]

Promised: 0 of 200 pairs of one model and itself differ; of 20 pairs of a matrix product and one of 0.2% more
columns, all show more than 0.1%; a bisection by instructions over 30 released versions takes two minutes at
most, once they are installed. As in an A/B each arm has a worker of its own, which imports once and counts
in forks, here eight. Each pair is a line of FILE, and a run goes on behind the lines that are there. How
busy the machine is does not matter.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from harness import build, measure
from harness.build.scratch import scratch
from harness.core.sampling import Sampling
from harness.core.suite import Measure
from harness.plan import plan_model

COLUMNS, MORE = 8000, 8016
ROWS, DEPTH = 8, 16
LEAST = 1.001
FORKS = 8
"""Counts of a worker."""


def write_product(path: Path, columns: int) -> None:
    """Write a product of [N, 8, 16] with a weight of so many columns."""
    weight = np.random.default_rng(0).standard_normal((DEPTH, columns)).astype(np.float32)
    shapes = {"x": ["N", ROWS, DEPTH], "y": ["N", ROWS, columns]}
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items())
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "product", [x], [y], [numpy_helper.from_array(weight, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def count_pairs(columns: tuple[int, int], cache: Path) -> list[dict[str, Any]]:
    """Count both arms in a worker each, FORKS times, as an A/B does; return a line a pair."""
    with scratch() as folder:
        groups = []
        for width in columns:
            model = folder / f"product_{width}.onnx"
            write_product(model, width)
            (case,) = plan_model(model, {"intra_threads": 1}).cases
            built = build.build(case.artifact, cache)
            once = Sampling(warmup_calls=1, warmup_s=0.0, calls=1, seconds=None)
            asked = measure.request(case, built, once, Measure(), passes=(), cores=measure.choose_cores(1))
            groups.append([asked] * FORKS)
        begun = perf_counter()
        arms = measure.count(groups, folder / "worker")
        seconds = (perf_counter() - begun) / FORKS
    for part in (part for arm in arms for part in arm):
        if "counts" not in part:
            sys.exit(str(part["unavailable"]))
    return [
        {"columns": columns, "seconds": round(seconds, 1), "how": base["how"],
         "calls": [min(part["counts"]["call"]) for part in (base, head)],
         "sessions": [part["counts"]["session"][0] for part in (base, head)]}
        for base, head in zip(*arms, strict=True)
    ]  # fmt: skip


def report(lines: list[dict[str, Any]]) -> None:
    """Print what the counts come to."""
    same = [line["calls"] for line in lines if line["columns"][0] == line["columns"][1]]
    more = [line["calls"] for line in lines if line["columns"][0] != line["columns"][1]]
    differ = sum(one != other for one, other in same)
    seen = sorted({count for pair in same for count in pair})
    print(f"A/A: {differ} different of {len(same)} pairs; counts seen: {seen}")
    ratios = [head / base for base, head in more]
    shown = sum(ratio > LEAST for ratio in ratios)
    print(f"+{MORE / COLUMNS - 1:.1%} of the columns: seen {shown} of {len(ratios)}, as "
          f"{', '.join(sorted({f'{ratio - 1:+.4%}' for ratio in ratios}))}")  # fmt: skip
    apart = [abs(head / base - 1) for base, head in
             (line["sessions"] for line in lines if line["columns"][0] == line["columns"][1])]  # fmt: skip
    if apart:
        print(f"sessions of a pair: {max(apart):.3%} apart at most")
    print(f"{sum(line['seconds'] for line in lines) / max(1, len(lines)):.1f} s a pair")


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
        for columns, wanted in (((COLUMNS, MORE), asked.more), ((COLUMNS, COLUMNS), asked.pairs)):
            while sum(tuple(line["columns"]) == columns for line in lines) < wanted:
                found = count_pairs(columns, Path(cache))
                lines += found
                with asked.log.open("a") as log:
                    log.writelines(f"{json.dumps(line)}\n" for line in found)
    report(lines)
    if asked.bisect:
        time_bisection(asked.bisect)


if __name__ == "__main__":
    main()
