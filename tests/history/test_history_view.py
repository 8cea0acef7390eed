"""What the history of a metric looks like."""

import csv
import io
import json
import re
from typing import Any

import pytest

from harness import show
from harness.core.decision import Cause, Change, Point, Shift, Trend
from harness.history.view import HistoryDocument
from harness.show.sparkline import BARS, sparkline


def render(result: Any, view: str, **style: Any) -> str:
    return show.render(HistoryDocument(result), view, **style)


HOSTILE = "<b>|\n\x1b[31m=cmd\u202e"


def trend(values: list[float], metric: str = "latency/p50", unit: str = "s", **parts: object) -> Trend:
    points = tuple(
        Point(f"run-{day}", f"2026-01-{day:02d}T02:00:00+00:00", value, runtime="1.0", model="ab")
        for day, value in enumerate(values, 1)
    )
    return Trend("nightly", "box", str(parts.pop("case", "m")), metric, unit, points, **parts)  # type: ignore[arg-type]


UP = Shift(10, 1e-3, 1.1e-3, 0.1, 30.0, Change.REGRESSION, (Cause("runtime", "1.0", "2.0"),))
DOWN = Shift(15, 1.1e-3, 0.9e-3, -0.18, 30.0, Change.IMPROVEMENT)
STEPPED = trend([1e-3] * 10 + [1.1e-3] * 5 + [0.9e-3] * 5, shifts=(UP, DOWN))
FLAT = trend([2e-3] * 20, case="flat")
SHORT = trend([2e-3] * 3, case="short", reason="3 runs; 10 are needed to separate a change from noise")

TABLE = """\
latency/p50, suite nightly, machine box

case   runs  course                  last  latest change
m        20  ▅▅▅▅▅▅▅▅▅▅█████▁▁▁▁▁  900 µs  -18.00% since 2026-01-16
flat     20  ▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅    2 ms  none
short     3  ▅▅▅                     2 ms  –

Changes, newest first
  improvement -18.00% since 2026-01-16: 1.1 ms -> 900 µs, m (run run-16)
  regression +10.00% since 2026-01-11: 1 ms -> 1.1 ms, m (run run-11)
    runtime: 1.0 -> 2.0

Too short: 1
  3 runs; 10 are needed to separate a change from noise (1 series)"""


def test_the_table_shows_course_last_value_and_changes() -> None:
    assert render([STEPPED, FLAT, SHORT], "table") == TABLE


def test_every_metric_and_machine_has_a_table_of_its_own() -> None:
    text = render([FLAT, trend([0.5] * 12, "accuracy/top1", "ratio")], "table")
    assert text.count("case  ") == 2
    assert "accuracy/top1, suite nightly, machine box" in text


@pytest.mark.parametrize(
    ("metric", "unit", "change", "text"),
    [
        ("accuracy/top1", "ratio", -0.02, "regression -2.00 points since 2026-01-02: 98.00% -> 96.00%"),
        ("accuracy/sqnr_db", "dB", -3.25, "regression -3.25 dB since 2026-01-02"),
        ("accuracy/nonfinite", "1", 4.0, "regression +4 since 2026-01-02"),
        ("memory/peak", "B", 0.5, "regression +50.00% since 2026-01-02"),
    ],
)
def test_a_change_is_written_in_the_terms_of_its_unit(
    metric: str, unit: str, change: float, text: str
) -> None:
    shift = Shift(1, 0.98, 0.96, change, 9.0, Change.REGRESSION)
    assert f"  {text}" in render([trend([0.98, 0.96], metric, unit, shifts=(shift,))], "table")


def test_a_change_without_a_better_way_is_just_a_change() -> None:
    shift = Shift(1, 1.0, 2.0, 1.0, 9.0, Change.INCONCLUSIVE)
    assert "  change +1 since" in render(
        [trend([1.0, 2.0], "latency/outliers", "1", shifts=(shift,))], "table"
    )


def test_the_latest_change_colors_its_line() -> None:
    text = render([STEPPED, FLAT], "table", color=True)
    assert re.search(r"\x1b\[32mm ", text)
    assert "\x1b[31m" not in text


def test_a_narrow_terminal_loses_the_count_first_then_the_course() -> None:
    assert "(too narrow for: runs)" in render([STEPPED], "table", width=65)
    assert "(too narrow for: runs, course)" in render([STEPPED], "table", width=50)


def test_markdown_lists_the_changes_with_their_causes() -> None:
    lines = render([STEPPED], "markdown").splitlines()
    assert lines[0] == "## latency/p50, suite nightly, machine box"
    assert lines[-1] == "  - runtime: 1.0 -&gt; 2.0"


def test_json_and_csv_mark_the_first_point_of_each_level() -> None:
    (document,) = json.loads(render([STEPPED], "json"))
    assert [(shift["index"], shift["run"]) for shift in document["shifts"]] == [
        (10, "run-11"),
        (15, "run-16"),
    ]
    assert document["points"][0] == {
        "run": "run-1", "started_at": "2026-01-01T02:00:00+00:00", "value": 1e-3, "low": None, "high": None,
        "runtime": "1.0", "model": "ab",
    }  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(render([STEPPED], "csv"))))
    assert [(number, row["verdict"]) for number, row in enumerate(rows) if row["verdict"]] == [
        (10, "regression"),
        (15, "improvement"),
    ]


def test_no_series_is_nothing_but_an_empty_array() -> None:
    assert [render([], view) for view in ("table", "markdown", "csv", "json")] == ["", "", "", "[]"]


@pytest.mark.parametrize("view", ["table", "markdown", "csv"])
def test_no_view_obeys_a_hostile_name(view: str) -> None:
    shift = Shift(1, 1.0, 2.0, 1.0, 9.0, Change.REGRESSION, (Cause(HOSTILE, HOSTILE, HOSTILE),))
    text = render([trend([1.0, 2.0], case=HOSTILE, shifts=(shift,))], view)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "cmd" in text


def test_a_sparkline_goes_from_the_lowest_to_the_highest_value() -> None:
    assert sparkline([1.0, 2.0, 3.0]) == "▁▅█"
    assert sparkline([3.0, 1.0]) == "█▁"


def test_noise_is_drawn_flat_and_so_is_one_value() -> None:
    assert set(sparkline([1.0, 1.001, 0.999, 1.0])) == {BARS[4]}
    assert sparkline([7.0]) == BARS[4]
    assert sparkline([0.0, 0.0]) == BARS[4] * 2
    assert sparkline([-1.0, -1.0]) == BARS[4] * 2


def test_many_values_are_drawn_by_the_median_of_some() -> None:
    values = [1.0] * 200 + [2.0] * 200
    values[50] = 99.0
    assert sparkline(values) == "▁" * 20 + "█" * 20
    assert len(sparkline([1.0] * 41)) == 40
