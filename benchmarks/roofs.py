"""How well the roofs of this machine repeat: several measurements, and the largest difference of each.

    python benchmarks/roofs.py [--times 5] [--threads 1]

Run it on a quiet machine. Exit code 1 where two measurements of one roof differ by more than 3%.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from harness import measure
from harness.build.scratch import scratch
from harness.core.units import format_bytes
from harness.plan import plan_model
from harness.profile.model import Roofs
from harness.profile.roofs import roofs_of
from harness.run.bench import open_bench

LIMIT = 0.03
DIGITS = Path(__file__).parents[1] / "suites" / "models" / "digits_cnn.onnx"


def measured(times: int, threads: int) -> list[Roofs]:
    """Measure the roofs `times` times."""
    plan = plan_model(DIGITS, {"intra_threads": [threads]})
    (case,) = plan.cases
    with TemporaryDirectory() as cache, scratch() as work:
        bench = open_bench(plan.suite, Path(cache), work, measure.describe_machine())
        return [
            roofs_of(bench, case, Path(cache) / "roofs", work, "onnxruntime", again=True)
            for _ in range(times)
        ]


def spreads(found: list[Roofs]) -> dict[str, tuple[float, float]]:
    """Return of each roof the lowest value and the largest difference, as a share of it."""
    series: dict[str, list[float]] = {}
    for roofs in found:
        for kernel, value in roofs.flops_per_s.items():
            series.setdefault(f"{kernel} matrix product, GFLOP/s", []).append(value / 1e9)
        for each in roofs.bandwidths:
            name = f"working set of {format_bytes(each.working_set_bytes)}, GB/s"
            series.setdefault(name, []).append(each.bytes_per_s / 1e9)
    return {name: (min(values), max(values) / min(values) - 1) for name, values in series.items()}


def main() -> int:
    """Measure, print, and compare with the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    found = spreads(measured(asked.times, asked.threads))
    for name, (lowest, spread) in found.items():
        print(f"{name}: {lowest:.4g}, spread {spread:.1%}")
    return int(any(spread > LIMIT for _, spread in found.values()))


if __name__ == "__main__":
    sys.exit(main())
