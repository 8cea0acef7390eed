"""Plan 100,000 cases: read, check, expand, skip, estimate, in fresh processes.

::

    python benchmarks/plan_speed.py [--cases 100000] [--times 5]

Prints the seconds of each process, imports of the harness included, and the
heavy libraries that it loaded: there should be none.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SUITE = """
models:
  squeezenet: {{source: {{zoo: squeezenet}}}}
  resnet50: {{source: {{zoo: resnet50}}}}
  shufflenet: {{source: {{zoo: shufflenet}}, axes: {{precision: [fp32, int8_static]}}}}
axes:
  opset: [17, 18, 19, 20, 21]
  precision: [fp32, fp16, int8_dynamic, int8_static]
  graph_opt: [disable, basic, extended, all]
  execution_mode: [sequential, parallel]
  intra_threads: [1, 2, 4, 8]
  io: [run, iobinding]
  batch: {batches}
skip:
  - {{when: {{model: "*net", precision: int8_dynamic}}, because: ConvInteger has no fast kernel}}
  - {{when: {{precision: fp16, execution_mode: parallel}}, because: one mode is enough}}
  - {{when: {{opset: [18, 20], intra_threads: [4, 8]}}, because: two thread counts are enough}}
gates:
  - {{metric: latency/p50, max_increase: 3%, case: {{batch: 1}}}}
baseline: {{precision: fp32, opset: 17, batch: 1}}
"""
CASES_A_BATCH = 2048  # the skipped cells not counted

CODE = """
import sys, time
from pathlib import Path
begun = time.perf_counter()
from harness.plan import estimate, plan
imported = time.perf_counter()
made = plan(Path(sys.argv[1]))
known = estimate(made)
ended = time.perf_counter()
heavy = {"onnx", "onnxruntime", "torch", "pandas", "numpy"} & set(sys.modules)
print(len(made.cases), len(made.skips), imported - begun, ended - begun, *sorted(heavy))
"""


def main() -> None:
    """Plan and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=100_000, help="cases at the least")
    parser.add_argument("--times", type=int, default=5, help="fresh processes")
    options = parser.parse_args()
    batches = list(range(1, -(-options.cases // CASES_A_BATCH) + 1))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "suite.yaml")
        path.write_text(SUITE.format(batches=batches))
        totals_s = []
        for _ in range(options.times):
            command = [sys.executable, "-c", CODE, str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            cases, skips, import_s, total_s, *heavy = done.stdout.split()
            totals_s.append(float(total_s))
            print(
                f"{cases} cases and {skips} skips in {float(total_s):.2f} s, "
                f"of which {float(import_s):.2f} s imports; heavy libraries: {' '.join(heavy) or 'none'}"
            )
    median_s = statistics.median(totals_s)
    print(f"median {median_s:.2f} s: {int(cases) / median_s:,.0f} cases/s")


if __name__ == "__main__":
    main()
