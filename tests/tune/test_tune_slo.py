"""Limits and objectives as people write them, and every mistake in one line."""

from __future__ import annotations

import pytest

from harness.core.errors import InputError
from harness.tune.model import Limit, Objective
from harness.tune.slo import parse_limit, parse_limits, parse_objective


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("latency/p95 <= 5 ms", ("latency/p95", True, 0.005)),
        ("memory/peak<=200MB", ("memory/peak", True, 200e6)),
        ("accuracy/top1_delta >= -0.5%", ("accuracy/top1_delta", False, -0.005)),
        ("throughput/samples_per_s ≥ 100 samples/s", ("throughput/samples_per_s", False, 100.0)),
        ("accuracy/sqnr_db > 20 dB", ("accuracy/sqnr_db", False, 20.0)),
        ("throughput/samples_per_s >= 250/s", ("throughput/samples_per_s", False, 250.0)),
    ],
)
def test_a_limit_is_read_in_the_unit_of_its_metric(text: str, limit: tuple[str, bool, float]) -> None:
    found = parse_limit(text)
    assert (found.metric, found.at_most) == limit[:2]
    assert found.value == pytest.approx(limit[2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latency/p96 <= 5 ms", "unknown metric 'latency/p96': did you mean 'latency/p9"),
        ("latency/p95 <= 5 MB", "latency/p95 takes a duration such as '5 ms', got '5 MB'"),
        ("memory/peak <= 5 ms", "memory/peak takes a size such as '200 MB', got '5 ms'"),
        ("accuracy/sqnr_db >= 20 ms", "takes decibels such as '20 dB', got '20 ms'"),
        ("accuracy/top1 >= 101%", "no case can meet it"),
        ("latency/p50 <= 0 ms", "latency/p50 is above 0"),
        ("latency/p50 = 5 ms", "write <= or >="),
        ("latency/p50", "expected METRIC <= VALUE"),
        ("latency/p50 <=", "expected METRIC <= VALUE"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_limit(text: str, message: str) -> None:
    with pytest.raises(InputError) as found:
        parse_limit(text)
    assert message in str(found.value)
    assert str(found.value).startswith(f"--slo {text!r}")
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    "texts",
    [
        ("latency/p95 <= 5 ms", "latency/p95 >= 6 ms"),
        ("latency/p95 <= 5 ms", "latency/p50 >= 6 ms"),
    ],
)
def test_limits_that_no_number_meets_contradict_each_other(texts: tuple[str, str]) -> None:
    with pytest.raises(InputError, match="contradict each other"):
        parse_limits(texts)


def test_a_band_is_no_contradiction() -> None:
    assert len(parse_limits(("latency/p50 <= 5 ms", "latency/p95 >= 6 ms", "latency/p50 >= 1 ms"))) == 3


def test_a_limit_holds_on_its_own_side_and_at_its_value() -> None:
    assert Limit("latency/p50", True, 1.0, "").holds(1.0)
    assert not Limit("latency/p50", True, 1.0, "").holds(1.1)
    assert not Limit("accuracy/top1", False, 0.9, "").holds(0.89)


def test_the_objective_is_p50_unless_named() -> None:
    assert parse_objective(None, None) == Objective("latency/p50", False)
    assert parse_objective(None, "throughput/samples_per_s").maximize


@pytest.mark.parametrize(
    ("minimize", "maximize", "message"),
    [
        ("latency/p50", "throughput/samples_per_s", "name one of them"),
        ("latency/p05", None, "unknown metric"),
        (None, "latency/p50", "lower is better; write --minimize latency/p50"),
        (None, "accuracy/top1", "give accuracy/top1 a limit"),
    ],
)
def test_an_objective_that_makes_no_sense_is_refused(
    minimize: str | None, maximize: str | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        parse_objective(minimize, maximize)
