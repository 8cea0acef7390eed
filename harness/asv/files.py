"""Spell benchmarks, cells and machines as asv's files do."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Mapping
from typing import Any

from harness.asv.benchmarks import DIMENSIONS, Benchmark, Cell, Place
from harness.core.units import format_bytes


def grid(cells: Mapping[Place, Cell]) -> tuple[list[list[str]], list[Cell]]:
    """Lay cells out as asv stores them: the values along each dimension, and their product in order.

    Where there is no cell, the suite asked for none: NaN.
    """
    axes = [sorted({place[index] for place in cells}, key=_order) for index in range(len(DIMENSIONS))]
    empty = Cell(math.nan)
    return axes, [cells.get((a, b, c, d), empty) for a, b, c, d in itertools.product(*axes)]


def _order(value: str) -> tuple[bool, int, str]:
    """Sort the default first, then numbers by size, then text."""
    return value not in ("'default'", "'auto'"), int(value) if value.isdecimal() else 1 << 62, value


def document(benchmark: Benchmark) -> dict[str, Any]:
    """Describe a benchmark as in asv's benchmarks.json.

    `version` never changes: a change of it would hide all that was measured
    before. `code` is what the dashboard shows as a tooltip, as markup.
    """
    what = f"{benchmark.metric} of {benchmark.model} in suite {benchmark.suite}"
    return {
        "code": html.escape(f"{what}; {benchmark.unit}, lower is better"),
        "harness": {"suite": benchmark.suite, "model": benchmark.model, "metric": benchmark.metric},
        "name": benchmark.name,
        "param_names": list(DIMENSIONS),
        "params": grid(benchmark.cells)[0],
        "timeout": 60,
        "type": "track",
        "unit": benchmark.unit,
        "version": "1",
    }


def join(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Join two descriptions of one benchmark: no value along a dimension is ever lost."""
    both = zip(old["params"], new["params"], strict=True)
    return {**new, "params": [sorted({*mine, *yours}, key=_order) for mine, yours in both]}


def merge(under: Mapping[Place, Cell], over: Mapping[Place, Cell]) -> dict[Place, Cell]:
    """Lay cells over others; where there is no number to be had, the one below stays."""
    seen = {place: cell for place, cell in over.items() if place not in under or not _empty(cell)}
    return {**under, **seen}


def _empty(cell: Cell) -> bool:
    return cell.value is not None and math.isnan(cell.value)


def statistics(cell: Cell) -> dict[str, float] | None:
    """Write the interval where asv looks for one: its weights come of ci_99, its "±" of the quartiles."""
    if cell.low is None or cell.high is None:
        return None
    bounds = {"ci_99_a": cell.low, "ci_99_b": cell.high, "q_25": cell.low, "q_75": cell.high}
    return {**bounds, "number": 1, "repeat": len(cell.samples)}


def describe_machine(name: str, environment: Mapping[str, Any]) -> dict[str, str]:
    """Describe a machine as asv does; the dashboard shows it in a tooltip, as markup."""
    cpu = environment.get("cpu") or {}
    memory = environment.get("memory_total_bytes")
    fields = {
        "machine": name,
        "os": environment.get("os"),
        "arch": cpu.get("architecture"),
        "cpu": cpu.get("model"),
        "num_cpu": cpu.get("logical"),
        "ram": format_bytes(memory) if memory else None,
    }
    return {key: html.escape(str(value or "")) for key, value in fields.items()}
