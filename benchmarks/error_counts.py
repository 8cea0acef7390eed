"""Count by how much more HEAD of each scenario of `benchmarks/error_rates.py` computes than BASE.

    python benchmarks/error_counts.py [--log FILE] [--only NAME ...]

Each arm is counted once, in a process of its own, under callgrind, which a busy machine does not disturb.
An arm takes 10 s to some minutes; each scenario is a line of FILE, and a run goes on behind the lines that
are there. Printed is a table for docs/error-rates.md. valgrind has no AVX-512: the runtime takes its kernels
of AVX2.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from error_scenarios import P50, SCENARIOS, Scenario, build

from harness import build as building
from harness import measure
from harness.core.sampling import Sampling
from harness.core.suite import Measure
from harness.plan import plan_model

LOG = Path(__file__).parents[1] / "results" / "error-counts.jsonl"


def counted() -> dict[str, Scenario]:
    """Return the scenarios whose p50 is slower by more work, and by nothing else."""
    return {name: each for name, each in SCENARIOS.items() if each.metric == P50 and not each.axes}


def count_arm(scenario: Scenario, spec: dict[str, Any], folder: Path) -> int:
    """Return the instructions of a call. Raises RuntimeError where they cannot be counted."""
    model = folder / "model.onnx"
    build(model, spec)
    (case,) = plan_model(model, {"intra_threads": 1, "batch": scenario.batch}).cases
    built = building.build(case.artifact, folder / "cache")
    once = Sampling(warmup_calls=1, warmup_s=0.0, calls=1, seconds=None, timeout_s=900)
    asked = measure.request(case, built, once, Measure(inputs=1), passes=(), cores=measure.choose_cores(1))
    ((part,),) = measure.count([[asked]], folder / "worker")
    if "counts" not in part:
        raise RuntimeError(str(part["unavailable"]))
    return min(part["counts"]["call"])


def count(name: str) -> dict[str, Any]:
    """Count both arms of a scenario."""
    scenario = counted()[name]
    arms = []
    for spec in (scenario.base, scenario.head):
        with tempfile.TemporaryDirectory() as folder:
            arms.append(count_arm(scenario, spec, Path(folder)))
    return {"scenario": name, "base": arms[0], "head": arms[1]}


def table(lines: list[dict[str, Any]]) -> str:
    """Write a row a scenario: instructions of a call of BASE, and how many more HEAD has."""
    rows = ["| scenario | instructions a call | more |", "|---|--:|--:|"]
    for line in lines:
        more = line["head"] / line["base"] - 1
        title = SCENARIOS[line["scenario"]].title
        rows.append(f"| {title} | {line['base'] / 1e6:,.2f} M | {more:+.2%} |")
    return "\n".join(rows)


def main() -> None:
    """Count what no line has yet; print the table of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, default=LOG)
    parser.add_argument("--only", nargs="*", choices=[*counted()], default=[*counted()])
    asked = parser.parse_args()
    lines = [json.loads(line) for line in asked.log.read_text().splitlines()] if asked.log.exists() else []
    known = {line["scenario"] for line in lines}
    asked.log.parent.mkdir(parents=True, exist_ok=True)
    for name in asked.only:
        if name not in known:
            try:
                lines.append(count(name))
            except (FileNotFoundError, RuntimeError) as error:
                print(f"{name}: {error}")
                continue
            with asked.log.open("a") as log:
                log.write(json.dumps(lines[-1]) + "\n")
    print(table(lines))


if __name__ == "__main__":
    main()
