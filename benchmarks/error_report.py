"""The page that says what `benchmarks/error_rates.py` counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from error_scenarios import P50, SCENARIOS
from rivals import RIVALS

Line = dict[str, Any]
"""What is kept of one case of a job."""

RULE = "planned, a change of p50 ends it"
"""How an A/B is decided, as lines name it; those of other rules are not counted."""

BUSY = 0.1
"""Cores that other work on the machine kept busy during a job: from so many on it has a row of its own."""

BEGIN, END = "<!-- counted -->", "<!-- end of counted -->"
"""What `insert` puts its tables between."""

SOON_S = (10.5, 15.0)
"""Seconds of blocks within which a change is called found soon; a last block may end a little late."""

Condition = tuple[str, int, bool, bool]
"""Scenario, cores, whether there was a noisy neighbour, and other work."""


TABLE = (
    "| scenario | cores | neighbour | called slower | undecided | other | in 10, 15 s "
    "| seconds, median, largest | blocks, median | spread of blocks, within | estimates |",
    "|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|",
)


def insert(page: str, lines: Sequence[Line]) -> str:
    """Return the page with what the lines come to between its marks. Raises ValueError where it has none."""
    before, mark, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (mark and end):
        raise ValueError(f"there is no {BEGIN} and {END} in the page")
    return f"{before}{BEGIN}\n{report(lines)}{END}{after}"


def report(lines: Sequence[Line]) -> str:
    """Count what was run by today's rule, scenario by scenario."""
    lines = [line for line in lines if line.get("rule") == RULE]
    text = [
        *_intro(lines),
        *TABLE,
        *(_row(condition, found) for condition, found in _group(lines).items()),
        "",
        f"The control, an A/A in every job, fired in {share(*_controls(lines))}; the rule allows 2%.",
        *_beside_rivals(lines),
    ]
    return "\n".join(text) + "\n"


def _intro(lines: Sequence[Line]) -> list[str]:
    dates = sorted({line["date"][:10] for line in lines})
    versions = ", ".join(sorted({line["onnxruntime"] for line in lines}))
    commits = ", ".join(dict.fromkeys(line["commit"]["commit"][:7] for line in lines))
    when = " to ".join(dict.fromkeys((dates[0], dates[-1])))
    return [f"Measured {when} at {commits}; onnxruntime {versions}.", ""]


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
            _others(line) >= BUSY,
        ),
    ):
        busy = _others(line) >= BUSY and not line["neighbour"]
        groups.setdefault((line["scenario"], line["cores"], line["neighbour"], busy), []).append(line)
    return groups


def _others(line: Line) -> float:
    """Return the cores that other work kept busy; beside a job on one core runs another such job."""
    return float(line.get("others", 0.0)) - (line["cores"] == 1)


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
    seconds = [line["block_seconds"] for line in found]
    soon = [
        sum(
            verdict == "regression" and took <= limit for verdict, took in zip(verdicts, seconds, strict=True)
        )
        for limit in SOON_S
    ]
    cells = (
        *_name(condition),
        share(seen, len(found)),
        unsure,
        len(found) - seen - unsure,
        ", ".join(map(str, soon)) if SCENARIOS[name].metric else "–",
        f"{np.median(seconds):.1f}, {max(seconds):.1f}",
        f"{np.median([line['blocks'] for line in found]):.0f}",
        *_spreads(SCENARIOS[name].metric or P50, found),
    )
    return f"| {' | '.join(map(str, cells))} |"


def _spreads(metric: str, found: Sequence[Line]) -> tuple[str, str]:
    """Return the median SD between blocks with the median error within them, and the range of estimates."""
    blocks = [
        [block[metric] for block in line["ratios"].get("blocks", ()) if metric in block] for line in found
    ]
    errors = [
        block[metric] for line in found for block in line["errors"].get("blocks", ()) if metric in block
    ]
    between = [float(np.std(each, ddof=1)) for each in blocks if len(each) > 2]
    ratios = [row["ratio"] - 1 for line in found if (row := line["rows"].get(metric)) and row["ratio"]]
    spread = f"{100 * np.median(between):.1f}%, {100 * np.median(errors):.1f}%" if between and errors else "–"
    return spread, f"{100 * min(ratios):+.1f} to {100 * max(ratios):+.1f}%" if ratios else "–"


def _name(condition: Condition) -> tuple[str, str, str]:
    name, cores, noisy, busy = condition
    beside = "yes" if noisy else "other work" if busy else "no"
    return SCENARIOS[name].title, str(cores), beside


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
