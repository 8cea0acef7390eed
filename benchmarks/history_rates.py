"""Count the false and the missed changes of the history, beside other rules on the same series.

    python benchmarks/history_rates.py [--series 300] [--machine "2-core shared VM"] > docs/history-rates.md

Synthetic series of 365 nights, seeded: six kinds of noise, without a step and
with one of 2, 5 and 10% at a random night. Needs the extra `asv`, whose own
step detection is run on the same series (some minutes).
"""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from harness.core.metrics import METRICS
from harness.history.changes import LASTING, shifts

Floats = NDArray[np.float64]

NIGHTS, EDGE, NEAR = 365, 30, 5
STEPS = (0.0, 0.02, 0.05, 0.10)
METRIC = METRICS["latency/p50"]


def white(rng: np.random.Generator) -> Floats:
    return 0.01 * rng.standard_normal(NIGHTS)


def drifting(rng: np.random.Generator) -> Floats:
    return 0.005 * rng.standard_normal(NIGHTS) + np.cumsum(0.0015 * rng.standard_normal(NIGHTS))


def bimodal(rng: np.random.Generator) -> Floats:
    return 0.004 * rng.standard_normal(NIGHTS) + 0.03 * (rng.random(NIGHTS) < 0.3)


def switching(rng: np.random.Generator) -> Floats:
    level = np.cumsum(rng.random(NIGHTS) < 0.2) % 2
    return 0.004 * rng.standard_normal(NIGHTS) + 0.03 * level


def heavy_tailed(rng: np.random.Generator) -> Floats:
    return 0.005 * rng.standard_t(2, NIGHTS)


def correlated(rng: np.random.Generator) -> Floats:
    noise = np.zeros(NIGHTS)
    for night, shock in enumerate(0.007 * rng.standard_normal(NIGHTS)):
        noise[night] = shock + (0.7 * noise[night - 1] if night else 0.0)
    return noise


NOISE: dict[str, tuple[Callable[[np.random.Generator], Floats], str]] = {
    "white": (white, "normal, SD 1%"),
    "drifting": (drifting, "normal, SD 0.5%, on a random walk of 0.15% a night"),
    "bimodal": (bimodal, "normal, SD 0.4%; three nights in ten 3% slower"),
    "switching": (switching, "normal, SD 0.4%; two levels 3% apart, left with 20% chance a night"),
    "heavy-tailed": (heavy_tailed, "Student's t with 2 degrees of freedom, scaled by 0.5%"),
    "correlated": (correlated, "first-order autoregressive, 0.7, shocks of 0.7%"),
}


def ours(series: Floats) -> list[int]:
    return [shift.index for shift in shifts(series.tolist(), METRIC)]


def asv_steps(series: Floats) -> list[int]:
    from asv.step_detect import detect_steps

    return [step[0] for step in detect_steps(series.tolist())[1:]]


def asv_alarm(series: Floats) -> list[int]:
    """The regressions that `asv publish` lists at its default threshold of 5%."""
    from asv.step_detect import detect_regressions, detect_steps

    found = detect_regressions(detect_steps(series.tolist()), threshold=0.05)[2]
    return [after for _, after, _, _ in found or () if after is not None]


def one_night(series: Floats) -> list[int]:
    """Each night against the one before it, 7%."""
    return [int(night) + 1 for night in np.flatnonzero(series[1:] / series[:-1] > 1.07)]


RULES: dict[str, Callable[[Floats], list[int]]] = {
    "harness history": ours,
    "asv detect_steps": asv_steps,
    "asv regressions, 5%": asv_alarm,
    "one night to the next, 7%": one_night,
}


@dataclass
class Tally:
    """Counts over the series of one kind of noise and one size of step."""

    reported: int = 0  # anything at all
    missed: int = 0  # nothing within NEAR nights of the step
    elsewhere: int = 0  # something further away


def count(kind: str, step: float, rule: Callable[[Floats], list[int]], number: int) -> Tally:
    """Run one rule on `number` series; the same series for every rule."""
    rng, tally = np.random.default_rng([sorted(NOISE).index(kind), int(step * 1000)]), Tally()
    for _ in range(number):
        logs = NOISE[kind][0](rng)
        at = int(rng.integers(EDGE, NIGHTS - EDGE))
        logs[at:] += math.log1p(step)
        found = rule(1e-3 * np.exp(logs))
        tally.reported += bool(found)
        tally.missed += not any(abs(night - at) <= NEAR for night in found)
        tally.elsewhere += any(abs(night - at) > NEAR for night in found)
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--series", type=int, default=300, help="series of each kind and step")
    parser.add_argument("--machine", default="", help="what to call this machine")
    options = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    print(head(options.series, options.machine))
    for kind, (_, words) in NOISE.items():
        print(f"\n## {kind.capitalize()}: {words}\n")
        print("| rule | false | missed 2% | missed 5% | missed 10% | elsewhere |\n|---|---|---|---|---|---|")
        for name, rule in RULES.items():
            tallies = [count(kind, step, rule, options.series) for step in STEPS]
            false, *missed = tallies[0].reported, *(tally.missed for tally in tallies[1:])
            elsewhere = sum(tally.elsewhere for tally in tallies[1:]) / 3
            cells = [f"{100 * value / options.series:.1f}%" for value in (false, *missed, elsewhere)]
            print(f"| {name} | {' | '.join(cells)} |")
            print(kind, name, file=sys.stderr)
    print(delays(options.series))


def delays(number: int) -> str:
    """Say how many nights a step must have lasted to be seen, in white noise of 1%."""
    nights = (2, 3, 4, 5, 7, 10, 15)
    lines = [
        "\n## How soon a step is seen\n",
        "White noise of SD 1%, 100 nights before the step: share of series in which "
        "`harness history` reports it after so many nights at the new level.\n",
        f"| step | {' | '.join(f'{n} nights' for n in nights)} |\n|---|{'---|' * len(nights)}",
    ]
    for step in (0.03, 0.05, 0.10):
        seen = [_seen(step, n, number) for n in nights]
        lines.append(f"| {step:.0%} | {' | '.join(f'{100 * hits / number:.0f}%' for hits in seen)} |")
    return "\n".join(lines)


def _seen(step: float, nights: int, number: int) -> int:
    rng, hits = np.random.default_rng([nights, int(step * 1000)]), 0
    for _ in range(number):
        logs = 0.01 * rng.standard_normal(100 + nights)
        logs[100:] += math.log1p(step)
        hits += any(abs(night - 100) <= LASTING for night in ours(1e-3 * np.exp(logs)))
    return hits


def head(number: int, machine: str) -> str:
    """Say what was counted, when and how."""
    when = datetime.now(UTC).date().isoformat()
    where = f", {machine}" if machine else ""
    return f"""# False and missed changes in a history

Counted on {when}{where}, by `python benchmarks/history_rates.py --series {number}`.
{number} seeded series of {NIGHTS} nights for each kind of noise and each step;
a step is upwards, at a random night at least {EDGE} nights from either end.

- **false**: series without a step in which any change was reported
- **missed**: series with a step of that size without a report within {NEAR} nights of it
- **elsewhere**: series with a step and a report further away than that (mean over the three sizes)

`harness history` reports changes in both directions, `asv detect_steps` too;
the last two rules look for slowdowns only. `asv regressions` lists what is
slower at the end of the series than its best by more than 5%."""


if __name__ == "__main__":
    main()
