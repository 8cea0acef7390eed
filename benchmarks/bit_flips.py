"""Flip single bits in what a results folder keeps, and count how each is answered.

    python benchmarks/bit_flips.py [--flips 100] [--seed 0]

Makes two sealed runs, an unfinished one and an anchor of the fake engine in a
temporary folder. Flips bits drawn at random in each kind of file in turn, one
at a time, and asks for the records, the anchors and a history. An answer is
*told* (a warning or an error that names the file), *unchanged* (the very same
answer), *silent* (another answer without a word) or a *traceback*. The last
two should be 0.
"""

from __future__ import annotations

import argparse
import logging
import random
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import store
from harness.core.errors import HarnessError
from harness.core.record import Metric, Record, Status
from harness.store.integrity import damage

METRIC = "latency/p50"


@dataclass
class Told(logging.Handler):
    """Every warning of the store."""

    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(logging.WARNING)

    def __hash__(self) -> int:
        return id(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        self.lines.append(record.getMessage())


def record(batch: int) -> Record:
    """Make a record as long as a short real one."""
    value = Metric(value=batch / 1000, unit="s", direction="lower", low=batch / 1001, high=batch / 999, n=3)
    samples = {"latency_ns": [[batch * 1000 + i for i in range(100)]]}
    axes: dict[str, str | int | None] = {"model": "m", "batch": batch}
    return Record(
        run="", suite="s", case=f"m/batch={batch}", axes=axes, status=Status.OK, metrics={METRIC: value},
        machine="box", samples=samples,
    )  # fmt: skip


def fill(results: Path) -> dict[str, Path]:
    """Make the folder; give a file of each kind."""
    from dataclasses import replace

    folders = []
    for sealed in (True, True, False):
        with store.new_run(results, store.Header(suite="s", machine="box")) as journal:
            for batch in (1, 2, 4, 8):
                journal.append(replace(record(batch), run=journal.run))
            if sealed:
                journal.seal()
            folders.append(journal.folder)
    store.set_anchor(results, store.find_run(results, folders[0].name))
    return {
        "run.parquet": folders[1] / "run.parquet",
        "run.json": folders[1] / "run.json",
        "journal.jsonl": folders[2] / "journal.jsonl",
        "anchors.json": results / "anchors.json",
    }


def ask(results: Path) -> list[Any]:
    """Ask for all there is."""
    series = store.series(results, METRIC)
    return [store.records(results), store.anchors(results), series, store.runs(results)]


def answer(results: Path, path: Path, whole: list[Any], told: Told) -> str:
    """Say how a damaged folder answers."""
    told.lines.clear()
    try:
        found = ask(results)
    except HarnessError as error:
        return "told" if str(path) in str(error) or path.parent.name in str(error) else "unnamed"
    except Exception as error:
        return f"traceback ({type(error).__name__})"
    if any(path.parent.name in line or str(path) in line for line in told.lines):
        return "told"
    return "unchanged" if found == whole else "silent"


def main() -> None:
    """Count the answers, and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--flips", type=int, default=100, help="bits to flip in each kind of file")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw, told = random.Random(options.seed), Told()
    logging.getLogger("harness").addHandler(told)
    with tempfile.TemporaryDirectory() as name:
        results = Path(name)
        files = fill(results)
        whole = ask(results)
        assert not any(damage(item) for item in store.runs(results))
        for kind, path in files.items():
            content, counts = path.read_bytes(), Counter[str]()
            for _ in range(options.flips):
                bit = draw.randrange(len(content) * 8)
                damaged = bytearray(content)
                damaged[bit // 8] ^= 1 << bit % 8
                path.write_bytes(damaged)
                counts[answer(results, path, whole, told)] += 1
            path.write_bytes(content)
            print(f"{kind:14} {options.flips} flips: {dict(counts)}")
        assert ask(results) == whole


if __name__ == "__main__":
    main()
