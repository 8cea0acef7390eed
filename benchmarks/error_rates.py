"""How often does `harness ab` raise a false alarm, and how often does it see a real one?

Slowdowns are injected in the running path: layers added to a chain, to the
branch that one input in twelve takes, or an optimization left out. Every job
is a whole `harness ab`. Run it alone on the machine::

    python benchmarks/error_rates.py --list
    python benchmarks/error_rates.py --scenario p50_2 --jobs 100
    python benchmarks/error_rates.py --scenario p50_2 --jobs 100 --neighbour
    python benchmarks/error_rates.py --scenario aa --jobs 75 --a-core-each
    python benchmarks/error_rates.py --report docs/error-rates.md

Each case of a job adds a line to a file (--file), so that a campaign can be run in parts: a job whose
seed is there for the same scenario, cores and neighbour is not run again. --report counts the lines.
With --a-core-each as many jobs run at a time as there are cores, each with all its processes, and its
noisy neighbour too, on one core: half the time on two cores, and no quieter.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from error_report import RULE, insert
from error_scenarios import SCENARIOS, SEEN, Scenario, build
from rivals import RIVALS

from harness import measure
from harness.ab.arms import pair_cases
from harness.ab.job import run_ab
from harness.ab.model import ABResult, ABSettings, Pairing, describe_lost
from harness.core.decision import Change, MetricComparison
from harness.core.suite import Suite
from harness.plan import plan_document

LINES = Path(__file__).parents[1] / "results" / "error-rates.jsonl"


def plan_arms(scenario: Scenario, folder: Path) -> tuple[Pairing, Suite]:
    """Write the models of both arms to `folder`; return their cases, paired, and a suite of either."""
    plans = []
    for arm, spec in (("base", scenario.base), ("head", scenario.head)):
        path = folder / f"{arm}.onnx"
        build(path, spec)
        document = {
            "models": {arm: {"source": {"onnx": str(path)}}},
            "axes": {
                "intra_threads": scenario.threads,
                "batch": scenario.batch,
                **scenario.cases,
                **scenario.axes.get(arm, {}),
            },
            "measure": {"inputs": scenario.inputs},
            "sampling": {"timeout": 60},
        }
        plans.append(plan_document(document, folder, "error rates"))
    varied = {"model", *(axis for axes in scenario.axes.values() for axis in axes)}
    return pair_cases(plans[0], plans[1], varied), plans[0].suite


def run_job(scenario: Scenario, seed: int, folder: Path) -> tuple[ABResult, list[dict[str, Any]]]:
    """Run one whole job; return it and its blocks, those of the control apart."""
    pairing, suite = plan_arms(scenario, folder)
    settings = ABSettings(
        scenario.min_effect,
        0.01,
        scenario.budget_s,
        seed,
        scenario.metrics,
        most_s=scenario.most_s,
    )
    trial = run_ab(
        pairing,
        suite,
        settings,
        folder / "results",
        folder / "cache",
    )
    lines = [json.loads(line) for line in Path(trial.file).read_text().splitlines()]
    return trial, [line for line in lines if "samples_ns" in line]


def summarize(
    name: str, trial: ABResult, case: str, blocks: list[dict[str, Any]], neighbour: bool
) -> dict[str, Any]:
    """Return the line that is kept of a case of a job."""
    blocks = [block for block in blocks if block["case"] == case]
    own = [block for block in blocks if block["stage"] != "control"]
    control = trial.control
    return {
        "scenario": name,
        "rule": RULE,
        "case": case,
        "cores": len(os.sched_getaffinity(0)),
        "neighbour": neighbour,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": trial.settings.seed,
        "rows": {
            row.metric: _told(row) for row in trial.comparisons if row.case == case if row.metric in SEEN
        },
        "alarms": [
            row.metric
            for row in trial.comparisons
            if row.case == case and row.decision.verdict is Change.REGRESSION
        ],
        "failed": describe_lost(trial.failed.get(case, ())),
        "controlled": bool(control and control.case == case),
        "control_fired": bool(control and control.fired),
        "blocks": len(own),
        "block_seconds": round(sum(block["wall_s"] for block in own), 2),
        "job_seconds": round(trial.seconds, 2),
        **{f"{kind}s": _read(blocks, kind) for kind in ("ratio", "error")},
        "rivals": {rival: says(own) for rival, says in RIVALS.items()},
        "onnxruntime": version("onnxruntime"),
        "machine": measure.describe_machine()["machine"],
        "commit": measure.git_commit(Path(__file__).parent),
    }


def _read(blocks: list[dict[str, Any]], kind: str) -> dict[str, list[dict[str, float]]]:
    """Return the log-ratio or the error of every block's readings, by stage."""
    found: dict[str, list[dict[str, float]]] = {}
    for block in blocks:
        readings = {metric: round(reading[kind], 6) for metric, reading in block["readings"].items()}
        found.setdefault(block["stage"], []).append(readings)
    return found


def _told(row: MetricComparison) -> dict[str, Any]:
    names = ("verdict", "ratio", "low", "high", "p", "blocks", "mde")
    return {name: value for name, value in row.to_json().items() if name in names}


NEIGHBOUR = """
import os, random, time
parent, rng = os.getppid(), random.Random(int(time.time()))
while os.getppid() == parent:
    end = time.monotonic() + rng.uniform(0.02, 1.0)
    while time.monotonic() < end:
        pass
    time.sleep(rng.uniform(0.02, 1.0))
"""
"""Burns a core in random bursts, half of the time: wherever the scheduler puts it on the job's own cores."""


@contextmanager
def noisy_neighbour(wanted: bool) -> Iterator[None]:
    """Keep a noisy process beside what runs meanwhile."""
    if not wanted:
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", NEIGHBOUR])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def busy_s() -> float:
    """Return the core-seconds that other processes than this one and its own have used since the start."""
    with Path("/proc/stat").open() as file:
        user, nice, system, _, _, irq, softirq, *_ = (int(word) for word in file.readline().split()[1:])
    every = (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
    return every - sum(os.times()[:4])


def seeds_of(name: str, neighbour: bool, kept: Path) -> set[int]:
    """Return the seeds of the jobs that `kept` has, by today's rule, under the same conditions."""
    if not kept.is_file():
        return set()
    wanted = {"scenario": name, "rule": RULE, "neighbour": neighbour, "cores": len(os.sched_getaffinity(0))}
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    return {line["seed"] for line in lines if all(line.get(key) == value for key, value in wanted.items())}


def campaign(name: str, jobs: int, neighbour: bool, first_seed: int, kept: Path) -> None:
    """Run jobs one after the other, each kept at once."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    done = seeds_of(name, neighbour, kept)
    with tempfile.TemporaryDirectory() as folder, noisy_neighbour(neighbour):
        for number in range(jobs):
            if first_seed + number in done:
                continue
            before = busy_s()
            trial, blocks = run_job(SCENARIOS[name], first_seed + number, Path(folder))
            others = (busy_s() - before) / trial.seconds
            if trial.interrupted:
                raise KeyboardInterrupt
            for pair in trial.pairing.pairs:
                line = {**summarize(name, trial, pair.name, blocks, neighbour), "others": round(others, 3)}
                with kept.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                rows = line["rows"].items()
                told = ", ".join(
                    f"{metric} {row['verdict']} {_percent(row['ratio'])}" for metric, row in rows
                )
                seconds = f"{line['blocks']} blocks, {line['block_seconds']} s"
                print(f"[{number + 1}/{jobs}] {name} {pair.name}: {told}; {seconds}", flush=True)
            Path(trial.file).unlink()


def _percent(ratio: float | None) -> str:
    return "–" if ratio is None else f"{100 * (ratio - 1):+.2f}%"


def on_every_core(jobs: int, first_seed: int, arguments: list[str]) -> None:
    """Run this program with `arguments` on every core at a time, the jobs shared out."""
    cores = sorted(os.sched_getaffinity(0))
    running = []
    for place, core in enumerate(cores):
        share = jobs // len(cores) + (place < jobs % len(cores))
        command = [sys.executable, __file__, *arguments, "--jobs", str(share), "--core", str(core)]
        running.append(subprocess.Popen([*command, "--seed", str(first_seed + place * jobs)]))
    codes = [process.wait() for process in running]
    if any(codes):
        sys.exit(1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", choices=SCENARIOS, action="append", default=[])
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--neighbour", action="store_true")
    parser.add_argument("--a-core-each", action="store_true", help="a job on every core at a time")
    parser.add_argument("--core", type=int, help="run on this core alone")
    parser.add_argument("--seed", type=int, default=1, help="of the first job; the others follow")
    parser.add_argument("--file", type=Path, default=LINES, help="where the lines are kept")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--report", type=Path)
    asked = parser.parse_args()
    if asked.list:
        for name, scenario in SCENARIOS.items():
            print(f"{name:16} {scenario.title}; {scenario.promise or 'nothing was promised'}")
    if asked.core is not None:
        os.sched_setaffinity(0, {asked.core})
    for name in asked.scenario:
        if asked.a_core_each:
            noisy = ["--neighbour"] if asked.neighbour else []
            on_every_core(
                asked.jobs, asked.seed, ["--scenario", name, "--file", str(asked.file.absolute()), *noisy]
            )
        else:
            campaign(name, asked.jobs, asked.neighbour, asked.seed, asked.file)
    if asked.report:
        lines = [json.loads(line) for line in asked.file.read_text().splitlines()]
        asked.report.write_text(insert(asked.report.read_text(), lines))


if __name__ == "__main__":
    main()
