from collections.abc import Callable

import pytest
from make import make_shown_record

from harness.core.record import Record, Status
from harness.core.report import Advice, GateOutcome, Outcome, Report, Row

from .shown import BROKEN, FP32, GATE, HOSTILE, INT8, OTHER


@pytest.fixture
def report() -> Report:
    """Two models, every status, gates of every outcome, notes and advice."""
    rows = (
        Row(INT8, 1, False, 1.5, {"memory/peak": -400_000.0}),
        Row(FP32, 2, True, 1.0, {"memory/peak": 0.0}),
        Row(OTHER, 1, True, 1.0),
        *(Row(item, 0, False, None) for item in BROKEN),
    )
    return Report(
        title="quick 20261123T140732Z-3f2a1c",
        records=(FP32, INT8, OTHER, *BROKEN),
        rows=rows,
        axes=("precision", "batch"),
        gates=(
            GateOutcome(
                GATE, "digits", "latency/p50", Outcome.FAILED, 0.0012, 0.0011, "1.2 ms is 9% over 1.1 ms"
            ),
            GateOutcome(GATE, "squeezenet", "latency/p50", Outcome.NO_DATA, None, None, "no earlier run"),
            GateOutcome(GATE, INT8.case, "latency/p50", Outcome.PASSED, 0.0008, 0.001, "0.8 ms"),
        ),
        advice=(Advice("digits", "latency", INT8.case, "latency/p50", 0.0008, "s", 1.5, -0.002),),
    )


@pytest.fixture
def hostile() -> Report:
    """One measured and one failed case, every text in which is hostile."""
    measured = make_shown_record(
        HOSTILE, notes=(HOSTILE,), precision=HOSTILE, stderr=HOSTILE, metrics={"latency/p50": 0.0012},
        samples={"latency_ns": [[1_000, 2_000]]}, run=HOSTILE, suite=HOSTILE, machine=HOSTILE,
    )  # fmt: skip
    failed = make_shown_record(HOSTILE, Status.FAILED, HOSTILE)
    return Report(
        title=HOSTILE,
        records=(measured, failed),
        rows=(Row(measured, 1, True, 1.0), Row(failed, 0, False, None)),
        axes=("precision",),
        gates=(GateOutcome(HOSTILE, HOSTILE, HOSTILE, Outcome.FAILED, None, None, HOSTILE),),
        advice=(Advice(HOSTILE, "latency", measured.case, "latency/p50", 0.0012, "s", None, None),),
    )


@pytest.fixture
def make_record() -> Callable[..., Record]:
    return make_shown_record
