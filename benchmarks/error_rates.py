"""How often does `harness ab` raise a false alarm, and how often does it see a real one?

Slowdowns are injected in the running path: layers added to a chain, to the
branch that one input in twelve takes, or an optimization left out. Every job
is a whole `harness ab` of one case. Run it alone on the machine::

    python benchmarks/error_rates.py --list
    python benchmarks/error_rates.py --scenario p50_2 --jobs 100
    python benchmarks/error_rates.py --scenario p50_2 --jobs 100 --neighbour
    python benchmarks/error_rates.py --report docs/error-rates.md --machine "2-core shared VM"

Each job adds a line to results/error-rates.jsonl, so that a campaign can be run in parts; --report
counts the lines.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from rivals import RIVALS

from harness.ab import run_trial
from harness.built import Input
from harness.feeds import bind_dimensions, random_rows
from harness.pairing import pair_cases
from harness.plan import plan_document
from harness.trial import Terms, Trial

RESULTS = Path(__file__).parents[1] / "results" / "error-rates.jsonl"
P50, P95 = "latency/p50", "latency/p95"
INPUTS = 12
"""Distinct inputs in rotation; one of them takes the slow branch."""


@dataclass(frozen=True)
class Scenario:
    """What is compared, what is to be seen, and what was promised."""

    title: str
    base: dict[str, Any]  # of `chain` or `convolutions`
    head: dict[str, Any]
    metric: str | None  # the metric that is to be called a regression; None: none is
    threads: int = 1
    min_effect: float = 0.01
    budget_s: float = 10.0
    promise: str = ""
    axes: dict[str, dict[str, str]] = field(default_factory=dict)  # arm -> axis -> value


SMALL = {"rows": 64, "width": 64}
WIDE = {"rows": 128, "width": 128}
TAIL = {**SMALL, "layers": 60}
HUNDRED = {**SMALL, "layers": 100}
WIDE_HUNDRED = {**WIDE, "layers": 100}

SCENARIOS = {
    "aa": Scenario("A/A, one thread", HUNDRED, HUNDRED, None, promise="at most 1% regressions, 0 of 300"),
    "aa_2threads": Scenario(
        "A/A, two threads on both cores", WIDE_HUNDRED, WIDE_HUNDRED, None, threads=2, budget_s=60
    ),
    "aa_hard": Scenario(
        "A/A, minimum effect 0.3%",
        HUNDRED,
        HUNDRED,
        None,
        min_effect=0.003,
        budget_s=30,
        promise="at most 1% regressions",
    ),
    "p50_2": Scenario(
        "100 layers against 102, one thread",
        HUNDRED,
        {**SMALL, "layers": 102},
        P50,
        promise="at least 95% in 10 s",
    ),
    "p50_5_2threads": Scenario(
        "100 layers against 105, two threads on both cores",
        WIDE_HUNDRED,
        {**WIDE, "layers": 105},
        P50,
        threads=2,
        budget_s=60,
        promise="at least 95% in 60 s",
    ),
    "p95_10": Scenario(
        "a branch that one input in twelve takes, 10% slower",
        {**TAIL, "slow": 60},
        {**TAIL, "slow": 72},
        P95,
        promise="at least 90%",
    ),
    "p50_1": Scenario(
        "100 layers against 101, minimum effect 0.3%",
        HUNDRED,
        {**SMALL, "layers": 101},
        P50,
        min_effect=0.003,
        budget_s=30,
        promise="at least 90% in 30 s",
    ),
    "graph_opt": Scenario(
        "graph_opt all against disable",
        {"convolutions": 8},
        {"convolutions": 8},
        P50,
        axes={"base": {"graph_opt": "all"}, "head": {"graph_opt": "disable"}},
    ),
}


def build(path: Path, spec: dict[str, Any]) -> None:
    """Write the model of a scenario's arm."""
    graph = convolutions(**spec) if "convolutions" in spec else chain(**spec)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def chain(layers: int, rows: int, width: int, slow: int = 0) -> onnx.GraphProto:
    """Make a chain of equal layers, then a branch of `slow` more that one input in INPUTS takes.

    The weights are the identity: the answers are the same however long the chain is.
    """
    weight = numpy_helper.from_array(np.eye(width, dtype=np.float32), "w")
    nodes = _layers("x", "body", layers)
    if slow:
        nodes += _branch(slow, _threshold(rows, width))
    else:
        nodes.append(helper.make_node("Identity", ["body"], ["y"]))
    return helper.make_graph(
        nodes, "chain", [_value("x", [1, rows, width])], [_value("y", [1, rows, width])], [weight]
    )


def _layers(source: str, target: str, count: int) -> list[onnx.NodeProto]:
    names = [source, *(f"{target}_{i}" for i in range(1, count)), target]
    return [helper.make_node("MatMul", [names[i], "w"], [names[i + 1]]) for i in range(count)]


def _branch(slow: int, threshold: float) -> list[onnx.NodeProto]:
    limit = numpy_helper.from_array(np.float32(threshold), "limit")
    then = helper.make_graph(_layers("body", "slow_out", slow), "slow", [], [_value("slow_out", None)])
    fast = helper.make_node("Identity", ["body"], ["fast_out"])
    return [
        helper.make_node("ReduceMax", ["x"], ["largest"], keepdims=0),
        helper.make_node("Constant", [], ["limit"], value=limit),
        helper.make_node("Greater", ["largest", "limit"], ["is_slow"]),
        helper.make_node(
            "If",
            ["is_slow"],
            ["y"],
            then_branch=then,
            else_branch=helper.make_graph([fast], "fast", [], [_value("fast_out", None)]),
        ),
    ]


def _threshold(rows: int, width: int) -> float:
    """Return a limit between the largest and the second largest maximum of the inputs that will be fed."""
    item = Input("x", "float32", (1, rows, width))
    fed = random_rows([item], INPUTS, bind_dimensions([item], 1, {}), 0)["x"]
    ordered = np.sort(fed.reshape(INPUTS, -1).max(axis=1))
    return float(ordered[-2:].mean())


def convolutions(convolutions: int) -> onnx.GraphProto:
    """Make convolutions with batch normalization and activation, which the runtime fuses."""
    rng = np.random.default_rng(0)
    nodes, weights, source = [], [], "x"
    for i in range(convolutions):
        arrays = {
            f"w{i}": rng.standard_normal((16, 16, 3, 3)) / 12,
            **{f"{name}{i}": np.ones(16) for name in ("scale", "bias", "mean", "variance")},
        }
        weights += [numpy_helper.from_array(value.astype(np.float32), name) for name, value in arrays.items()]
        normal = [f"c{i}", *(f"{name}{i}" for name in ("scale", "bias", "mean", "variance"))]
        nodes += [
            helper.make_node("Conv", [source, f"w{i}"], [f"c{i}"], pads=[1] * 4),
            helper.make_node("BatchNormalization", normal, [f"b{i}"]),
            helper.make_node("Relu", [f"b{i}"], [f"r{i}"]),
        ]
        source = f"r{i}"
    nodes.append(helper.make_node("Identity", [source], ["y"]))
    shape = [1, 16, 24, 24]
    return helper.make_graph(nodes, "convolutions", [_value("x", shape)], [_value("y", shape)], weights)


def _value(name: str, shape: list[int] | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def run_job(scenario: Scenario, seed: int, folder: Path) -> tuple[Trial, list[dict[str, Any]]]:
    """Run one whole job; return it and its blocks, those of the control apart."""
    plans = []
    for arm, spec in (("base", scenario.base), ("head", scenario.head)):
        path = folder / f"{arm}.onnx"
        build(path, spec)
        document = {
            "models": {arm: {"source": {"onnx": str(path)}}},
            "axes": {"intra_threads": scenario.threads, **scenario.axes.get(arm, {})},
            "measure": {"inputs": INPUTS},
            "sampling": {"timeout": 60},
        }
        plans.append(plan_document(document, folder, "error rates"))
    varied = {"model", *(axis for axes in scenario.axes.values() for axis in axes)}
    trial = run_trial(
        pair_cases(plans[0], plans[1], varied),
        plans[0].suite,
        Terms(scenario.min_effect, 0.01, scenario.budget_s, seed),
        folder / "results",
        folder / "cache",
    )
    lines = [json.loads(line) for line in Path(trial.file).read_text().splitlines()]
    return trial, [line for line in lines if "samples_ns" in line]


def summarize(name: str, trial: Trial, blocks: list[dict[str, Any]], neighbour: bool) -> dict[str, Any]:
    """Return the line that is kept of a job."""
    own = [block for block in blocks if block["stage"] != "control"]
    control = trial.control
    return {
        "scenario": name,
        "neighbour": neighbour,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": trial.terms.seed,
        "rows": {row.metric: row.to_json() for row in trial.comparisons if row.metric in (P50, P95)},
        "failed": dict(trial.failed),
        "control_fired": bool(control and control.fired),
        "blocks": len(own),
        "block_seconds": round(sum(block["wall_s"] for block in own), 2),
        "job_seconds": round(trial.seconds, 2),
        "ratios": {
            stage: [
                {metric: round(reading["ratio"], 6) for metric, reading in block["readings"].items()}
                for block in blocks
                if block["stage"] == stage
            ]
            for stage in ("screening", "confirmation", "control")
        },
        "rivals": {rival: says(own) for rival, says in RIVALS.items()},
        "onnxruntime": _runtime_version(),
    }


def _runtime_version() -> str:
    from importlib.metadata import version

    return version("onnxruntime")


NEIGHBOUR = """
import os, random, time
parent, rng = os.getppid(), random.Random(int(time.time()))
while os.getppid() == parent:
    end = time.monotonic() + rng.uniform(0.02, 1.0)
    while time.monotonic() < end:
        pass
    time.sleep(rng.uniform(0.02, 1.0))
"""
"""Burns a core in random bursts, half of the time, wherever the scheduler puts it."""


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


def campaign(name: str, jobs: int, neighbour: bool, first_seed: int) -> None:
    """Run jobs one after the other, each kept at once."""
    RESULTS.parent.mkdir(exist_ok=True)
    scenario = SCENARIOS[name]
    with tempfile.TemporaryDirectory() as folder, noisy_neighbour(neighbour):
        for number in range(jobs):
            trial, blocks = run_job(scenario, first_seed + number, Path(folder))
            line = summarize(name, trial, blocks, neighbour)
            with RESULTS.open("a") as file:
                file.write(json.dumps(line) + "\n")
            Path(trial.file).unlink()
            told = {metric: (row["verdict"], _percent(row["ratio"])) for metric, row in line["rows"].items()}
            print(f"[{number + 1}/{jobs}] {name} {told} {line['blocks']} blocks, {line['block_seconds']} s")


def _percent(ratio: float | None) -> str:
    return "–" if ratio is None else f"{100 * (ratio - 1):+.2f}%"


def report(machine: str) -> str:
    """Count what was run, scenario by scenario."""
    lines = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    dates = sorted({line["date"][:10] for line in lines})
    versions = ", ".join(sorted({line["onnxruntime"] for line in lines}))
    when = " to ".join(dict.fromkeys((dates[0], dates[-1])))
    text = [
        "# Error rates of `harness ab`",
        "",
        f"Measured {when} on: {machine}. onnxruntime {versions}.",
        "Written by `python benchmarks/error_rates.py --report`, which counts the lines of",
        "`results/error-rates.jsonl`. Only what was run is claimed.",
        "",
        "Every job is a whole `harness ab` of one case at alpha 1%, with its own control. Seconds are",
        "those of the case's blocks, both arms, starts of processes included; the control and what is",
        "measured once (start-up, size, outputs) come on top. Inconclusive counts as a miss.",
        "",
        "| scenario | neighbour | promise | jobs | regression | inconclusive | other | failed "
        "| control fired | blocks, median | seconds, median | seconds, largest |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    groups = {(name, noisy): [] for name in SCENARIOS for noisy in (False, True)}
    for line in lines:
        groups[line["scenario"], line["neighbour"]].append(line)
    text += [_row(*key, found) for key, found in groups.items() if found]
    text += [
        "",
        "`A/A` counts a job as a regression where p50 or p95 was called one.",
        "",
        "## Other rules on the same traces",
        "",
        "The share of jobs in which each rule calls HEAD slower. asv gets the first two processes of",
        "each arm, pytest-benchmark the first one; the others all calls of all blocks. They are",
        "flattered: the arms were measured in turn, which these tools do not do.",
        "",
        f"| scenario | neighbour | harness ab | {' | '.join(RIVALS)} |",
        f"|---|---|--:|{'--:|' * len(RIVALS)}",
    ]
    text += [_rivals(*key, found) for key, found in groups.items() if found]
    return "\n".join(text) + "\n"


def _verdicts(name: str, found: Sequence[dict[str, Any]]) -> list[str]:
    """Return each job's verdict on what it was to see; of an A/A, the worst of both metrics."""
    metric = SCENARIOS[name].metric
    if metric:
        return [line["rows"].get(metric, {}).get("verdict", "failed") for line in found]
    both = [{row["verdict"] for row in line["rows"].values()} for line in found]
    order = ("regression", "inconclusive", "improvement", "equivalent")
    return [next((verdict for verdict in order if verdict in seen), "failed") for seen in both]


def _row(name: str, noisy: bool, found: list[dict[str, Any]]) -> str:
    verdicts = _verdicts(name, found)
    seen, unsure = verdicts.count("regression"), verdicts.count("inconclusive")
    seconds = sorted(line["block_seconds"] for line in found)
    cells = (
        SCENARIOS[name].title,
        "yes" if noisy else "no",
        SCENARIOS[name].promise,
        len(found),
        _share(seen, len(found)),
        unsure,
        len(found) - seen - unsure,
        sum(bool(line["failed"]) for line in found),
        sum(line["control_fired"] for line in found),
        sorted(line["blocks"] for line in found)[len(found) // 2],
        f"{seconds[len(seconds) // 2]:.1f}",
        f"{seconds[-1]:.1f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def _rivals(name: str, noisy: bool, found: list[dict[str, Any]]) -> str:
    ours = _share(_verdicts(name, found).count("regression"), len(found))
    theirs = [_share(sum(line["rivals"][rival] for line in found), len(found)) for rival in RIVALS]
    return f"| {' | '.join((SCENARIOS[name].title, 'yes' if noisy else 'no', ours, *theirs))} |"


def _share(count: int, total: int) -> str:
    return f"{count} of {total} ({100 * count / total:.0f}%)"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", choices=SCENARIOS, action="append")
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--neighbour", action="store_true")
    parser.add_argument("--seed", type=int, default=1, help="of the first job; the others follow")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--report", type=Path)
    parser.add_argument("--machine", default="unnamed machine")
    asked = parser.parse_args()
    if asked.list:
        for name, scenario in SCENARIOS.items():
            print(f"{name:16} {scenario.title}; {scenario.promise or 'nothing was promised'}")
    for name in asked.scenario or ():
        campaign(name, asked.jobs, asked.neighbour, asked.seed)
    if asked.report:
        asked.report.write_text(report(asked.machine))


if __name__ == "__main__":
    main()
