"""Records as frames: types, units, intervals, and nothing that goes missing."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from make import make_metric, make_record

from harness.core.case import AXES
from harness.core.record import Record
from harness.results.frame import long, samples, wide


@pytest.fixture
def records() -> list[Record]:
    p50 = make_metric("latency/p50", 0.002, low=0.0019, high=0.0021, n=300, interval="within process")
    timed = make_record({"memory/peak": 5e7}, batch=8, precision="int8_static")
    timed = replace(
        timed,
        metrics={"latency/p50": p50, **timed.metrics},
        effective={"runtime": {"distribution": "onnxruntime", "version": "1.32.0"}},
        started_at="2026-11-23T14:07:33+00:00",
        samples={"latency_ns": [[1000, 3000], [2000]]},
    )
    failed = replace(make_record(status="failed", batch=1, precision="fp32"), reason="it broke")
    return [timed, failed]


def test_axes_are_typed_whatever_their_values_are(records: list[Record]) -> None:
    frame = wide(records)
    assert list(frame.columns[:4]) == ["run", "suite", "case", "model"]
    assert [name for name in frame.columns if name in AXES] == list(AXES)
    types = {name: str(frame[name].dtype) for name in ("batch", "opset", "precision", "exporter")}
    assert types == {"batch": "Int64", "opset": "Int64", "precision": "string", "exporter": "string"}
    assert frame["batch"].tolist() == [8, 1]
    assert frame["opset"].isna().all()


def test_a_metric_is_a_column_in_si_units_with_its_interval(records: list[Record]) -> None:
    frame = wide(records)
    first = frame.iloc[0]
    assert (first["latency/p50"], first["latency/p50.low"], first["latency/p50.high"]) == (
        0.002,
        0.0019,
        0.0021,
    )
    assert "memory/peak.low" not in frame.columns  # none has one
    assert frame.attrs["units"] == {"latency/p50": "s", "memory/peak": "B"}


def test_a_failed_case_keeps_its_row_and_its_reason(records: list[Record]) -> None:
    failed = wide(records).iloc[1]
    assert (failed["status"], failed["reason"]) == ("failed", "it broke")
    assert pd.isna(failed["latency/p50"]) and pd.isna(failed["ran_by"]) and pd.isna(failed["started_at"])
    frame = long(records)
    assert frame["metric"].isna().tolist() == [False, False, True]
    assert frame.iloc[2]["reason"] == "it broke"


def test_what_was_asked_for_and_what_ran_are_two_columns(records: list[Record]) -> None:
    first = wide(records).iloc[0]
    assert (first["runtime"], first["ran_by"], first["machine"]) == ("current", "onnxruntime 1.32.0", "m1")
    assert first["started_at"] == pd.Timestamp("2026-11-23T14:07:33Z")


def test_the_long_form_has_unit_direction_and_what_an_interval_spans(records: list[Record]) -> None:
    first = long(records).iloc[0]
    fields = ("metric", "value", "low", "high", "interval", "unit", "better", "n")
    assert [first[name] for name in fields] == [
        "latency/p50", 0.002, 0.0019, 0.0021, "within process", "s", "lower", 300,
    ]  # fmt: skip


def test_samples_are_a_row_a_call(records: list[Record]) -> None:
    frame = samples(records)
    assert frame[["process", "call"]].values.tolist() == [[0, 0], [0, 1], [1, 0]]
    assert frame["seconds"].tolist() == [1e-6, 3e-6, 2e-6]


def test_a_frame_of_nothing_has_its_columns() -> None:
    assert list(samples([]).columns) == ["run", "case", "process", "call", "seconds"]
    assert len(long([])) == len(wide([])) == 0
