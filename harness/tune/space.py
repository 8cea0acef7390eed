"""Turn the cases of one model into a space: an axis for everything that varies."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from harness.core.case import AXES, DEFAULTS, NO_CONFIG, Case, shown, thaw
from harness.core.conditions import spell
from harness.tune.model import Space

UNSET = "unset"

HARMLESS = (
    "session.intra_op.allow_spinning",
    "session.inter_op.allow_spinning",
    "session.dynamic_block_base",
    "enable_cpu_mem_arena",
    "enable_mem_pattern",
    "enable_mem_reuse",
)
"""Entries of a config that change when and where a session computes, and not what."""


def space_of(cases: Sequence[Case]) -> Space:
    """Make the space of `cases`, all of one model; cells keep their order.

    The entries of configs are axes of their own, so that what two configs share counts for both.
    """
    rows = [_values(case) for case in cases]
    names = list(dict.fromkeys(name for row in rows for name in row))
    for row in rows:
        for name in names:
            row.setdefault(name, UNSET)
    varied = [name for name in names if len({row[name] for row in rows}) > 1]
    levels = {name: tuple(dict.fromkeys(row[name] for row in rows)) for name in varied}
    cells = tuple(tuple(levels[name].index(row[name]) for name in varied) for row in rows)
    groups: dict[Hashable, int] = {}
    of_cells = tuple(groups.setdefault(outputs_key(case), len(groups)) for case in cases)
    default = min(range(len(cases)), key=lambda index: (_distance(cases[index]), index))
    return Space(tuple(varied), tuple(levels.values()), cells, of_cells, default)


def outputs_key(case: Case) -> Hashable:
    """Name what decides which outputs a case computes: threads, spinning, arena and batch do not."""
    config = tuple((name, value) for name, value in case.session.config.options if name not in HARMLESS)
    session = case.session
    return case.artifact, session.runtime, session.provider, session.graph_opt, config, case.load.shapes


def support_key(case: Case) -> Hashable:
    """Name what decides whether a case is supported: a model may have its batch fixed."""
    return outputs_key(case), case.load.batch, case.load.io


def _values(case: Case) -> dict[str, str]:
    axes: Mapping[str, Any] = case.axes
    found = {axis: spell(axes[axis]) for axis in AXES if axis != "config"}
    if case.session.config != NO_CONFIG:
        found |= {name: spell(value) for name, value in thaw(case.session.config.options).items()}
    return found


def _distance(case: Case) -> int:
    return sum(case.axes[axis] != shown(axis, DEFAULTS[axis]) for axis in AXES)
