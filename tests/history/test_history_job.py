"""Metrics over stored nights: where their level changed, and what changed with it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import store
from harness.asv.demo import CRASH_CASE, MACHINE, NOISE, SUITE, write_history
from harness.core.decision import Cause, Change, Trend
from harness.core.errors import NotFoundError
from harness.history.job import history
from harness.store.header import SEALED, write_header
from harness.store.parquet import write_run

pytestmark = pytest.mark.xdist_group("history")  # one history is made for all

Call = Callable[..., tuple[int, str, str]]

INT8 = "synthetic_cnn/precision=int8_static/intra_threads=1"
ENCODER = "synthetic_encoder/intra_threads=1"


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty nights with known steps; read only."""
    folder = tmp_path_factory.mktemp("nights") / "results"
    write_history(folder)
    return folder


@pytest.fixture
def nights(tmp_path: Path) -> Path:
    """The first thirty of these nights in a folder of the test's own."""
    folder = tmp_path / "results"
    write_history(folder, nights=30)
    return folder


def rewrite(results: Path, change: Callable[[int, Any], Any]) -> None:
    """Change the records of every night: `change` takes the night's number and a record."""
    for number, info in enumerate(store.runs(results)):
        records = [change(number, record) for record in store.records(results, info.run)]
        columns = write_run(info.folder / SEALED, records)
        write_header(info.folder, replace(info.header, columns=columns))


def shifted(trends: list[Trend]) -> dict[tuple[str, str], list[tuple[int, Change]]]:
    """Every series that has shifts, with their nights."""
    return {
        (trend.case, trend.metric): [(shift.index, shift.verdict) for shift in trend.shifts]
        for trend in trends
        if trend.shifts
    }


def test_every_step_is_found_at_its_night_and_nothing_else(made_up: Path) -> None:
    trends = history(made_up, ["latency/p50", "memory/peak", "accuracy/top1", "model/size"])
    assert len(trends) == 4 * 8
    assert shifted(trends) == {
        (INT8, "latency/p50"): [(20, Change.IMPROVEMENT)],
        (f"{INT8}/batch=8", "latency/p50"): [(20, Change.IMPROVEMENT)],
        (ENCODER, "memory/peak"): [(30, Change.REGRESSION)],
        (f"{ENCODER}/batch=8", "memory/peak"): [(30, Change.REGRESSION)],
        (ENCODER, "latency/p50"): [(40, Change.REGRESSION)],
        (f"{ENCODER}/batch=8", "latency/p50"): [(40, Change.REGRESSION)],
        (INT8, "accuracy/top1"): [(50, Change.REGRESSION)],
        (f"{INT8}/batch=8", "accuracy/top1"): [(50, Change.REGRESSION)],
    }


def test_a_shift_has_its_levels_its_run_and_its_cause(made_up: Path) -> None:
    (trend,) = history(made_up, case=ENCODER)
    (shift,) = trend.shifts
    assert trend.points[shift.index].run == "20260210T020000Z-5e1f00"
    assert shift.change == pytest.approx(0.10, abs=4 * NOISE)
    assert shift.after / shift.before == pytest.approx(1.10, abs=4 * NOISE)
    assert shift.causes == (Cause("runtime", "1.31.0", "1.32.0"),)
    assert [trend.points[index].runtime for index in (39, 40)] == ["1.31.0", "1.32.0"]


def test_a_new_model_file_is_named_beside_the_change(nights: Path) -> None:
    def weights(number: int, record: Any) -> Any:
        return replace(record, artifact={**record.artifact, "sha256": ("ab" if number < 20 else "cd") * 32})

    rewrite(nights, weights)
    (trend,) = history(nights, case=INT8)
    assert trend.shifts[0].causes == (Cause("model", "ab" * 6, "cd" * 6),)
    assert trend.points[20].model == "cd" * 32


def test_what_changed_on_another_night_is_not_blamed(nights: Path) -> None:
    def kernel(number: int, record: Any) -> Any:
        return replace(record, environment={**record.environment, "kernel": "6.1" if number < 10 else "6.2"})

    rewrite(nights, kernel)
    (trend,) = history(nights, case=INT8)
    assert trend.shifts[0].causes == ()


def test_a_night_that_crashed_is_not_in_its_series(made_up: Path) -> None:
    (trend,) = history(made_up, case=CRASH_CASE)
    assert len(trend.points) == 59
    assert "20260126T020000Z-5e1f00" not in {point.run for point in trend.points}


def test_the_newest_runs_alone_can_be_asked_for(made_up: Path) -> None:
    (trend,) = history(made_up, case=ENCODER, last=15)
    assert trend.points[0].run == "20260215T020000Z-5e1f00"
    assert (len(trend.points), trend.shifts) == (15, ())


def test_a_short_series_says_that_it_is_too_short(made_up: Path) -> None:
    (trend,) = history(made_up, case=ENCODER, last=9)
    assert (trend.shifts, trend.reason) == ((), "9 runs; 10 are needed to separate a change from noise")


def test_machines_and_suites_are_series_of_their_own(nights: Path) -> None:
    moved = [info for number, info in enumerate(store.runs(nights)) if number % 2]
    for info in moved:
        records = [replace(item, machine="second") for item in store.records(nights, info.run)]
        columns = write_run(info.folder / SEALED, records)
        write_header(info.folder, replace(info.header, machine="second", columns=columns))
    trends = history(nights, case=ENCODER)
    assert [(trend.machine, len(trend.points)) for trend in trends] == [("second", 15), (MACHINE, 15)]
    assert [len(trend.points) for trend in history(nights, case=ENCODER, machine="second")] == [15]


def test_globs_name_cases_and_metrics(made_up: Path) -> None:
    trends = history(made_up, ["latency/p*"], case="*/batch=8")
    assert {trend.metric for trend in trends} == {"latency/p50", "latency/p95"}
    assert {trend.case.rpartition("/")[2] for trend in trends} == {"batch=8"}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"suite": "synthetik"}, "no run of suite 'synthetik': did you mean 'synthetic'"),
        ({"machine": "nowhere"}, f"no run of machine 'nowhere': known: {MACHINE}"),
        ({"metrics": ["latency/50"]}, "no run has the metric 'latency/50': did you mean 'latency/p50'"),
        ({"metrics": ["latency/p50", "latncy/p95"]}, "no run has the metric 'latncy/p95'"),
        ({"metrics": ["latency/p99"]}, "no run has a value of latency/p99$"),
        ({"case": "nothing*"}, r"no run has a value of latency/p50 of a case that matches 'nothing\*'"),
    ],
)
def test_why_there_is_no_series_is_said(made_up: Path, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(NotFoundError, match=message):
        history(made_up, **asked)


def test_an_empty_folder_says_how_to_get_runs(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no runs yet; measure one with 'harness run SUITE'"):
        history(tmp_path)


@pytest.fixture
def ask(harness: Call, made_up: Path) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Run `harness history` on the nights."""
    yield lambda *arguments: harness("history", *arguments, "--results", made_up)


def test_the_table_shows_course_level_and_changes(ask: Call) -> None:
    code, out, err = ask("--case", "synthetic_encoder/intra*")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0] == f"latency/p50, suite {SUITE}, machine {MACHINE}"
    row = next(line.split() for line in lines if line.startswith(f"{ENCODER} "))
    assert row[1] == "60"
    assert (len(row[2]), row[2][0], row[2][-1]) == (40, "▁", "█")
    assert row[-3].startswith("+10.")
    assert row[-2:] == ["since", "2026-02-10"]
    change = lines[lines.index("Changes, newest first") + 1]
    assert change.startswith("  regression +10.")
    assert change.endswith("(run 20260210T020000Z-5e1f00)")
    assert "    runtime: 1.31.0 -> 1.32.0" in lines


def test_accuracy_changes_by_points(ask: Call) -> None:
    _, out, _ = ask("--case", INT8, "--metric", "accuracy/top1")
    assert "regression -2.34 points since 2026-02-20: 98.44% -> 96.09%" in out


def test_only_what_changed_is_shown_where_asked_for(ask: Call) -> None:
    _, out, _ = ask("--changed", "--format", "json")
    assert {trend["case"].partition("/")[0] for trend in json.loads(out)} == {
        "synthetic_cnn",
        "synthetic_encoder",
    }
    assert all(trend["shifts"] for trend in json.loads(out))
    code, out, err = ask("--changed", "--metric", "model/size")
    assert (code, out, err) == (0, "", "nothing changed in 8 series\n")


def test_json_has_every_point_and_every_shift(ask: Call) -> None:
    (trend,) = json.loads(ask("--case", ENCODER, "--format", "json")[1])
    assert (trend["suite"], trend["machine"], trend["unit"]) == (SUITE, MACHINE, "s")
    assert len(trend["points"]) == 60
    (shift,) = trend["shifts"]
    assert (shift["index"], shift["run"]) == (40, trend["points"][40]["run"])
    assert shift["verdict"] == "regression"


def test_csv_has_a_line_a_point_and_marks_the_shift(ask: Call) -> None:
    rows = list(csv.DictReader(io.StringIO(ask("--case", ENCODER, "--format", "csv")[1])))
    assert len(rows) == 60
    assert [index for index, row in enumerate(rows) if row["change"]] == [40]
    assert (rows[40]["verdict"], rows[40]["causes"]) == ("regression", "runtime: 1.31.0 -> 1.32.0")


def test_markdown_has_a_table_and_the_changes(ask: Call) -> None:
    _, out, _ = ask("--case", ENCODER, "--format", "markdown")
    assert out.startswith(f"## latency/p50, suite {SUITE}, machine {MACHINE}\n")
    assert out.count("\n| synthetic_encoder") == 1
    assert "\n### Changes, newest first\n\n- regression +10." in out
