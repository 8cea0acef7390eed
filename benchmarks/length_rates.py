"""Simulate jobs of one case as they are run: false alarms, and changes seen.

    python benchmarks/length_rates.py [--jobs 4000]

The stages, the plan, the growing budget, both looks and the decision are those of the harness; only the
blocks are drawn, their ABBAs too, from normal distributions. HEAD differs by exactly the minimum effect,
where false alarms are most frequent, or by more. A budget of 10 s is fixed, or grows to 30 s.
"""

from __future__ import annotations

import argparse
import math
import statistics
from random import Random
from typing import Any, cast

import numpy as np

from harness.ab import decide
from harness.ab.budget import BlockBudget
from harness.ab.model import CAP_S, ABSettings, BlockReading
from harness.ab.runner import BlockRunner
from harness.ab.schedule import schedule_of
from harness.ab.stages import CaseStages
from harness.core.decision import Change
from harness.measure import Block, BlockOrder, Request
from harness.run.bench import Bench
from harness.store.trace import Trace

P50 = "latency/p50"
ROUND_S, START_S = 0.0272, 0.47

# title, SD between processes, SD of an ABBA
MACHINES = (
    ("weights of its own", 0.01, 0.031),
    ("in the caches", 0.002, 0.012),
    ("processes differ", 0.03, 0.02),
)
EFFECTS = (0.01, 0.02, 0.03)
BASE, HEAD = (cast(Request, name) for name in ("base", "head"))


class Drawn:
    """A bench whose blocks are drawn, and what reads them."""

    def __init__(self, rng: np.random.Generator, effect: float, between: float, within: float) -> None:
        self.rng, self.effect, self.between, self.within = rng, effect, between, within
        self.rounds: list[float] = []

    def run_block(
        self, pair: tuple[Request, Request], draw: BlockOrder, span_s: float, limit_s: float
    ) -> Block:
        """Draw the ABBAs of a block of `span_s`."""
        own = 0.0 if pair[0] == pair[1] else math.log1p(self.effect)
        count = max(1, round(span_s / ROUND_S))
        self.rounds = list(own + self.rng.normal(0, self.between) + self.rng.normal(0, self.within, count))
        calls_s = count * ROUND_S
        return Block(
            samples_ns=((), ()),
            preempted=((), ()),
            observations=(None, None),
            draw=draw,
            turns=(),
            slice_ns=0,
            start_s=START_S,
            wall_s=START_S + calls_s,
            span_s=calls_s,
        )

    def read(self, *_: object) -> tuple[dict[str, BlockReading], dict[str, str]]:
        """Read the block that was drawn last."""
        return {P50: BlockReading(float(np.median(self.rounds)), 1.0, 1.0, 0.0, tuple(self.rounds))}, {}


class Nowhere:
    """Keeps no facts."""

    def append(self, fact: dict[str, Any]) -> None:
        """Forget it."""


def job(drawn: Drawn, seed: int, most_s: float | None) -> tuple[Change, float]:
    """Run one job; return its verdict on p50, and the seconds that its blocks took."""
    settings = ABSettings(metrics=(P50,), most_s=most_s)
    runner = BlockRunner(cast(Bench, drawn), cast(Trace, Nowhere()), drawn.read, Random(seed))
    budget = BlockBudget("case", (BASE, HEAD), settings.budget_s, schedule_of(settings, 1))
    runner.control_one_of([budget])
    CaseStages(runner, settings).decide_only_case(budget)
    (row,) = decide.decide_blocks([budget.seen()], settings)
    return row.decision.verdict, budget.spent_s


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=4000, help="at the minimum effect; a tenth elsewhere")
    jobs = parser.parse_args().jobs
    print("| spread | budget | true change | called a regression | seconds, median |")
    print("|---|--:|--:|--:|--:|")
    for place, (title, between, within) in enumerate(MACHINES):
        for most_s in (None, CAP_S):
            for effect in EFFECTS:
                rng = np.random.default_rng([place, int(most_s or 0), int(1000 * effect)])
                drawn = Drawn(rng, effect, between, within)
                total = jobs if effect == EFFECTS[0] else max(1, jobs // 10)
                runs = [job(drawn, seed, most_s) for seed in range(total)]
                seen = sum(found is Change.REGRESSION for found, _ in runs)
                budget = "10 s" if most_s is None else f"10 to {most_s:g} s"
                print(
                    f"| {title} | {budget} | {effect:.0%} | {seen} of {total} ({100 * seen / total:.2f}%) "
                    f"| {statistics.median(spent_s for _, spent_s in runs):.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
