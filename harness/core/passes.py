"""The passes of a worker, a row each: what a suite may ask for, what it costs, what it leaves.

A row names its function and does not import it: a worker loads the passes that it was asked for and
no other. The suite's schema, the plan's estimate, the loops and the judge read these rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_HOME = "harness.measure.worker.passes"


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over a session that is ready.

    `writes` are the parts of the answer that it fills, `reads` those that it needs, of the stages
    before it. One that a suite cannot choose has no `key`, and `default` says whether every case has it.
    """

    name: str
    function: str  # "module:function", called with the worker's `Run`
    key: str = ""  # of `measure:` in a suite
    default: bool = True
    cost_s: float = 0.2  # a process, as measured on two cores of a shared machine
    every_process: bool = False  # else in the first process of a case only
    alone: bool = False  # in a worker of its own, which is started in a way of its own
    reads: tuple[str, ...] = ("session", "feeds")
    writes: tuple[str, ...] = ()


PASSES = (
    Pass("memory", f"{_HOME}.memory:run", key="memory", every_process=True, writes=("memory",)),
    # its length is the suite's sampling, which the estimate adds
    Pass("timing", f"{_HOME}.timing:run", cost_s=0.0, every_process=True, writes=("timing",)),
    # in a worker of an A/B, in place of the timing
    Pass("slices", f"{_HOME}.slices:run", default=False, cost_s=0.0),
    Pass("outputs", f"{_HOME}.outputs:run", key="accuracy", reads=("session",), writes=("outputs",)),
    # in a worker of `harness profile`; closes the session
    Pass("profile", f"{_HOME}.profile:run", default=False, cost_s=1.5, writes=("profile",)),
    # closes the session, so it comes last
    Pass("proof", f"{_HOME}.proof:run", key="proof", reads=("feeds",), writes=("proof", "memory")),
    # half of it is importing under valgrind
    Pass(
        "instructions",
        f"{_HOME}.instructions:run",
        key="instructions",
        default=False,
        cost_s=12.0,
        alone=True,
        writes=("instructions",),
    ),
)
"""Every pass, in the order in which they run."""

BY_NAME = {row.name: row for row in PASSES}

SWITCHES = {row.key: row.default for row in PASSES if row.key}
"""Key of `measure:` -> whether it is on where a suite leaves it out."""


def repeated(passes: Iterable[str]) -> tuple[str, ...]:
    """Name those of `passes` that every further process of a case runs too."""
    return tuple(name for name in passes if BY_NAME[name].every_process)


def together(passes: Iterable[str]) -> tuple[str, ...]:
    """Name those of `passes` that the first process of a case runs, one after the other."""
    return tuple(name for name in passes if not BY_NAME[name].alone)


def chosen(wanted: Mapping[str, bool]) -> tuple[str, ...]:
    """Name the passes of a case, in order; `wanted` maps keys of `measure:`."""
    return tuple(row.name for row in PASSES if wanted.get(row.key, row.default))
