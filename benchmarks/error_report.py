"""The page that says what `benchmarks/error_rates.py` counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from error_scenarios import SCENARIOS
from rivals import RIVALS

Line = dict[str, Any]
"""What is kept of one case of a job."""


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
