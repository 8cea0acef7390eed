from dataclasses import replace

import pytest

from harness.compare.confirmed import Untried, carried, is_open, with_confirmation
from harness.core.decision import Change, Decision, DecisionSource, MetricComparison, Unconfirmed

REGRESSION = Decision(verdict=Change.REGRESSION, ratio=1.1, min_effect=0.01, reason="+10%")
SUSPECT = MetricComparison("m", "latency/p50", 1.0, 1.1, REGRESSION, worse=0.1)


def confirmed(item, said, left, carried=None):
    return with_confirmation(item, said, left, {"m": 0.1} if carried is None else carried)


def said(verdict, metric="latency/p50", case="m"):
    return {(case, metric): Decision(verdict=verdict, ratio=1.0, reason="as the blocks say")}


@pytest.mark.parametrize("verdict", [Change.REGRESSION, Change.EQUIVALENT, Change.IMPROVEMENT])
def test_an_ab_decides_where_it_shows_anything(verdict):
    found = confirmed(SUSPECT, said(verdict), {})
    assert found.decision.verdict is verdict
    assert (found.decision.source, found.decision.reason) == (DecisionSource.AB, "as the blocks say")
    assert found.unconfirmed is None
    assert (found.base, found.head) == (1.0, 1.1)


def test_an_ab_that_shows_nothing_leaves_what_the_runs_show():
    found = confirmed(SUSPECT, said(Change.INCONCLUSIVE), {})
    assert found.decision.verdict is Change.REGRESSION
    assert found.decision.source is DecisionSource.STORED
    assert found.unconfirmed is Unconfirmed.UNDECIDED
    assert found.decision.reason == "+10%; an A/B has no verdict: as the blocks say"


def test_a_case_without_an_ab_says_why():
    found = confirmed(SUSPECT, {}, {"m": Untried(Unconfirmed.GONE, "the model file is gone")})
    assert found.unconfirmed is Unconfirmed.GONE
    assert found.decision == replace(REGRESSION, reason="+10%; no A/B: the model file is gone")


def test_calls_that_are_no_slower_take_an_alarm_of_the_same_calls_back():
    throughput = replace(SUSPECT, metric="throughput/samples_per_s")
    found = confirmed(throughput, said(Change.EQUIVALENT), {})
    assert found.decision.verdict is Change.INCONCLUSIVE
    assert found.decision.reason.endswith("an A/B does not measure it, and shows latency/p50 equivalent")


@pytest.mark.parametrize(
    ("metric", "decisions"),
    [
        ("throughput/samples_per_s", said(Change.REGRESSION)),
        ("throughput/samples_per_s", said(Change.EQUIVALENT) | said(Change.REGRESSION, "latency/p95")),
        ("throughput/samples_per_s", said(Change.EQUIVALENT, "memory/peak")),
        ("throughput/samples_per_s", said(Change.EQUIVALENT, case="other")),
        ("startup/session", said(Change.EQUIVALENT)),
        ("memory/session", said(Change.EQUIVALENT)),
    ],
)
def test_what_an_ab_does_not_speak_of_stays_an_alarm(metric, decisions):
    found = confirmed(replace(SUSPECT, metric=metric), decisions, {})
    assert found.decision.verdict is Change.REGRESSION
    assert found.decision.reason == "+10%; an A/B does not measure it"


def test_a_tail_that_grew_alone_is_not_refuted_by_what_an_ab_sees():
    """Calls that stall once in fifty: p50 and p95 know nothing of it."""
    calls = said(Change.EQUIVALENT) | said(Change.EQUIVALENT, "latency/p95")
    for metric in ("latency/p99", "throughput/samples_per_s"):
        item = replace(SUSPECT, metric=metric)
        for moved in ({}, {"m": 0.04}, {"other": 1.0}):
            assert confirmed(item, calls, {}, moved).decision.verdict is Change.REGRESSION
        assert confirmed(item, calls, {}, {"m": 0.05}).decision.verdict is Change.INCONCLUSIVE


def test_what_the_calls_carried_is_the_larger_of_p50_and_p95():
    items = [
        replace(SUSPECT, worse=0.02),
        replace(SUSPECT, metric="latency/p95", worse=0.03),
        replace(SUSPECT, metric="latency/p99", worse=0.5),
        replace(SUSPECT, case="faster", worse=-0.1),
    ]
    assert carried(items) == {"m": 0.03, "faster": 0.0}


def test_only_what_varies_from_process_to_process_is_looked_at_again():
    assert is_open(SUSPECT)
    assert not is_open(replace(SUSPECT, metric="model/size"))
    assert not is_open(replace(SUSPECT, metric="status"))
    assert not is_open(replace(SUSPECT, decision=Decision(verdict=Change.EQUIVALENT)))


@pytest.mark.parametrize(("mde", "carried"), [(0.03, (0.02, 34.0)), (0.015, (None, None))])
def test_what_an_ab_without_a_verdict_would_need_is_kept(mde, carried):
    decisions = said(Change.INCONCLUSIVE)
    decisions = {key: replace(each, mde=mde, asked=0.02, needed_s=34.0) for key, each in decisions.items()}
    found = confirmed(SUSPECT, decisions, {}).decision
    assert (found.asked, found.needed_s) == carried
