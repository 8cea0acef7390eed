"""Curves over threads and batches, with exact numbers."""

from __future__ import annotations

from typing import Any

import pytest

from harness import judge
from harness.core.record import Record
from harness.judge.scaling import amdahl, growth, turn
from harness.show.overview import RunDocument
from harness.show.scaling import scaling_sections
from tests.make import make_metric, make_record


def timed(p50: float, low: float | None = None, high: float | None = None, **axes: Any) -> Record:
    return make_record({"latency/p50": make_metric("latency/p50", p50, low=low, high=high)}, **axes)


def over_threads(*seconds: float) -> list[Record]:
    return [timed(took, intra_threads=2**at) for at, took in enumerate(seconds)]


def test_a_time_that_follows_amdahls_law_gives_its_serial_share_exactly() -> None:
    assert amdahl([1, 2, 4, 8], [0.2 + 0.8 / n for n in (1, 2, 4, 8)]) == pytest.approx((0.2, 0.2, 0.2))
    assert amdahl([1, 2, 4], [1.0, 1.0, 1.0]) == pytest.approx((1.0, 1.0, 1.0))
    assert amdahl([2, 4, 8], [3 * (0.1 + 0.9 / n) for n in (2, 4, 8)]) == pytest.approx((0.1, 0.1, 0.1))


def test_the_interval_of_a_serial_share_covers_the_spread_about_the_fit() -> None:
    # by hand: a = 0.205, b = 0.79714, standard error of a / (a + b) 0.010564, t of one degree 12.706
    share, low, high = amdahl([1, 2, 4], [1.0, 0.61, 0.4])
    assert (share, low, high) == pytest.approx((0.20456, 0.07033, 0.33879), abs=2e-5)
    assert amdahl([1, 2, 4], [1.0, 0.2, 0.9])[1:] == (0.0, 1.0)


def test_a_thread_curve_sets_speed_up_against_its_bound() -> None:
    (curve,) = judge.report("t", over_threads(1.0, 0.6, 0.4, 0.5)).scaling.threads
    assert [point.threads for point in curve.points] == [1, 2, 4, 8]
    assert [point.speedup for point in curve.points] == pytest.approx([1.0, 1 / 0.6, 2.5, 2.0])
    assert [point.efficiency for point in curve.points] == pytest.approx([1.0, 1 / 1.2, 0.625, 0.25])
    assert (curve.best_threads, curve.loses_after, curve.where) == (4, 4, {})


def test_threads_lose_only_beyond_both_intervals() -> None:
    records = [timed(1.0, 0.9, 1.1, intra_threads=1), timed(0.5, 0.4, 0.6, intra_threads=2),
               timed(0.55, 0.5, 0.65, intra_threads=4)]  # fmt: skip
    (curve,) = judge.report("t", records).scaling.threads
    assert (curve.best_threads, curve.loses_after) == (2, None)


def test_processor_time_of_a_call_is_that_of_the_first_process_over_its_calls() -> None:
    kept = {"effective": {"timing": {"cpu_ns": 6_000_000}}, "samples": {"latency_ns": [[1, 2, 3], [4]]}}
    records = [*over_threads(1.0, 0.5), timed(0.4, intra_threads=3, **kept)]
    (curve,) = judge.report("t", records).scaling.threads
    assert [point.cpu_s for point in curve.points] == [None, None, pytest.approx(0.002)]


def test_a_batch_curve_names_the_best_and_the_smallest_that_is_near_it() -> None:
    times = {1: 1.0, 2: 1.0, 4: 1.1, 8: 1.9, 16: 3.7, 32: 7.6}
    records = [timed(took, batch=batch) for batch, took in times.items()]
    (curve,) = judge.report("t", records).scaling.batches
    assert [point.samples_per_s for point in curve.points][:3] == pytest.approx([1.0, 2.0, 4 / 1.1])
    assert (curve.best_batch, curve.enough_batch, curve.turns_at) == (16, 8, 4)


def test_time_turns_where_it_begins_to_grow_with_the_batch() -> None:
    assert growth([1, 2, 8], [1.0, 2.0, 8.0]) == pytest.approx([1.0, 1.0])
    assert turn([1, 2, 4, 8], [0.1, 0.6, 0.9]) == 2
    assert turn([1, 2, 4], [0.8, 0.9]) == 1
    assert turn([1, 2, 4], [0.9, 0.1]) is None


def test_time_that_grows_and_then_does_not_tells_nothing_of_what_binds_it() -> None:
    def told(*times: float) -> tuple[bool, int | None, str]:
        found = judge.report("t", [timed(took, batch=2**at) for at, took in enumerate(times)]).scaling
        (section,) = scaling_sections(found)
        return found.batches[0].erratic, found.batches[0].turns_at, section.entries[0].lines[-1].split(":")[0]

    assert told(1.55, 4.14, 3.98) == (True, None, "time grows with the batch and then does not")
    assert told(1.0, 2.0, 2.1, 4.2)[:2] == (True, None)
    assert told(1.0, 1.05, 1.1) == (False, None, "time does not grow with the batch yet")
    assert told(1.0, 1.1, 2.2) == (False, 2, "from 2 on, time grows with the batch")


def test_a_batch_that_mixes_samples_has_no_curve() -> None:
    records = [
        make_record({"latency/p50": 1.0, "throughput/calls_per_s": 1.0}, batch=batch) for batch in (1, 2, 4)
    ]
    assert judge.report("t", records).scaling.batches == ()


def test_two_values_an_unmeasured_case_or_another_axis_make_no_curve() -> None:
    assert judge.report("t", over_threads(1.0, 0.6)).scaling.threads == ()
    failed = [*over_threads(1.0, 0.6), make_record(status="failed", intra_threads=4)]
    assert judge.report("t", failed).scaling.threads == ()
    mixed = [*over_threads(1.0, 0.6), timed(0.4, intra_threads=4, precision="int8_dynamic")]
    assert judge.report("t", mixed).scaling.threads == ()
    cores = [*over_threads(1.0, 0.6), timed(0.4, intra_threads=0)]
    assert judge.report("t", cores).scaling.threads == ()


def test_a_page_words_the_curves_and_json_has_them_at_their_cases() -> None:
    records = [*over_threads(1.0, 0.6, 0.4), make_record({"latency/p50": 1.0}, model="other")]
    report = judge.report("t", records)
    (section,) = scaling_sections(report.scaling)
    (entry,) = section.entries
    assert (section.title, entry.text) == ("Scaling over threads", "net: fastest with 4")
    assert entry.lines[1] == "2: 600 ms, 1.67× of at most 2×, efficiency 83%"
    assert entry.lines[-1].startswith("serial share 20% by Amdahl's law (95%: ")
    first, _, _, other = RunDocument(report).data()
    assert [point["threads"] for point in first["scaling"]["threads"]["points"]] == [1, 2, 4]
    assert "scaling" not in other
    batches = judge.report("t", [timed(took, batch=2**at) for at, took in enumerate((1.0, 1.8, 3.5))])
    (entry,) = next(scaling_sections(batches.scaling)).entries
    assert (entry.text, entry.lines[-1]) == (
        "net: most samples a second (batch over p50) with 4; 2 is within 5% of it",
        "from 1 on, time grows with the batch: bound by computing",
    )
