"""Seconds a case of a whole sweep: 4-layer encoder, hidden 256, sequence 64, memory and accuracy on.

2 batches x 2 thread counts x 2 graph_opt levels, 10 warm-up and 100 timed
calls, with the artifact cached. Promise: at most 2.5 s a case on two cores.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from harness import store
from harness.build import default_cache_dir
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
    print(f"median {statistics.median(seconds):.2f} s, mean {statistics.mean(seconds):.2f} s a case")


if __name__ == "__main__":
    main()
