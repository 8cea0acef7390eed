"""Say how often two stored runs of one process each are called different when nothing has changed.

    python benchmarks/noise_rates.py [--jobs 2000]

The noise from run to run is learned from earlier runs of the same series
(`harness.compare.noise`), then two more runs are compared. The true change is
nothing, and the minimum effect is 0: the false-alarm rate at its worst.
"""

from __future__ import annotations

import argparse

import numpy as np

from harness.compare.noise import run_noise
from harness.compare.processes import between
from harness.core.decision import Change
from harness.core.metrics import METRICS

SD, ALPHA = 0.01, 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2000)
    jobs = parser.parse_args().jobs
    rng = np.random.default_rng(0)
    draws = {
        "normal": lambda shape: rng.standard_normal(shape),
        "Student's t, 4 degrees": lambda shape: rng.standard_t(4, shape) / 2**0.5,
    }
    print("| noise | earlier runs | false regressions | noise taken too small | median noise / true |")
    print("|---|---|---|---|---|")
    for name, draw in draws.items():
        for runs in (10, 15, 20, 30):
            series = np.exp(SD * draw((jobs, runs + 1))).tolist()
            noises = [run_noise(values[:runs]) or 0.0 for values in series]
            alarms = [
                between([values[-2]], [values[-1]], METRICS["latency/p50"], 0.0, ALPHA, noise).verdict
                is Change.REGRESSION
                for values, noise in zip(series, noises, strict=True)
            ]
            small, typical = np.mean(np.array(noises) < SD), np.median(noises) / SD
            print(f"| {name} | {runs} | {np.mean(alarms):.2%} | {small:.1%} | {typical:.2f} |")


if __name__ == "__main__":
    main()
