"""CPU time of `harness --help`, beside a bare interpreter. Promise: at most 0.2 s."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys


def cpu_s(command: list[str]) -> float:
    """Run `command` and give the CPU seconds, user and system, that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Alternate the two commands and print the medians."""
    bare = [sys.executable, "-c", "pass"]
    shown = [sys.executable, "-m", "harness", "--help"]
    pairs = [(cpu_s(bare), cpu_s(shown)) for _ in range(15)]
    for name, values in zip(("python -c pass", "harness --help"), zip(*pairs, strict=True), strict=True):
        print(f"{name:16} {statistics.median(values):.3f} s CPU (median of {len(values)})")


if __name__ == "__main__":
    main()
