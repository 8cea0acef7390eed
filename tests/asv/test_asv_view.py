"""Records as asv's benchmarks."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_case, make_record

from harness.asv.benchmarks import (
    DIMENSIONS,
    TURNS,
    Benchmark,
    Cell,
    benchmarks,
    clean,
    lines,
    place,
    quote,
)
from harness.asv.files import describe_machine, document, grid, join, merge, statistics
from harness.asv.site import VENDORED, render_runs, self_contained
from harness.core.case import AXES, Artifact, Case, Load, Model, Named, Session, Source
from harness.core.metrics import METRICS
from harness.core.record import Record, Status

NET = Model("net", Source("fake", ()))


def only(records: list[Record]) -> Benchmark:
    (found,) = benchmarks(records)
    return found


def test_there_are_four_dimensions_and_their_order_is_frozen() -> None:
    assert DIMENSIONS == ("artifact", "session", "threads", "batch")


def test_a_case_at_its_defaults_lies_at_the_defaults() -> None:
    assert place("net") == ("'default'", "'default'", "'auto'", "1")


def test_every_axis_has_its_place() -> None:
    session = Session(
        "onnxruntime==1.22.1", Named("openvino", "openvino"), "basic", "parallel", 2, 3, Named("c", "config")
    )
    case = Case(
        Artifact(
            NET,
            "torchscript",
            17,
            Named("int8", "int8_static"),
            "ort",
            Named("old", "skl2onnx==1.17.0"),
            Named("onnxsim", "onnxsim"),
            "onnxruntime==1.20.1",
        ),
        session,
        Load(8, Named("long", "shapes"), "run"),
    )
    assert len(case.key.split("/")) - 1 == len(AXES)
    assert place(case.key) == (
        "'exporter=torchscript opset=17 precision=int8 format=ort converter=old "
        "optimizer=onnxsim quantizer=onnxruntime==1.20.1'",
        "'provider=openvino graph_opt=basic execution_mode=parallel inter_threads=3 config=c'",
        "2",
        "'8 shapes=long io=run'",
    )


def test_an_axis_of_the_future_goes_to_the_session() -> None:
    assert place("net/batch=8/scenario=server") == ("'default'", "'scenario=server'", "'auto'", "8")


def test_the_runtime_is_a_line_of_its_own_and_no_place() -> None:
    assert place("net/runtime=onnxruntime==1.22.1") == place("net")


def test_a_latency_stays_what_it_is() -> None:
    found = only([make_record({"latency/p50": 0.0015})])
    assert (found.name, found.unit) == ("s.net.latency_p50", "seconds")
    assert found.cells[place("net")].value == 0.0015


def test_accuracy_is_told_as_error() -> None:
    found = only([make_record({"accuracy/top1": 0.75})])
    assert (found.name, found.unit) == ("s.net.accuracy_top1_error", "error")
    assert found.cells[place("net")].value == 0.25


def test_throughput_is_told_as_seconds_a_sample() -> None:
    found = only([make_record({"throughput/samples_per_s": 400.0})])
    assert (found.name, found.unit) == ("s.net.throughput_seconds_per_sample", "seconds")
    assert found.cells[place("net")].value == 0.0025


def test_memory_is_told_in_bytes() -> None:
    found = only([make_record({"memory/peak": 1e6})])
    assert (found.name, found.unit, found.cells[place("net")].value) == ("s.net.memory_peak", "bytes", 1e6)


def test_decibels_are_told_as_the_noise_left() -> None:
    assert only([make_record({"accuracy/sqnr_db": 40.0})]).cells[place("net")].value == pytest.approx(0.01)


@pytest.mark.parametrize("name", [name for name, row in METRICS.items() if row.dashboard])
def test_less_is_better_for_every_metric(name: str) -> None:
    kind = METRICS[name].unit, METRICS[name].better
    if kind not in TURNS:
        assert kind[1] == "none"
        return
    worse, better = (0.5, 0.25) if kind[1] == "lower" else (0.25, 0.5)
    assert TURNS[kind].value(better) < TURNS[kind].value(worse)


def test_p50_has_its_interval_and_a_sample_a_process() -> None:
    record = make_record({"latency/p50": 2e-6})
    p50 = replace(record.metrics["latency/p50"], low=1e-6, high=3e-6)
    calls = {"latency_ns": [[1000, 2000, 9000], [2000, 4000]]}
    cell = only([replace(record, metrics={"latency/p50": p50}, samples=calls)]).cells[place("net")]
    assert (cell.low, cell.high) == (1e-6, 3e-6)
    assert cell.samples == pytest.approx((2e-6, 3e-6))
    assert statistics(cell) == {
        "ci_99_a": 1e-6, "ci_99_b": 3e-6, "q_25": 1e-6, "q_75": 3e-6, "number": 1, "repeat": 2
    }  # fmt: skip


def test_p95_has_neither() -> None:
    record = make_record({"latency/p95": 2e-6})
    p95 = replace(record.metrics["latency/p95"], low=1e-6, high=3e-6)
    cell = only([replace(record, metrics={"latency/p95": p95}, samples={"latency_ns": [[1]]})]).cells[
        place("net")
    ]
    assert cell == Cell(2e-6)
    assert statistics(cell) is None


@pytest.mark.parametrize("status", [Status.FAILED, Status.CRASHED, Status.TIMEOUT])
def test_a_failure_is_null_even_where_something_was_measured_before_it(status: Status) -> None:
    assert only([make_record({"latency/p50": 1.0}, status=status)]).cells == {place("net"): Cell(None)}


@pytest.mark.parametrize("status", [Status.SKIPPED, Status.UNSUPPORTED])
def test_what_was_not_to_be_had_is_nan(status: Status) -> None:
    other = make_case(opset=17)
    found = only([make_record({"latency/p50": 1.0}), make_record(case=other, status=status)])
    value = found.cells[place(other.key)].value
    assert value is not None and math.isnan(value)


def test_a_metric_without_a_value_is_nan() -> None:
    other = make_case(opset=17)
    found = only([make_record({"latency/p95": 1.0}), make_record({"latency/p95": None}, case=other)])
    value = found.cells[place(other.key)].value
    assert value is not None and math.isnan(value)


def test_a_metric_that_no_case_has_is_no_benchmark() -> None:
    assert benchmarks([make_record({"latency/p95": None})]) == ()


def test_a_failure_shows_under_every_metric_that_its_model_had_before() -> None:
    known = [
        only([make_record({"memory/peak": 1.0})]),
        only([make_record({"accuracy/top1": 1.0}, case=make_case("other"))]),
    ]
    found = benchmarks([make_record(status=Status.CRASHED)], {item.name: document(item) for item in known})
    assert [item.name for item in found] == ["s.net.latency_p50", "s.net.memory_peak"]


@given(st.text(min_size=1), st.text(min_size=1))
def test_names_are_fit_for_paths_and_markup(suite: str, model: str) -> None:
    assert not set(Benchmark(suite, model, "latency/p50", "seconds").name) & set("<>:\"/\\|?*(-&'%#,= ")


@given(st.text(), st.text())
def test_two_values_never_become_one(one: str, other: str) -> None:
    assert (quote(one) == quote(other)) == (one == other)


@given(st.text())
def test_a_value_is_text_wherever_it_is_shown(value: str) -> None:
    assert not set(quote(value)) & set("<>&\"'`\\/")


def test_a_grid_is_a_product_with_nan_where_there_is_no_cell() -> None:
    places = [place("net/batch=32"), place("net/batch=8/opset=17"), place("net/batch=8")]
    values, row = grid({spot: Cell(float(index)) for index, spot in enumerate(places)})
    assert values == [["'default'", "'opset=17'"], ["'default'"], ["'auto'"], ["8", "32"]]
    assert [cell.value for cell in row][:3] == [2.0, 0.0, 1.0]
    assert math.isnan(row[3].value or 0)


def test_joining_descriptions_loses_no_value() -> None:
    wide, narrow = (
        only([make_record({"latency/p50": 1.0}, case=make_case(batch=8)), make_record({"latency/p50": 1.0})]),
        only([make_record({"latency/p50": 1.0}, case=make_case(batch=2))]),
    )
    assert join(document(wide), document(narrow))["params"][3] == ["1", "2", "8"]


def test_laying_over_keeps_what_has_no_successor() -> None:
    spot, other, third = place("a"), place("a/batch=2"), place("a/batch=4")
    under = {spot: Cell(1.0), other: Cell(2.0)}
    over = {spot: Cell(math.nan), other: Cell(None), third: Cell(3.0)}
    assert merge(under, over) == {spot: Cell(1.0), other: Cell(None), third: Cell(3.0)}


def test_the_version_of_a_benchmark_never_changes() -> None:
    assert document(only([make_record({"latency/p50": 1.0})]))["version"] == "1"


def test_a_tooltip_is_text() -> None:
    hostile = Case(Artifact(Model("<img src=x>", Source("fake", ()))), Session(), Load())
    assert "<" not in document(only([make_record({"latency/p50": 1.0}, case=hostile)]))["code"]


def versioned(runtime: str, version: str, machine: str = "m") -> Record:
    case = make_case(runtime=runtime)
    effective = {"runtime": {"distribution": "onnxruntime", "version": version}} if version else {}
    return replace(make_record(case=case), effective=effective, machine=machine)


def test_a_line_is_a_machine_and_the_runtime_asked_for() -> None:
    records = [
        versioned("current", "1.32.0"),
        versioned("onnxruntime==1.31.0", "1.31.0"),
        versioned("current", "1.32.0", "n"),
    ]
    assert list(lines(records, found=False)) == [
        ("m", "current"),
        ("m", "onnxruntime==1.31.0"),
        ("n", "current"),
    ]


def test_by_what_was_found_a_failure_goes_with_its_run() -> None:
    records = [versioned("current", ""), versioned("current", "1.32.0")]
    assert lines(records, found=True) == {("m", "onnxruntime==1.32.0"): records}


def test_a_machine_cannot_leave_its_folder() -> None:
    (line,) = lines([versioned("../../x", "", machine="..")], found=False)
    assert line == ("_.", "x")


def test_a_machine_is_described_as_text() -> None:
    environment = {"cpu": {"model": "<b>", "logical": 2}, "memory_total_bytes": 8_000_000_000}
    described = describe_machine("m", environment)
    assert described == {
        "machine": "m",
        "os": "",
        "arch": "",
        "cpu": "&lt;b&gt;",
        "num_cpu": "2",
        "ram": "8 GB",
    }


def test_pages_load_their_libraries_from_beside_them() -> None:
    url = "https://code.jquery.com/jquery-3.3.1.min.js"
    page, needed = self_contained(
        f'<script src="{url}" integrity="sha256-x" crossorigin="anonymous" onerror="f()"></script>'
    )
    assert page == '<script src="vendor/jquery.min.js" onerror="f()"></script>'
    assert needed == ["vendor/jquery.min.js"]


def test_a_library_that_is_not_known_is_left_alone() -> None:
    page = '<script src="https://example.org/x.js" integrity="sha256-x"></script>'
    assert self_contained(page) == (page, [])


def test_every_copy_is_there() -> None:
    from pathlib import Path

    import harness

    vendor = Path(harness.__file__).parent / "asv" / "vendor"
    assert {path.name for path in vendor.iterdir()} == {*VENDORED.values(), "README.md"}


def test_a_run_is_found_by_its_commit_and_is_text() -> None:
    page = render_runs("<p>", [{"Commit": "0123456789abcdef", "Run": "r", "Runtime": "<script>"}])
    assert '<tr id="01234567"><td id="0123456789abcdef">' in page
    assert "<script>" not in page and "Runs of &lt;p&gt;" in page


def test_a_run_that_has_a_report_leads_to_it() -> None:
    rows = [{"Commit": "0123456789abcdef", "Run": "r"}, {"Commit": "abcdef0123456789", "Run": "s"}]
    page = render_runs("p", rows, {"s": 'reports/s.html"'})
    assert '<td><a href="reports/s.html&quot;">s</a></td>' in page
    assert "<td>r</td>" in page


def test_clean_keeps_letters_of_every_language() -> None:
    assert clean("résnet-50 v1.5") == "résnet_50_v1_5"
