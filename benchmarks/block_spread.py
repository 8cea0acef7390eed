"""What lowers the spread between the blocks of an A/B: the same blocks under several conditions, in turn.

BASE and HEAD are those of `benchmarks/error_scenarios.py`. One block of every condition, then the next
one of each, so that what the host does meanwhile falls on all of them. Printed are the SD of the log-ratio
of p50 between blocks, as it is and by the median distance from the median, the latter over the one of
today's rule, the median error within a block, calls an arm, and the start. Run it alone on the machine::

    python benchmarks/block_spread.py --scenario p50_2_own_15mb --blocks 20 --file spread.jsonl
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from error_rates import plan_arms
from error_scenarios import SCENARIOS

from harness import measure
from harness.ab.blocks import MAD_TO_SD, P50, read_block
from harness.ab.job import WARMUP_CALLS, WARMUP_S
from harness.measure import BlockOrder, Request, interleave
from harness.run.bench import open_arms

Pair = tuple[Request, Request]
LINES = Path(__file__).parents[1] / "results" / "block-spread.jsonl"


@contextmanager
def setting(name: str, value: object) -> Iterator[None]:
    """Set a constant of the interleaving for one block."""
    before = getattr(interleave, name)
    setattr(interleave, name, value)
    try:
        yield
    finally:
        setattr(interleave, name, before)


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Set a variable of the workers' environment for one block."""
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


@dataclass(frozen=True)
class Condition:
    """What is other in a block than today."""

    around: Callable[[], AbstractContextManager[None]] = nullcontext
    config: Mapping[str, str] = field(default_factory=dict)  # of the session


TUNABLES = "GLIBC_TUNABLES"
CONDITIONS = {
    "today's rule": Condition(),
    "two calls thrown away": Condition(partial(setting, "DISCARD_CALLS", 2)),
    "four calls a slice": Condition(partial(setting, "SLICE_CALLS", 4)),
    "huge pages": Condition(partial(variable, TUNABLES, "glibc.malloc.hugetlb=1")),
    "the heap prefaulted, nothing given back": Condition(
        partial(
            variable,
            TUNABLES,
            "glibc.malloc.top_pad=268435456:glibc.malloc.trim_threshold=1073741824:glibc.malloc.mmap_max=0",
        )
    ),
    "weights in the runtime's arena": Condition(
        config={"session.use_device_allocator_for_initializers": "1"}
    ),
    "weights not packed anew": Condition(config={"session.disable_prepacking": "1"}),
}


def run_block(
    pair: Pair, condition: Condition, draw: BlockOrder, span_s: float, folder: Path
) -> dict[str, float]:
    """Run one block; return what its reading of p50 says, in s and as a logarithm."""
    asked = tuple(
        replace(each, session={**each.session, "config": {**each.session["config"], **condition.config}})
        for each in pair
    )
    folder.mkdir()
    with condition.around():
        block = interleave.run_block((asked[0], asked[1]), draw, span_s, folder)
    reading = read_block(block.samples_ns, block.preempted, block.observations)[0][P50]
    return {
        "ratio": reading.ratio,
        "error": reading.error,
        "call_s": reading.base,
        "calls": min(sum(map(len, arm)) for arm in block.samples_ns),
        "start_s": block.start_s,
        "wall_s": block.wall_s,
    }


def requests_of(scenario: str, folder: Path) -> Pair:
    """Build both arms of a scenario in `folder`; return what their workers are asked."""
    pairing, suite = plan_arms(SCENARIOS[scenario], folder)
    bench = open_arms(suite, folder / "cache", folder, measure.describe_machine())
    sampling = replace(suite.sampling, warmup_calls=WARMUP_CALLS, warmup_s=WARMUP_S)
    cases = pairing.pairs[0]
    return bench.request(cases.base, sampling), bench.request(cases.head, sampling)


def campaign(scenario: str, blocks: int, span_s: float, kept: Path) -> None:
    """Run so many blocks of every condition, in turn; each is kept at once."""
    random = Random(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pair = requests_of(scenario, folder)
        for number in range(blocks):
            for place, (title, condition) in enumerate(CONDITIONS.items()):
                draw = BlockOrder(random.randrange(2), random.randrange(2))
                line = run_block(pair, condition, draw, span_s, folder / f"block-{number}-{place}")
                with kept.open("a") as file:
                    file.write(json.dumps({"scenario": scenario, "condition": title, **line}) + "\n")


def _spread(values: list[float]) -> float:
    """Return the SD of a normal distribution with as large a median distance from the median."""
    middle = statistics.median(values)
    return MAD_TO_SD * statistics.median(abs(value - middle) for value in values)


COLUMNS = (
    "scenario",
    "condition",
    "blocks",
    "SD between blocks",
    "without strays",
    "over today's",
    "error within",
    "ratio",
    "calls",
    "start, s",
)


def report(lines: list[dict[str, Any]]) -> str:
    """Return a Markdown table: a row a scenario and condition."""
    rows = [f"| {' | '.join(COLUMNS)} |", f"|---|---|{'--:|' * (len(COLUMNS) - 2)}"]
    for scenario in dict.fromkeys(line["scenario"] for line in lines):
        own = [line for line in lines if line["scenario"] == scenario]
        today = _spread([line["ratio"] for line in own if line["condition"] == next(iter(CONDITIONS))])
        for title in CONDITIONS:
            rows.append(_row(scenario, title, [line for line in own if line["condition"] == title], today))
    return "\n".join(rows)


def _row(scenario: str, title: str, found: list[dict[str, Any]], today: float) -> str:
    ratios = [line["ratio"] for line in found]
    middle = {
        key: statistics.median(line[key] for line in found) for key in ("ratio", "error", "calls", "start_s")
    }
    cells = (
        scenario,
        title,
        str(len(found)),
        f"{statistics.stdev(ratios):.2%}",
        f"{_spread(ratios):.2%}",
        f"{_spread(ratios) / today:.2f}",
        f"{middle['error']:.2%}",
        f"{math.expm1(middle['ratio']):+.2%}",
        f"{middle['calls']:.0f}",
        f"{middle['start_s']:.2f}",
    )
    return f"| {' | '.join(cells)} |"


def parse(text: str | None, kept: Path) -> argparse.Namespace:
    """Read the command line: scenarios, blocks of each, their calls, and where lines are kept."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", choices=SCENARIOS, action="append", default=[])
    parser.add_argument("--blocks", type=int, default=20, help="of every condition")
    parser.add_argument("--span", type=float, default=0.8, help="seconds of calls in a block, both arms")
    parser.add_argument("--file", type=Path, default=kept, help="where the lines are kept")
    asked = parser.parse_args()
    asked.file.parent.mkdir(parents=True, exist_ok=True)
    return asked


def main() -> None:
    asked = parse(__doc__, LINES)
    for scenario in asked.scenario:
        campaign(scenario, asked.blocks, asked.span, asked.file)
    print(report([json.loads(line) for line in asked.file.read_text().splitlines()]))


if __name__ == "__main__":
    main()
