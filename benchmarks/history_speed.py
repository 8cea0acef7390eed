"""Say how long the history takes to find the changes of many series.

    python benchmarks/history_speed.py [--series 1000] [--nights 365]

Promised: 1,000 series of 365 nights in 10 s. Half of the series have a step.
"""

from __future__ import annotations

import argparse
import json
from time import perf_counter, process_time

import numpy as np

from harness.core.metrics import METRICS
from harness.history.changes import shifts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--nights", type=int, default=365)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    logs = 0.01 * rng.standard_normal((options.series, options.nights))
    logs[::2, options.nights // 2 :] += 0.05
    nights = [series.tolist() for series in 1e-3 * np.exp(logs)]
    shifts(nights[0], METRICS["latency/p50"])  # imports the detector
    wall, cpu = perf_counter(), process_time()
    found = sum(len(shifts(series, METRICS["latency/p50"])) for series in nights)
    spent = {"wall_s": round(perf_counter() - wall, 2), "cpu_s": round(process_time() - cpu, 2)}
    print(json.dumps({"series": options.series, "nights": options.nights, "found": found, **spent}))


if __name__ == "__main__":
    main()
