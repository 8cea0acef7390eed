"""Simulate the A/B decision: how often it raises a false alarm, and how often it sees a true one.

    python benchmarks/decision_rates.py [--jobs 2000]

Draws blocks from known distributions, so that the rule itself is checked,
apart from the machine: `benchmarks/error_rates.py` measures the whole path.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness.ab import screening, verdict
from harness.core.decision import Change

Floats = NDArray[np.float64]
BlockOrder = Callable[[np.random.Generator, int], Floats]


def normal(rng: np.random.Generator, n: int) -> Floats:
    return rng.standard_normal(n)


def heavy_tailed(rng: np.random.Generator, n: int) -> Floats:
    return rng.standard_t(3, n) / math.sqrt(3)  # Student's t with 3 degrees of freedom has an SD of √3


NOISE: dict[str, BlockOrder] = {"normal": normal, "heavy-tailed": heavy_tailed}

# noise, SD, minimum effect, blocks of the screening, of the confirmation
SETTINGS = (
    ("normal", 0.003, 0.01, 5, 7),
    ("normal", 0.003, 0.01, 5, 10),
    ("heavy-tailed", 0.003, 0.01, 5, 10),
    ("normal", 0.003, 0.003, 5, 10),
    ("heavy-tailed", 0.03, 0.01, 5, 16),
    ("heavy-tailed", 0.03, 0.01, 5, 24),
)
EFFECTS = (0.0, 0.01, 0.02, 0.05)


def job(
    draw: BlockOrder,
    rng: np.random.Generator,
    effect: float,
    sd: float,
    min_effect: float,
    screen: int,
    n: int,
) -> Change:
    """Run one case: screening, then confirmation on fresh blocks."""
    first = math.log1p(effect) + sd * draw(rng, screen)
    if not screening.is_candidate(first.tolist(), min_effect=min_effect):
        return verdict.decide(first.tolist(), min_effect=min_effect).verdict
    fresh = math.log1p(effect) + sd * draw(rng, n)
    return verdict.decide_all({"case": fresh.tolist()}, min_effect=min_effect)["case"].verdict


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2000)
    jobs = parser.parse_args().jobs
    titles = " | ".join(f"true {effect:.0%}" for effect in EFFECTS)
    print(
        f"| noise between blocks | minimum effect | blocks | {titles} |\n|---|---|---|{'---|' * len(EFFECTS)}"
    )
    for name, sd, min_effect, screen, n in SETTINGS:
        cells = []
        for effect in EFFECTS:
            rng = np.random.default_rng(int(1e6 * effect) + n)
            runs = [job(NOISE[name], rng, effect, sd, min_effect, screen, n) for _ in range(jobs)]
            cells.append(f"{100 * Counter(runs)[Change.REGRESSION] / jobs:.1f}%")
        print(f"| {name}, SD {sd:.1%} | {min_effect:.1%} | {screen} + {n} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
