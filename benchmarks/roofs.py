"""How well the roofs of this machine repeat, and what measuring them costs.

    python benchmarks/roofs.py [--times 5] [--threads 1]

Run it on a quiet machine. Exit code 1 where two measurements of one roof differ by more than 3%.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic

from harness import measure
from harness.build.scratch import scratch
from harness.core.units import format_bytes
from harness.plan import plan_model
from harness.profile.model import Roofs
from harness.profile.roofs import roofs_of
from harness.run.bench import open_bench

LIMIT = 0.03
DIGITS = Path(__file__).parents[1] / "suites" / "models" / "digits_cnn.onnx"


def measured(times: int, threads: int) -> list[tuple[Roofs, float]]:
    """Measure the roofs `times` times; also the seconds that each took."""
    plan = plan_model(DIGITS, {"intra_threads": [threads]})
    (case,) = plan.cases
    with TemporaryDirectory() as cache, scratch() as work:
        bench = open_bench(plan.suite, Path(cache), work, measure.describe_machine())
        found = []
        for _ in range(times):
            begun = monotonic()
            roofs = roofs_of(bench, case, Path(cache) / "roofs", work, "onnxruntime", again=True)
            found.append((roofs, monotonic() - begun))
        return found


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
    seen = measured(asked.times, asked.threads)
    print(f"a measurement of all roofs: {median(seconds for _, seconds in seen):.1f} s, the median")
    found = spreads([roofs for roofs, _ in seen])
    for name, (lowest, spread) in found.items():
        print(f"{name}: {lowest:.4g}, spread {spread:.1%}")
    return int(any(spread > LIMIT for _, spread in found.values()))


if __name__ == "__main__":
    sys.exit(main())
