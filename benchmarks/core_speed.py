"""Would the speed of the core between calls, as a covariate, lower the spread between the blocks of an A/B?

Before every slice, while both workers are stopped, the parent goes to their core and times two short probes:
products of small matrices, which stay in the first cache, and a sum over 4 MB, which does not. A slice's
log-time is then taken for what it is at the usual speed of the core: minus the slope times the probe's
log-time, the slope by least squares over all slices, each arm of each block about its own mean. Printed are
the SD of p50's log-ratio between blocks without and with that, and how closely probe and slice move
together. Run it alone on the machine::

    python benchmarks/core_speed.py --scenario p50_2_own_15mb --blocks 20 --file core-speed.jsonl
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import numpy as np
from block_spread import parse, requests_of
from numpy.typing import NDArray

from harness.measure import BlockOrder, Request, interleave

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.measure.interleave import SliceResult
    from harness.measure.worker.slices import Slice

Floats = NDArray[np.float64]
LINES = Path(__file__).parents[1] / "results" / "core-speed.jsonl"
SMALL = np.ones((48, 48), np.float32)
LARGE = np.ones(1 << 20, np.float32)
PROBES = {"products in the first cache": lambda: SMALL @ SMALL, "a sum over 4 MB": LARGE.sum}
TIMES = {"products in the first cache": 40, "a sum over 4 MB": 1}


@contextmanager
def on_cores(cores: tuple[int, ...]) -> Iterator[None]:
    """Run on these cores for a while."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def probe() -> list[int]:
    """Time every probe once, in ns, after a run that brings it into the caches."""
    found = []
    for name, run in PROBES.items():
        run()
        begun = perf_counter_ns()
        for _ in range(TIMES[name]):
            run()
        found.append(perf_counter_ns() - begun)
    return found


class Probing(interleave.SliceWorker):
    """A worker before each of whose slices the core is probed; `kept` gets the times, in ns."""

    def __init__(self, request: Request, folder: Path, kept: list[list[int]]) -> None:
        super().__init__(request, folder)
        self._kept, self._cores = kept, request.cores.worker

    def run(self, asked: Slice) -> SliceResult | None:
        """Probe the core, then wake the worker for one slice."""
        with on_cores(self._cores):
            self._kept.append(probe())
        return super().run(asked)


def campaign(scenario: str, blocks: int, span_s: float, kept: Path) -> None:
    """Run so many blocks; of each the log-times of slices and probes are kept at once."""
    random = Random(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pair = requests_of(scenario, folder)
        for number in range(blocks):
            probes: list[list[int]] = []
            own = folder / f"block-{number}"
            own.mkdir()
            draw = BlockOrder(random.randrange(2), random.randrange(2))
            worker = partial(Probing, kept=probes)
            block = interleave.run_block(pair, draw, span_s, own, worker=worker)
            slices = [iter(arm) for arm in block.samples_ns]
            line = {
                "scenario": scenario,
                "turns": block.turns,
                "slices": [statistics.median(next(slices[arm])) for arm in block.turns],
                "probes": probes[-len(block.turns) :],
            }
            with kept.open("a") as file:
                file.write(json.dumps(line) + "\n")


def ratio_of(turns: Floats, logs: Floats) -> float:
    """Return the log-ratio of HEAD over BASE: the median of those of the ABBAs."""
    rounds = len(turns) // 4
    signs = np.where(turns[: 4 * rounds] == 1, 0.5, -0.5)
    return float(np.median((signs * logs[: 4 * rounds]).reshape(rounds, 4).sum(axis=1)))


def centred(turns: Floats, values: Floats) -> Floats:
    """Return the values about the mean of their arm."""
    found = values.copy()
    for arm in (0, 1):
        found[turns == arm] -= found[turns == arm].mean()
    return found


def report(lines: list[dict[str, Any]]) -> str:
    """Return a Markdown table: a row a scenario and probe."""
    rows = [
        "| scenario | probe | blocks | SD between blocks | with the covariate | over | slope | correlation |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for scenario in dict.fromkeys(line["scenario"] for line in lines):
        own = [line for line in lines if line["scenario"] == scenario]
        turns = [np.array(line["turns"], float) for line in own]
        logs = [np.log(line["slices"]) for line in own]
        plain = statistics.stdev(ratio_of(*pair) for pair in zip(turns, logs, strict=True))
        for place, name in enumerate(PROBES):
            probes = [np.log([each[place] for each in line["probes"]]) for line in own]
            x = np.concatenate([centred(*pair) for pair in zip(turns, probes, strict=True)])
            y = np.concatenate([centred(*pair) for pair in zip(turns, logs, strict=True)])
            slope = float(x @ y / (x @ x))
            ratios = [ratio_of(t, y - slope * x) for t, y, x in zip(turns, logs, probes, strict=True)]
            after = statistics.stdev(ratios)
            rows.append(
                f"| {scenario} | {name} | {len(own)} | {plain:.2%} | {after:.2%} | {after / plain:.2f} | "
                f"{slope:.2f} | {np.corrcoef(x, y)[0, 1]:.2f} |"
            )
    return "\n".join(rows)


def main() -> None:
    asked = parse(__doc__, LINES)
    for scenario in asked.scenario:
        campaign(scenario, asked.blocks, asked.span, asked.file)
    print(report([json.loads(line) for line in asked.file.read_text().splitlines()]))


if __name__ == "__main__":
    main()
