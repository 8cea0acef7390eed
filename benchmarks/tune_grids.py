"""Measure full grids for `benchmarks/tune_rates.py`, and read them: there the best cell is known.

A cell is measured by the probe that `harness tune` makes, in rounds over all cells in an order drawn by
chance, then the best cells again; blocks of the best two, full cases and fresh measurements tell what those
cost and how they scatter. One file of JSON lines a model; a second call goes on where the first ended.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from random import Random
from statistics import fmean, median
from time import monotonic
from typing import Any

import numpy as np
import onnx
from error_models import Graph, convnet, encoder
from numpy.typing import NDArray

from harness.build import default_cache_dir
from harness.core.record import Record
from harness.core.suite import Plan
from harness.run.job import environment
from harness.run.model_file import plan_model_file
from harness.tune.model import Space
from harness.tune.probe import Workers
from harness.tune.space import space_of

Floats = NDArray[np.float64]

P50, PEAK = "latency/p50", "memory/peak"
SPINNING = "session.intra_op.allow_spinning"
AXES: Mapping[str, list[Any]] = {
    "graph_opt": ["disable", "basic", "all"],
    "execution_mode": ["sequential", "parallel"],
    "intra_threads": [1, 2],
    "config": [
        "default",
        {"no_spinning": {SPINNING: "0"}},
        {"no_arena": {"enable_cpu_mem_arena": False}},
        {"no_spinning_no_arena": {SPINNING: "0", "enable_cpu_mem_arena": False}},
        {"no_pattern": {"enable_mem_pattern": False}},
        {"no_spinning_no_pattern": {SPINNING: "0", "enable_mem_pattern": False}},
        {"no_arena_no_pattern": {"enable_cpu_mem_arena": False, "enable_mem_pattern": False}},
        {"none": {SPINNING: "0", "enable_cpu_mem_arena": False, "enable_mem_pattern": False}},
    ],
}
"""96 cells: the default space, with memory patterns for one of its levels of optimization."""

ROUNDS, BEST, AGAIN = 3, 12, 3
"""Rounds over all cells at most, and how many of the best are measured so many times more."""

BLOCKS, FULL = 6, 3


def perceptron() -> onnx.ModelProto:
    """Make products and activations in a row: what waits for memory."""
    made, last = Graph(), "x"
    for before, after in ((256, 1024), (1024, 1024), (1024, 1024), (1024, 16)):
        last = made.add("Relu", made.add("Gemm", last, made.weight(before, after), made.weight(after)))
    return made.model(["N", 256], ["N", 16], last)


def recurrent() -> onnx.ModelProto:
    """Make an LSTM over 32 steps: one small product after another."""
    made, size = Graph(), 64
    turned = made.add("Transpose", "x", perm=[1, 0, 2])
    weights = made.weight(1, 4 * size, size), made.weight(1, 4 * size, size)
    found = made.add("LSTM", turned, *weights, hidden_size=size)
    flat = made.add("Squeeze", found, made.constant([1], np.int64))
    return made.model(["N", 32, size], ["T", "N", size], flat)


MADE: Mapping[str, Callable[[], onnx.ModelProto]] = {
    "convolutional net": lambda: convnet(6),
    "encoder": lambda: encoder(2),
    "perceptron": perceptron,
    "LSTM": recurrent,
}
REAL = {
    "magika": ("magika", "models/standard_v3_3/model.onnx"),
    "silero VAD": ("silero_vad", "data/silero_vad_16k_op15.onnx"),
    "swift-f0": ("swift_f0", "model.onnx"),
    "PP-OCR classifier": ("rapidocr_onnxruntime", "models/ch_ppocr_mobile_v2.0_cls_infer.onnx"),
}
"""Models of wheels: ``pip install`` them, or name the folders of unpacked wheels in PYTHONPATH."""


def model_file(name: str, folder: Path) -> Path | None:
    """Write a model of ours, or find one of an installed package; None where that is not there."""
    if name in MADE:
        path = folder / f"{name.replace(' ', '_')}.onnx"
        onnx.save(MADE[name](), path)
        return path
    package, file = REAL[name]
    spec = find_spec(package)
    paths = [Path(place) / file for place in (spec.submodule_search_locations or [])] if spec else []
    return next((path for path in paths if path.exists()), None)


class Lines:
    """A file of JSON lines that grows; a line that was cut off is none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        whole = path.read_text().splitlines(keepends=True) if path.exists() else []
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in whole if line.endswith("\n")]
        if whole and not whole[-1].endswith("\n"):
            path.write_text("".join(whole[:-1]))

    def add(self, **row: Any) -> None:
        """Append one line; it is on disk when this returns."""
        self.rows.append(row)
        with self.path.open("a") as out:
            out.write(json.dumps(row) + "\n")

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the rows of a kind."""
        return [row for row in self.rows if row["kind"] == kind]


def measure_grid(name: str, folder: Path, seconds: float, cells: int | None = None) -> str:
    """Measure what is missing of one grid; return in a line how it ended.

    At least one round is measured, further ones while `seconds` allow. `cells`
    cuts the grid down: only to try that it works.
    """
    lines = Lines(folder / f"{name.replace(' ', '-')}.jsonl")
    if lines.of("ended"):
        return "is complete"
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        if (path := model_file(name, work)) is None:
            return f"left out: the package {REAL[name][0]} is not installed"
        made, assumed = plan_model_file(path, AXES)
        if cells is not None:
            made = replace(made, cases=tuple(Random(0).sample(made.cases, min(cells, len(made.cases)))))
        return _Measuring(name, made, assumed, lines, work, seconds).run()


class _Measuring:
    """One grid on its way."""

    def __init__(self, name: str, made: Plan, assumed: str, lines: Lines, work: Path, seconds: float) -> None:
        self.name, self.plan, self.lines, self.seconds = name, made, lines, seconds
        self.cases = made.cases
        machine = environment(made)
        self.tools = Workers(made.suite, (), P50, default_cache_dir(), work, machine)
        self.begun = monotonic()
        if not lines.of("grid"):
            space = space_of(self.cases)
            lines.add(
                kind="grid",
                model=name,
                assumed=assumed,
                axes=dict(zip(space.axes, space.levels, strict=True)),
                cells=space.cells,
                default=space.default,
                machine={key: machine.get(key) for key in ("machine", "os", "git")},
            )
        for artifact in dict.fromkeys(case.artifact for case in self.cases):
            self.tools.build(artifact)

    def run(self) -> str:
        for number in range(ROUNDS):
            if number and self._left() < self._round_s() + self._rest_s():
                break
            self._probe(number, range(len(self.cases)))
        best = self._best()
        for number in range(AGAIN):
            self._probe(ROUNDS + number, best[:BEST])
        self._block(best)
        for kind, measure in (("full", self._full), ("fresh", self.tools.fresh)):
            for cell in best[len(self.lines.of(kind)) : FULL if kind == "full" else 1]:
                begun = monotonic()
                record = measure(self.cases[cell])
                self._add(kind, cell, record, monotonic() - begun)
        spent = monotonic() - self.begun
        self.lines.add(kind="ended", seconds=spent)
        return f"{len(self.lines.of('probe'))} probes, {spent:.0f} s"

    def _left(self) -> float:
        return self.seconds - (monotonic() - self.begun)

    def _round_s(self) -> float:
        return len(self.cases) * self._probe_s()

    def _probe_s(self) -> float:
        return fmean(row["cost_s"] for row in self.lines.of("probe"))

    def _rest_s(self) -> float:
        """Estimate what follows the rounds: the best again, blocks, full cases, one afresh."""
        return BEST * AGAIN * self._probe_s() + BLOCKS * 1.2 + (FULL + 3) * 2.5

    def _probe(self, number: int, cells: Any) -> None:
        done = {row["cell"] for row in self.lines.of("probe") if row["round"] == number}
        order = [cell for cell in cells if cell not in done]
        Random(number).shuffle(order)
        for cell in order:
            begun = monotonic()
            record = self.tools.probe(self.cases[cell], False)
            self._add("probe", cell, record, monotonic() - begun, round=number)

    def _add(self, kind: str, cell: int, record: Record, cost_s: float, **more: Any) -> None:
        found = {name: record.metrics[name].value for name in (P50, PEAK) if name in record.metrics}
        self.lines.add(
            kind=kind,
            cell=cell,
            **more,
            p50_s=found.get(P50),
            peak=found.get(PEAK),
            cost_s=cost_s,
            **({} if record.status == "ok" else {"reason": f"{record.status}: {record.reason}"}),
        )

    def _best(self) -> list[int]:
        known: dict[int, list[float]] = {}
        for row in self.lines.of("probe"):
            if row["round"] < ROUNDS and row["p50_s"]:
                known.setdefault(row["cell"], []).append(row["p50_s"])
        if len(known) < 2:
            raise SystemExit(f"{self.name}: {len(known)} cells ran: {self.lines.rows[-1].get('reason')}")
        return sorted(known, key=lambda cell: fmean(known[cell]))

    def _block(self, best: list[int]) -> None:
        for number in range(len(self.lines.of("block")), BLOCKS):
            begun = monotonic()
            ratios, lost = self.tools.block(self.cases[best[0]], self.cases[best[1]], number)
            self.lines.add(
                kind="block",
                base=best[0],
                cell=best[1],
                ratio=ratios.get(P50),
                cost_s=monotonic() - begun,
                **({"reason": lost} if lost else {}),
            )

    def _full(self, case: Any) -> Record:
        """Measure a case as a sweep does, in one process."""
        suite = self.plan.suite
        if "full" not in self.tools._benches:
            folder = self.tools.work / "full"
            folder.mkdir()
            self.tools._benches["full"] = self.tools.opening(
                suite, self.tools.cache_dir, folder, self.tools.machine
            )
        return self.tools._benches["full"].measure(case)


class Measured:
    """A grid that was measured: what is true of every cell, as logarithms, and how measurements scatter."""

    def __init__(self, path: Path) -> None:
        lines = Lines(path)
        (head,) = lines.of("grid")
        self.name, self.head = head["model"], head
        self.seconds = lines.of("ended")[-1]["seconds"]
        rows: dict[int, list[dict[str, Any]]] = {}
        for row in lines.of("probe"):
            if row["p50_s"]:
                rows.setdefault(row["cell"], []).append(row)
        kept = sorted(rows)
        cells = tuple(tuple(head["cells"][cell]) for cell in kept)
        self.asked = len(head["cells"])
        axes = head["axes"]
        default = kept.index(head["default"]) if head["default"] in kept else 0
        self.space = Space(
            tuple(axes), tuple(map(tuple, axes.values())), cells, tuple(0 for _ in cells), default
        )
        logs = [np.log([row["p50_s"] for row in rows[cell]]) for cell in kept]
        self.truth: Floats = np.array([np.median(values) for values in logs])
        self.residuals = _residuals(logs)
        self.memory: Floats = np.array([math.log(median(row["peak"] for row in rows[cell])) for cell in kept])
        self.memory_residuals = _residuals([np.log([row["peak"] for row in rows[cell]]) for cell in kept])
        ratios = [row["ratio"] for row in lines.of("block") if row["ratio"] is not None]
        self.block_residuals = _residuals([np.array(ratios)])
        self.probe_s, self.block_s, self.full_s, self.fresh_s = (
            median(row["cost_s"] for row in lines.of(kind)) for kind in ("probe", "block", "full", "fresh")
        )
        counts = np.array([len(values) for values in logs])
        # how well the truth of the best cells is known
        near = self.truth <= self.truth.min() + math.log(1.01)
        self.error = float(self.residuals.std() / math.sqrt(counts[near].mean()))


def _residuals(groups: list[Floats]) -> Floats:
    """Return by what measurements of a cell stray from its median, as wide as single ones do."""
    found = [
        (each - np.median(each)) * math.sqrt(len(each) / (len(each) - 1)) for each in groups if len(each) > 1
    ]
    return np.concatenate(found) if found else np.zeros(1)


def measured(folder: Path) -> Iterator[Measured]:
    """Read the complete grids of a folder."""
    for path in sorted(folder.glob("*.jsonl")):
        if Lines(path).of("ended"):
            yield Measured(path)
