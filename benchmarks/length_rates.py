"""Simulate jobs of one case whose block lengths are planned: false alarms, and changes seen.

    python benchmarks/length_rates.py [--jobs 20000]

HEAD differs by exactly the minimum effect, where false alarms are most frequent, or by more. Blocks,
their ABBAs and those of the control are drawn from normal distributions; the plan and the test are
those of the harness. Beside it: the same budget in equal blocks, as many as are safe to decide on.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from numpy.typing import NDArray

from harness.ab import lengths, verdict
from harness.ab.model import ABSettings, BlockReading
from harness.ab.schedule import SCREEN_ALL, OnlyCase
from harness.core.decision import Change

P50 = "latency/p50"
ROUND_S, START_S, LEAST_S = 0.0272, 0.47, 0.1

# title, SD between processes, SD of an ABBA
MACHINES = (
    ("weights of its own", 0.01, 0.031),
    ("in the caches", 0.002, 0.012),
    ("processes differ", 0.03, 0.02),
)
EFFECTS = (0.01, 0.02, 0.03)
BUDGETS_S = (10.0, 30.0)


def draw(
    rng: np.random.Generator, count: int, span_s: float, effect: float, between: float, within: float
) -> list[BlockReading]:
    """Draw blocks of so many ABBAs as `span_s` has."""
    rounds = max(1, round(span_s / ROUND_S))
    centres = math.log1p(effect) + rng.normal(0, between, count)
    values: NDArray[np.float64] = centres[:, None] + rng.normal(0, within, (count, rounds))
    return [
        BlockReading(float(np.median(row)), 1.0, 1.0, 0.0, tuple(row.tolist()), ROUND_S) for row in values
    ]


def job(
    rng: np.random.Generator, budget_s: float, effect: float, between: float, within: float, planned: bool
) -> tuple[Change, int]:
    """Run one job; return its verdict and its number of blocks."""
    settings = ABSettings(metrics=(P50,), budget_s=budget_s)
    schedule = OnlyCase.of(settings, settings.metrics)
    usual_s = max(LEAST_S, min(0.9 * budget_s / schedule.safe - START_S, START_S))
    count = max(schedule.safe, int(0.9 * budget_s / (START_S + usual_s)))
    blocks = draw(rng, SCREEN_ALL, usual_s, effect, between, within)
    span_s = usual_s
    if planned:
        control = draw(rng, SCREEN_ALL, usual_s, 0.0, between, within)
        left_s = 0.9 * (budget_s - SCREEN_ALL * (START_S + usual_s))
        parts = lengths.components(blocks, control, START_S)
        made = parts and lengths.plan_blocks(parts, schedule, [usual_s] * SCREEN_ALL, left_s, LEAST_S)
        if made:
            count, span_s = made.blocks, made.span_s
    blocks += draw(rng, count - SCREEN_ALL, span_s, effect, between, within)
    first, _ = schedule.looks(count)
    found = verdict.decide([block.ratio for block in blocks], min_effect=settings.min_effect, first=first)
    return found.verdict, count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=20_000, help="at the minimum effect; a tenth elsewhere")
    jobs = parser.parse_args().jobs
    print("| spread | budget | lengths | true change | called a regression | blocks, mean |")
    print("|---|--:|---|--:|--:|--:|")
    for place, (title, between, within) in enumerate(MACHINES):
        for budget_s in BUDGETS_S:
            for effect in EFFECTS:
                for planned in (False, True):
                    rng = np.random.default_rng([place, int(budget_s), int(1000 * effect), planned])
                    total = jobs if effect == EFFECTS[0] and planned else max(1, jobs // 10)
                    runs = [job(rng, budget_s, effect, between, within, planned) for _ in range(total)]
                    seen = sum(found is Change.REGRESSION for found, _ in runs)
                    blocks = sum(count for _, count in runs) / total
                    how = "planned" if planned else "as safe"
                    print(
                        f"| {title} | {budget_s:g} s | {how} | {effect:.0%} | {seen} of {total} "
                        f"({100 * seen / total:.2f}%) | {blocks:.1f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
