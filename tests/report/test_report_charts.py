"""What is on each chart: exact numbers, from made-up records."""

from __future__ import annotations

from dataclasses import replace

import pytest
from make import make_metric, make_record

from harness import judge
from harness.core.record import Absence, Record
from harness.judge.metrics import missing
from harness.report.cases import Cases, brief, pareto, standing
from harness.report.charts import charts
from harness.report.compose import MAX_SCALED, Gathered, compose
from harness.report.ink import Hues
from harness.report.model import (
    MAX_ROWS,
    Bars,
    Chart,
    Curves,
    Dots,
    Reading,
    RoofPlot,
    RunReport,
    Scatter,
    Strips,
)
from harness.report.palette import LIGHT
from harness.report.strips import STRETCHES, stretches
from harness.show.cells import Number

pytestmark = pytest.mark.xdist_group("report")  # one report is made for all


def timed(p50: float, samples: list[list[int]] | None = None, **axes: object) -> Record:
    record = make_record({"throughput/samples_per_s": 1 / p50, "memory/peak": 5e7}, **axes)  # type: ignore[arg-type]
    metric = make_metric(
        "latency/p50", p50, low=round(p50 * 0.9, 9), high=round(p50 * 1.1, 9), interval="within process"
    )
    calls = [[round(p50 * 1e9)] * 50] if samples is None else samples
    return replace(record, metrics={"latency/p50": metric, **record.metrics}, samples={"latency_ns": calls})


def made(*records: Record) -> dict[str, Chart]:
    rows = judge.report("r", records).rows
    found = charts(Cases.of("net", [row for row in rows if row.rank]))
    return {chart.name.removeprefix("net-"): chart for chart in found}


def test_latency_is_drawn_best_first_with_intervals_and_the_baseline_named() -> None:
    chart = made(timed(0.004, precision="fp32"), timed(0.001, precision="int8"))["latency"]
    assert isinstance(chart.drawing, Dots)
    assert [(row.label, row.group, row.tag) for row in chart.drawing.rows] == [
        ("int8", "int8", ""),
        ("fp32", "fp32", "baseline"),
    ]
    assert chart.drawing.rows[0].readings == (Reading(0.001, 0.0009, 0.0011),)
    assert [line.texts for line in chart.lines] == [
        ("int8", "1 ms", "900 µs", "1.1 ms"),
        ("fp32", "4 ms", "3.6 ms", "4.4 ms"),
    ]


def test_where_batches_differ_the_time_of_a_sample_is_drawn_beside_that_of_a_call() -> None:
    chart = made(timed(0.001, batch=1), timed(0.004, batch=8))["latency"]
    assert isinstance(chart.drawing, Dots)
    assert [scale.title for scale in chart.drawing.scales] == ["p50 of a call", "p50 a sample"]
    first = chart.drawing.rows[0]
    assert (first.label, first.readings[1]) == ("batch 8", Reading(0.0005, 0.00045, 0.00055))


def test_a_curve_goes_over_threads_and_leaves_out_all_cores() -> None:
    records = [timed(t, intra_threads=n) for n, t in ((0, 0.001), (1, 0.004), (2, 0.002))]
    (curve,) = made(*records)["threads"].drawing.curves  # type: ignore[union-attr]
    assert [(x, item.value) for x, item in curve.points] == [(1.0, 0.004), (2.0, 0.002)]


def test_the_front_is_what_no_other_case_is_shown_to_beat() -> None:
    found = {
        "fast": (Reading(1.0, 0.9, 1.1), Reading(9.0)),
        "small": (Reading(3.0, 2.8, 3.2), Reading(1.0)),
        "worse": (Reading(3.0, 2.8, 3.2), Reading(9.5)),
        "near": (Reading(1.1, 1.0, 1.2), Reading(9.0)),
        "unknown": (Reading(0.5), None),
        "twin": (Reading(1.0, 0.9, 1.1), Reading(9.0)),
    }
    assert pareto(found, ("lower", "lower")) == {"fast", "small", "near", "twin"}
    rising = {"a": (Reading(1.0), Reading(2.0)), "b": (Reading(2.0), Reading(3.0))}
    assert pareto(rising, ("lower", "higher")) == {"a", "b"}
    assert pareto(rising, ("lower", "lower")) == {"a"}


def test_no_number_beats_outputs_that_are_identical_to_the_reference() -> None:
    name = "accuracy/sqnr_db"
    same = replace(make_record(), metrics={name: missing(name, "same", absence=Absence.IDENTICAL)})
    near = make_record({name: 40.0})
    found = {
        case: (Reading(seconds), standing(record, name))
        for case, seconds, record in (("same", 2.0, same), ("near", 1.0, near), ("slow", 3.0, near))
    }
    assert pareto(found, ("lower", "higher")) == {"same", "near"}


def test_a_models_curves_are_told_in_words_as_many_as_there_is_room_for() -> None:
    records = [
        timed(0.004 / n**0.5, model=name, intra_threads=n, config=f"c{c}")
        for name, configs in (("net", MAX_SCALED + 2), ("other", 1))
        for c in range(configs)
        for n in (1, 2, 4)
    ]
    many, one = compose(
        Gathered(
            run="r", suite="s", suite_path="", started_at="", finished_at="", commit="",
            dirty=False, harness="", command=(), machine="m", environment={},
            report=judge.report("s", records),
        )
    ).models  # fmt: skip
    (section,) = many.sections
    assert (section.title, len(section.entries)) == ("Scaling over threads", MAX_SCALED + 1)
    assert section.entries[-1].text.startswith("and 2 curves more")
    assert [entry.text.partition(":")[0] for entry in one.sections[0].entries] == ["other/config=c0"]


def test_a_strip_is_quantiles_over_the_median_and_knows_where_a_process_begins() -> None:
    found = stretches([[100, 100, 100, 200], [100, 100]])
    assert found is not None
    assert (found.calls, found.processes, found.median_s, found.known) == (6, 2, 1e-7, False)
    assert (found.starts, len(found.stretches)) == ((4,), 6)
    assert found.stretches[3] == (1.0, 1.0, 1.0)
    many = stretches([[100] * 1000])
    assert many is not None and len(many.stretches) == STRETCHES
    assert stretches([]) is stretches([[]]) is stretches([[0, 0]]) is None


def test_a_chart_draws_the_best_and_the_baseline_and_its_table_has_all() -> None:
    records = [timed(0.001 + n / 1e5, batch=1, config=f"c{n:02}") for n in range(MAX_ROWS + 10)]
    chart = made(*reversed(records))["latency"]  # the first, the slowest, is the baseline
    assert isinstance(chart.drawing, Dots)
    assert (len(chart.drawing.rows), len(chart.lines)) == (MAX_ROWS, MAX_ROWS + 10)
    assert chart.drawing.rows[-1].tag == "baseline"
    assert f"the {MAX_ROWS} best of {MAX_ROWS + 10} cases are drawn" in chart.shows


def test_one_case_has_its_calls_and_no_comparison() -> None:
    assert list(made(timed(0.001))) == ["calls"]
    assert made(timed(0.001, samples=[]), timed(0.002, samples=[], batch=2)).keys() == {
        "latency",
        "batch",
        "startup",
    }


def test_a_key_in_words() -> None:
    assert brief("net/precision=fp32/intra_threads=0/batch=8") == "net · fp32 · all cores · batch 8"


def test_a_report_has_every_part(report: RunReport) -> None:
    assert [part.title for part in report.parts] == [
        "Compared with run 20261111T020000Z-000000",
        "digits_cnn",
        "squeezenet",
        "History",
    ]
    kinds = {type(chart.drawing) for chart in report.charts}
    assert kinds == {Dots, Scatter, Curves, Strips, Bars, RoofPlot}
    assert [chart.name for chart in report.models[0].charts] == [
        f"digits_cnn-{name}"
        for name in ("latency", "throughput", "threads", "batch", "front", "calls", "startup")
    ]
    for chart in report.charts:
        assert chart.shows.endswith(".") and chart.omits.endswith(".") and chart.lines


def test_the_forest_is_worst_first_and_says_the_verdict_in_words(report: RunReport) -> None:
    assert report.against is not None
    (chart,) = report.against.charts
    assert isinstance(chart.drawing, Dots)
    assert chart.drawing.scales[0].reference == 0.0
    assert {row.tag for row in chart.drawing.rows} <= {
        "regression",
        "inconclusive",
        "equivalent",
        "improvement",
    }


def test_the_forest_draws_the_ratio_of_the_numbers_beside_it(report: RunReport) -> None:
    assert report.against is not None
    (chart,) = report.against.charts
    heads = [column.title for column in chart.columns]
    assert isinstance(chart.drawing, Dots)
    for row, line in zip(chart.drawing.rows, chart.lines, strict=True):
        base, head = (line.cells[heads.index(name)] for name in ("base", "head"))
        assert isinstance(base, Number) and isinstance(head, Number) and row.readings[0] is not None
        assert row.readings[0].value == pytest.approx(head.value / base.value - 1)


def test_history_marks_the_night_at_which_the_level_changed(report: RunReport) -> None:
    assert report.history is not None
    drawing = report.history.charts[0].drawing
    assert isinstance(drawing, Curves)
    steps = {(step.index, step.text[:2]) for curve in drawing.curves for step in curve.steps}
    assert steps == {(7, "+1")}


@pytest.mark.parametrize("words", ["Failed: 1 case", "Unsupported: 1 case", "Skipped: 1 case", "Notes"])
def test_what_did_not_work_has_its_reason(report: RunReport, words: str) -> None:
    assert words in [section.title for section in report.troubles]


def test_a_group_has_one_color_in_all_drawings_of_a_model() -> None:
    few, all_three = ("a", "c"), ("a", "b", "c")
    hues = Hues(few, LIGHT, all_three)
    whole = Hues(all_three, LIGHT)
    assert [(hues.color(name), hues.mark(name)) for name in few] == [
        (whole.color(name), whole.mark(name)) for name in few
    ]
    assert hues.named == list(few)
    drawn = made(*(timed(0.001 * n, precision=name, batch=1) for n, name in enumerate(all_three, 1)))
    assert isinstance(drawn["latency"].drawing, Dots)
    assert drawn["latency"].drawing.groups == all_three
