"""Questions over all runs are answered from sealed and unfinished ones alike."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from harness import store
from harness.core.record import Metric, Record, Status

MakeRecord = Callable[..., Record]
MakeRun = Callable[..., str]
FIRST, SECOND, THIRD = "20261121T000000Z-aaaaaa", "20261122T000000Z-bbbbbb", "20261123T000000Z-cccccc"


def faster(record: MakeRecord, batch: int, value: float) -> Record:
    return record(batch, metrics={"latency/p50": value})


def test_records_are_filtered_by_run_suite_case_axes_and_status(
    results: Path, record: MakeRecord, stored: MakeRun
) -> None:
    stored(FIRST, record(1), record(8, status=Status.FAILED))
    stored(SECOND, record(1), sealed=False)
    stored(THIRD, record(1, suite="quick"), suite="quick")

    def found(run: str | None = None, **filters: object) -> list[tuple[str, str]]:
        return [(item.run, item.case) for item in store.records(results, run, **filters)]  # type: ignore[arg-type]

    assert found() == [
        (FIRST, "m/batch=1"),
        (FIRST, "m/batch=8"),
        (SECOND, "m/batch=1"),
        (THIRD, "m/batch=1"),
    ]
    assert found("latest") == [(THIRD, "m/batch=1")]
    assert found("latest", suite="nightly") == [(SECOND, "m/batch=1")]
    assert found(suite="quick") == [(THIRD, "m/batch=1")]
    assert found(case="m/batch=8") == [(FIRST, "m/batch=8")]
    assert found(case="*=8") == [(FIRST, "m/batch=8")]
    assert found(where={"batch": ["8"], "opset": ["null"]}) == [(FIRST, "m/batch=8")]
    assert found(where={"status": ["failed", "crashed"]}) == [(FIRST, "m/batch=8")]


def test_a_case_whose_name_looks_like_a_glob_is_found_by_its_key(
    results: Path, record: MakeRecord, stored: MakeRun
) -> None:
    stored(FIRST, record(case="a[1]*"), record(case="a1"))
    assert [item.case for item in store.records(results, case="a[1]*")] == ["a[1]*", "a1"]


def test_a_series_is_a_metric_over_time_for_each_case(
    results: Path, record: MakeRecord, stored: MakeRun
) -> None:
    stored(FIRST, record(1), record(8))
    stored(SECOND, faster(record, 1, 0.5), record(8, metrics={}), sealed=False)
    stored(THIRD, faster(record, 1, 0.25), machine="other")
    rows = store.series(results, "latency/p50")
    assert [(row.case, row.run, row.value) for row in rows] == [
        ("m/batch=1", FIRST, 0.001),
        ("m/batch=1", SECOND, 0.5),
        ("m/batch=1", THIRD, 0.25),
        ("m/batch=8", FIRST, 0.008),
    ]
    assert list(pd.DataFrame(rows).columns) == list(rows[0]._fields)
    one = store.series(results, "latency/p50", case="m/batch=1", suite="nightly", machine="box")
    assert [(row.value, row.runtime_version) for row in one] == [(0.001, "1.32.0"), (0.5, "1.32.0")]


def test_what_a_failed_case_measured_is_not_in_its_series(
    results: Path, record: MakeRecord, stored: MakeRun
) -> None:
    stored(FIRST, record(1))
    stored(SECOND, record(1, status=Status.FAILED, reason="another provider ran it"))
    assert [row.run for row in store.series(results, "latency/p50")] == [FIRST]


def test_outlines_are_the_records_at_places_without_their_samples(
    results: Path, record: MakeRecord, stored: MakeRun
) -> None:
    stored(FIRST, record(1), record(8))
    stored(SECOND, record(1), record(8), sealed=False)
    places = [(FIRST, "m/batch=8"), (SECOND, "m/batch=1"), (SECOND, "gone"), (THIRD, "m/batch=1")]
    found = store.outlines(results, places)
    assert sorted(found) == [(FIRST, "m/batch=8"), (SECOND, "m/batch=1")]
    outline = found[FIRST, "m/batch=8"]
    (whole,) = store.records(results, FIRST, case="m/batch=8")
    assert outline == replace(whole, samples={})
    assert whole.samples
    assert store.outlines(results, []) == {}


def test_a_metric_that_only_some_runs_have_is_found_in_those(
    results: Path, record: MakeRecord, stored: MakeRun
) -> None:
    stored(FIRST, record(1))
    stored(SECOND, record(1, metrics={"mine/Score": Metric(value=3.0, unit="1", direction="higher")}))
    assert [row.value for row in store.series(results, "mine/Score")] == [3.0]
    assert [row.value for row in store.series(results, "latency/p50")] == [0.001]


def test_the_latest_of_every_case_stands_beside_its_anchor(
    results: Path, record: MakeRecord, stored: MakeRun
) -> None:
    stored(FIRST, record(1), record(8), record(32))
    stored(SECOND, faster(record, 1, 0.5), record(8))
    stored(THIRD, faster(record, 1, 0.25), record(64, metrics={}, status=Status.FAILED), sealed=False)
    store.set_anchor(results, store.find_run(results, SECOND))
    frame = store.latest_and_anchor(results, ["latency/p50"])
    columns = ["case", "run", "status", "value", "anchor_run", "anchor_value"]
    assert frame[columns].astype(object).where(frame[columns].notna(), None).values.tolist() == [
        ["m/batch=1", THIRD, "ok", 0.25, SECOND, 0.5],
        ["m/batch=32", FIRST, "ok", 0.032, None, None],
        ["m/batch=64", THIRD, "failed", None, None, None],
        ["m/batch=8", SECOND, "ok", 0.008, SECOND, 0.008],
    ]


def test_several_metrics_of_the_latest_are_a_row_each(
    results: Path, record: MakeRecord, stored: MakeRun
) -> None:
    stored(FIRST, record(1))
    frame = store.latest_and_anchor(results, ["latency/p50", "memory/peak"], suite="nightly", machine="box")
    assert frame[["case", "metric"]].values.tolist() == [
        ["m/batch=1", "latency/p50"],
        ["m/batch=1", "memory/peak"],
    ]
    assert frame["anchor_run"].isna().all()


def test_durations_are_the_newest_of_cases_that_were_tried(
    results: Path, record: MakeRecord, stored: MakeRun
) -> None:
    skipped = record(8, status=Status.SKIPPED, duration_s=0.0)
    stored(FIRST, record(1, duration_s=1.0), record(8, duration_s=8.0))
    stored(SECOND, record(1, duration_s=2.0), skipped)
    assert store.durations(results, "nightly") == {"m/batch=1": 2.0, "m/batch=8": 8.0}
    assert store.durations(results, "unknown") == {}


def test_an_empty_or_absent_folder_holds_nothing(tmp_path: Path) -> None:
    assert store.runs(tmp_path / "absent") == []
    assert store.records(tmp_path) == []
    assert store.series(tmp_path, "latency/p50") == []
    assert store.latest_and_anchor(tmp_path).empty


def test_queries_print_nothing(
    results: Path, record: MakeRecord, stored: MakeRun, capfd: pytest.CaptureFixture[str]
) -> None:
    stored(FIRST, record(1))
    store.records(results)
    store.latest_and_anchor(results)
    assert capfd.readouterr() == ("", "")
