"""The page that says what `benchmarks/error_rates.py` counted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from error_scenarios import P50, SCENARIOS
from rivals import RIVALS

Line = dict[str, Any]
"""What is kept of one case of a job."""

NOISY = (0.004, 0.008)
"""Median errors of a job's blocks that part a quiet machine from a noisy one, and that from worse."""

ASTRAY = 0.009
"""As a logarithm: so far from its job's median, a block says nothing of 2% against a limit of 1%."""

RULE = "planned"
"""How an A/B is read and decided today, as lines name it; lines of another rule are not counted."""

NOTE = """At 3954f19 the start of a last block could outlast the budget (10.5 s of 10); since 1a9baea such a
block is given up. Two A/As beside a neighbour took longer for the blocks that a confirmation needs."""

BUSY = 0.2
"""Cores that other work on the machine kept busy during a job: from so many on it has a row of its own."""

Condition = tuple[str, int, bool, bool]
"""Scenario, cores, whether there was a noisy neighbour, and whether there was other work."""


TABLE = (
    "| scenario | cores | neighbour | promise | cases | regression | inconclusive | other | failed "
    "| blocks, median | astray | other work | seconds, median | seconds, largest |",
    "|---|--:|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
)


def report(lines: Sequence[Line], machine: str) -> str:
    """Count what was run by today's rule, scenario by scenario."""
    lines = [line for line in lines if line.get("rule") == RULE]
    text = [
        *_intro(lines, machine),
        *TABLE,
        *(_row(condition, found) for condition, found in _group(lines).items()),
        "",
        *NOTE.splitlines(),
        "",
        "An A/A counts as a regression where anything was called one, else as inconclusive where p50 or p95",
        f"was; p50 was shown to be equivalent in {share(*_p50_is(lines, 'aa', 'equivalent'))}.",
        *_by_noise(lines),
        "",
        f"The control, an A/A of 8 blocks in every job, fired in {share(*_controls(lines))}; the rule",
        "allows 2%: a false regression or a false improvement.",
        *_beside_rivals(lines),
    ]
    return "\n".join(text) + "\n"


def _intro(lines: Sequence[Line], machine: str) -> list[str]:
    dates = sorted({line["date"][:10] for line in lines})
    versions = ", ".join(sorted({line["onnxruntime"] for line in lines}))
    commits = " and ".join(sorted({line["commit"]["commit"][:7] for line in lines}))
    when = " to ".join(dict.fromkeys((dates[0], dates[-1])))
    return [
        "# Error rates of `harness ab`",
        "",
        f"Measured {when} at commits {commits} on: {machine}. onnxruntime {versions}.",
        "Counted by `python benchmarks/error_rates.py --report`. Only what was run is claimed.",
        "",
        "Every job is a whole `harness ab` at alpha 1%, with its own control; an A/A job has four cases",
        "where it does not say one, the others have one. Seconds are those of the case's blocks; the",
        "control and what is measured once come on top. Inconclusive counts as a miss. On *1 core*, the",
        "whole job had that core alone, beside another such job on the machine's other core. The",
        "*neighbour* burns a core in bursts of 0.02 to 1 s, half of the time: on 1 core that very core.",
        "Beside a count stands its exact interval at 95% (Clopper and Pearson).",
        "*Astray* are blocks whose p50 lies more than 0.9% from their job's median: how noisy the machine",
        "was. *Other work* is how many cores other processes on the machine kept busy meanwhile, the median;",
        f"jobs beside {BUSY:g} and more are a row of their own.",
        "",
    ]


def _beside_rivals(lines: Sequence[Line]) -> list[str]:
    return [
        "",
        "## Other rules on the same traces",
        "",
        "The share of cases in which each rule calls HEAD slower. asv gets the first two processes of",
        "each arm, pytest-benchmark the first one; the others all calls of all blocks. They are",
        "flattered: the arms were measured in turn, which these tools do not do.",
        "",
        f"| scenario | cores | neighbour | harness ab | {' | '.join(RIVALS)} |",
        f"|---|--:|---|--:|{'--:|' * len(RIVALS)}",
        *(_rivals(condition, found) for condition, found in _group(lines).items()),
    ]


def _by_noise(lines: Sequence[Line]) -> list[str]:
    """Count what was caught by how noisy the machine was, as the job's own blocks tell."""
    found = [line for line in lines if line["scenario"] == "p50_2"]
    if not found:
        return []
    noise = [float(np.median([block[P50] for block in line["errors"]["blocks"]])) for line in found]
    bounds = (0.0, *NOISY, np.inf)
    text = [
        "",
        f"What was caught of {SCENARIOS['p50_2'].title}, by the noise of the job's own blocks:",
        "",
        "| median error of a block | no neighbour | neighbour |",
        "|---|--:|--:|",
    ]
    for low, high in pairwise(bounds):
        cells = []
        for noisy in (False, True):
            some = [
                line
                for line, error in zip(found, noise, strict=True)
                if low <= error < high and line["neighbour"] is noisy
            ]
            caught = sum(line["rows"][P50]["verdict"] == "regression" for line in some)
            cells.append(share(caught, len(some)))
        name = f"{low:.1%} to {high:.1%}" if high < np.inf else f"{low:.1%} and more"
        text.append(f"| {name} | {' | '.join(cells)} |")
    return text


def _group(lines: Sequence[Line]) -> dict[Condition, list[Line]]:
    """Sort lines by the conditions under which they were made, in the order of the scenarios."""
    groups: dict[Condition, list[Line]] = {}
    order = {name: place for place, name in enumerate(SCENARIOS)}
    for line in sorted(
        lines,
        key=lambda line: (
            order[line["scenario"]],
            line["neighbour"],
            line["cores"],
            line.get("others", 0.0) >= BUSY,
        ),
    ):
        busy = line.get("others", 0.0) >= BUSY and not line["neighbour"]
        groups.setdefault((line["scenario"], line["cores"], line["neighbour"], busy), []).append(line)
    return groups


def _p50_is(lines: Sequence[Line], scenario: str, verdict: str) -> tuple[int, int]:
    """Count the cases of a scenario whose p50 got this verdict, and all of its cases."""
    found = [line["rows"].get("latency/p50", {}) for line in lines if line["scenario"] == scenario]
    return sum(row.get("verdict") == verdict for row in found), len(found)


def _controls(lines: Sequence[Line]) -> tuple[int, int]:
    jobs = [line for line in lines if line["controlled"]]
    return sum(line["control_fired"] for line in jobs), len(jobs)


def _verdicts(name: str, found: Sequence[Line]) -> list[str]:
    """Return each case's verdict on what it was to see; of an A/A, the worst of all metrics."""
    metric = SCENARIOS[name].metric
    if metric:
        return [line["rows"].get(metric, {}).get("verdict", "failed") for line in found]
    both = [
        {row["verdict"] for row in line["rows"].values()} | ({"regression"} if line.get("alarms") else set())
        for line in found
    ]
    order = ("regression", "inconclusive", "improvement", "equivalent")
    return [next((verdict for verdict in order if verdict in seen), "failed") for seen in both]


def _row(condition: Condition, found: Sequence[Line]) -> str:
    name = condition[0]
    verdicts = _verdicts(name, found)
    seen, unsure = verdicts.count("regression"), verdicts.count("inconclusive")
    seconds = sorted(line["block_seconds"] for line in found)
    cells = (
        *_name(condition),
        SCENARIOS[name].promise,
        len(found),
        share(seen, len(found)),
        unsure,
        len(found) - seen - unsure,
        sum(bool(line["failed"]) for line in found),
        sorted(line["blocks"] for line in found)[len(found) // 2],
        f"{100 * _astray(found):.1f}%",
        _others(found),
        f"{seconds[len(seconds) // 2]:.1f}",
        f"{seconds[-1]:.1f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def _astray(found: Sequence[Line]) -> float:
    """Return the share of blocks whose p50 lies farther than ASTRAY from their case's median."""
    away = []
    for line in found:
        blocks = [block for stage, each in line["ratios"].items() if stage != "control" for block in each]
        ratios = np.array([block[P50] for block in blocks if P50 in block])
        away += list(np.abs(ratios - np.median(ratios)) if len(ratios) else ())
    return float(np.mean(np.array(away) > ASTRAY)) if away else 0.0


def _others(found: Sequence[Line]) -> str:
    known = [line["others"] for line in found if "others" in line]
    return f"{np.median(known):.2f}" if known else "–"


def _name(condition: Condition) -> tuple[str, str, str]:
    name, cores, noisy, busy = condition
    return SCENARIOS[name].title, str(cores), "yes" if noisy else "other work" if busy else "no"


def _rivals(condition: Condition, found: Sequence[Line]) -> str:
    ours = share(_verdicts(condition[0], found).count("regression"), len(found))
    theirs = [share(sum(line["rivals"][rival] for line in found), len(found)) for rival in RIVALS]
    return f"| {' | '.join((*_name(condition), ours, *theirs))} |"


def share(count: int, total: int) -> str:
    """Return a count with its exact interval at 95% (Clopper and Pearson)."""
    from scipy.stats import binomtest

    if not total:
        return "0 of 0"
    low, high = binomtest(count, total).proportion_ci(0.95, "exact")
    return f"{count} of {total} ({100 * low:.0f} to {100 * high:.0f}%)"
