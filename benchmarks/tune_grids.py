"""Measure full grids for `benchmarks/tune_rates.py`, and read them: there the best cell is known.

What is true of a cell is told by blocks of it and the default cell in turn, one of every cell in an order
drawn by chance, then more of those that are best so far: single processes stray several times as much. How a
probe of `harness tune` strays from that is told by one of every cell; full cases and a fresh measurement tell
what those cost. One file of JSON lines a model; a second call goes on where the first ended.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
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
from harness.core.case import Case
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
PACKING, DEVICE = "session.disable_prepacking", "session.use_device_allocator_for_initializers"
MEMORY: Mapping[str, Mapping[str, Any]] = {
    "": {},
    "no_arena": {"enable_cpu_mem_arena": False},
    "no_pattern": {"enable_mem_pattern": False},
    "no_arena_no_pattern": {"enable_cpu_mem_arena": False, "enable_mem_pattern": False},
}


def _crossed(*others: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """Cross the settings of memory with each of `others`."""
    found: list[Any] = ["default"]
    for name, own in MEMORY.items():
        for settings in ({"": {}}, *others):
            ((other, more),) = settings.items()
            if joined := "_".join(filter(None, (name, other))):
                found.append({joined: {**own, **more}})
    return found


AXES: Mapping[str, Mapping[str, list[Any]]] = {
    "one thread": {
        "graph_opt": ["disable", "basic", "extended", "all"],
        "execution_mode": ["sequential", "parallel"],
        "intra_threads": [1],
        "config": _crossed({"unpacked": {PACKING: "1"}}, {"device": {DEVICE: "1"}}),
    },
    "one and two threads": {
        "graph_opt": ["disable", "basic", "all"],
        "execution_mode": ["sequential", "parallel"],
        "intra_threads": [1, 2],
        "config": _crossed({"no_spinning": {SPINNING: "0"}}),
    },
}
"""96 cells each."""

BLOCKS = ((96, 1), (32, 3), (12, 6))
"""How many cells, the best so far, get how many more blocks; cells of a grid that has fewer all do."""

FULL = 3


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


def measure_grid(name: str, axes: str, folder: Path, cells: int | None = None) -> str:
    """Measure what is missing of one grid, of AXES; return in a line how it ended.

    `cells` cuts the grid down: only to try that it works.
    """
    lines = Lines(folder / f"{name} {axes}.jsonl".replace(" ", "-"))
    if lines.of("ended"):
        return "is complete"
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        if (path := model_file(name, work)) is None:
            return f"left out: the package {REAL[name][0]} is not installed"
        made, assumed = plan_model_file(path, AXES[axes])
        if cells is not None:
            made = replace(made, cases=tuple(Random(0).sample(made.cases, min(cells, len(made.cases)))))
        return _Measuring(f"{name}, {axes}", made, assumed, lines, work).run()


class _Measuring:
    """One grid on its way."""

    def __init__(self, name: str, made: Plan, assumed: str, lines: Lines, work: Path) -> None:
        self.name, self.plan, self.lines = name, made, lines
        self.cases = made.cases
        machine = environment(made)
        self.tools = Workers(made.suite, (), P50, default_cache_dir(), work, machine)
        self.begun = monotonic()
        space = space_of(self.cases)
        self.default = space.default
        if not lines.of("grid"):
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
        order = list(range(len(self.cases)))
        Random(0).shuffle(order)
        probed = {row["cell"] for row in self.lines.of("probe")}
        for cell in order:
            if cell not in probed:
                self._record("probe", cell, partial(self.tools.probe, outputs=False))
        for stage, (count, blocks) in enumerate(BLOCKS):
            cells = [cell for cell in (self._best()[:count] if stage else order) if cell != self.default]
            for number in range(blocks):
                self._round(f"{stage}.{number}", cells)
        best = self._best()
        for kind, measure in (("full", self._full), ("fresh", self.tools.fresh)):
            for cell in best[len(self.lines.of(kind)) : FULL if kind == "full" else 1]:
                self._record(kind, cell, measure)
        spent = monotonic() - self.begun
        self.lines.add(kind="ended", seconds=spent)
        blocks = len(self.lines.of("block"))
        return f"{len(self.lines.of('probe'))} probes, {blocks} blocks, {spent:.0f} s"

    def _round(self, number: str, cells: list[int]) -> None:
        """Run one block of every cell and the default one, those left out that have theirs."""
        done = {row["cell"] for row in self.lines.of("block") if row["round"] == number}
        for cell in Random(number).sample(cells, len(cells)):
            if cell in done:
                continue
            begun, turn = monotonic(), len(self.lines.of("block"))
            ratios, lost = self.tools.block(self.cases[self.default], self.cases[cell], turn)
            self.lines.add(
                kind="block",
                round=number,
                base=self.default,
                cell=cell,
                ratio=ratios.get(P50),
                cost_s=monotonic() - begun,
                **({"reason": lost} if lost else {}),
            )

    def _record(self, kind: str, cell: int, measure: Callable[[Case], Record]) -> None:
        begun = monotonic()
        record = measure(self.cases[cell])
        found = {name: record.metrics[name].value for name in (P50, PEAK) if name in record.metrics}
        self.lines.add(
            kind=kind,
            cell=cell,
            p50_s=found.get(P50),
            peak=found.get(PEAK),
            cost_s=monotonic() - begun,
            **({} if record.status == "ok" else {"reason": f"{record.status}: {record.reason}"}),
        )

    def _best(self) -> list[int]:
        """Return the cells that ran, by what their blocks show, the fastest first."""
        known = {cell: fmean(ratios) for cell, ratios in _ratios(self.lines, self.default).items()}
        if len(known) < 2:
            raise SystemExit(f"{self.name}: {len(known)} cells ran: {self.lines.rows[-1].get('reason')}")
        return sorted(known, key=known.__getitem__)

    def _full(self, case: Case) -> Record:
        """Measure a case as a sweep does, in one process."""
        suite = self.plan.suite
        if "full" not in self.tools._benches:
            folder = self.tools.work / "full"
            folder.mkdir()
            self.tools._benches["full"] = self.tools.opening(
                suite, self.tools.cache_dir, folder, self.tools.machine
            )
        return self.tools._benches["full"].measure(case)


def _ratios(lines: Lines, default: int) -> dict[int, list[float]]:
    """Return the log-ratios of every cell to the default one, whose own is nothing."""
    found: dict[int, list[float]] = {default: [0.0]}
    for row in lines.of("block"):
        if row["ratio"] is not None:
            found.setdefault(row["cell"], []).append(row["ratio"])
    return found


SHARED = ("intra_threads", "execution_mode", SPINNING)
"""Axes that say who shares the cores: cells that agree in them stray alike."""


class Measured:
    """A grid that was measured: what is true of every cell, as logarithms, and how measurements scatter."""

    def __init__(self, path: Path) -> None:
        lines = Lines(path)
        (head,) = lines.of("grid")
        self.name, self.head = head["model"], head
        self.seconds = lines.of("ended")[-1]["seconds"]
        ratios = _ratios(lines, head["default"])
        probes = {row["cell"]: row for row in lines.of("probe") if row["p50_s"] and row["cell"] in ratios}
        kept = sorted(probes)
        cells = tuple(tuple(head["cells"][cell]) for cell in kept)
        self.asked = len(head["cells"])
        axes = head["axes"]
        self.space = Space(
            tuple(axes),
            tuple(map(tuple, axes.values())),
            cells,
            tuple(0 for _ in cells),
            kept.index(head["default"]),
        )
        self.kinds = tuple(
            tuple(value for axis, value in zip(axes, cell, strict=True) if axis in SHARED) for cell in cells
        )
        blocks = [np.array(ratios[cell]) for cell in kept]
        # as the default cell's p50 is 1 s: only ratios matter
        self.truth: Floats = np.array([np.median(values) for values in blocks])
        levels = np.array([math.log(probes[cell]["p50_s"]) for cell in kept]) - self.truth
        self.residuals = self._by_kind([np.array([each]) for each in levels - np.median(levels)])
        self.block_residuals = self._by_kind([_straying(each) for each in blocks])
        self.memory: Floats = np.log([probes[cell]["peak"] for cell in kept])
        self.probe_s, self.block_s, self.full_s, self.fresh_s = (
            median(row["cost_s"] for row in lines.of(kind)) for kind in ("probe", "block", "full", "fresh")
        )
        # how well the truth of the best cells is known: of a median, by the spread of their blocks
        near = [each for each in blocks if np.median(each) <= self.truth.min() + math.log(1.01)]
        spread = np.concatenate([_straying(each) for each in near]).std()
        self.error = float(1.2533 * spread / math.sqrt(np.mean([len(each) for each in near])))

    def _by_kind(self, straying: list[Floats]) -> list[Floats]:
        """Return for every cell by what measurements of cells of its kind stray."""
        found = {
            kind: np.concatenate(
                [each for own, each in zip(self.kinds, straying, strict=True) if own == kind]
            )
            for kind in set(self.kinds)
        }
        every = np.concatenate(straying)
        return [found[kind] if len(found[kind]) else every for kind in self.kinds]


def _straying(ratios: Floats) -> Floats:
    """Return by what blocks of a cell stray from their median, as wide as single ones do; of one nothing."""
    if len(ratios) < 2:
        return ratios[:0]
    return (ratios - np.median(ratios)) * math.sqrt(len(ratios) / (len(ratios) - 1))


def measured(folder: Path) -> Iterator[Measured]:
    """Read the complete grids of a folder."""
    for path in sorted(folder.glob("*.jsonl")):
        if Lines(path).of("ended"):
            yield Measured(path)
