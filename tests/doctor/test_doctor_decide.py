"""What readings and a self-test say of a machine."""

from __future__ import annotations

from typing import Any

import pytest

from harness.ab.model import ABSettings
from harness.core.decision import Change, Decision
from harness.doctor.decide import findings, reach, spread
from harness.doctor.model import Diagnosis, Finding, Level, Process, SelfTest, SystemProbe
from harness.stats.sequential import FirstLook, visible_shift

QUIET: dict[str, Any] = {
    "machine": {
        "machine": "m",
        "cpu": {"governor": "performance", "turbo": False, "smt": False},
        "cpu_quota": None,
    },
    "cores": (1,),
    "parent": (0,),
    "pinned": (1,),
    "clock": {"name": "perf_counter_ns", "overhead_ns": 40, "resolution_ns": 30},
    "span_s": 1.0,
    "load": (0.1, 0.1, 0.1),
    "busy": {0: 0.01, 1: 0.0},
    "steal_ratio": 0.0,
    "throttled_periods": 0,
}
SEEN = Decision(verdict=Change.REGRESSION, ratio=1.02, reason="+2.00%, shown to exceed 1.00% (p = 0.0039)")
SAME = Decision(verdict=Change.EQUIVALENT, ratio=1.0, reason="+0.01%, shown to be within ±1.00% (p = 0.004)")


def readings(**changes: Any) -> SystemProbe:
    return SystemProbe(**{**QUIET, **changes})


def cpu(**changes: Any) -> dict[str, Any]:
    machine = QUIET["machine"]
    return {**machine, "cpu": {**machine["cpu"], **changes}}


def self_test(**changes: Any) -> SelfTest:
    usual: dict[str, Any] = {
        "injected": 0.02,
        "slowdown": SEEN,
        "control": SAME,
        "fired": False,
        "spread": 0.003,
        "block_s": 0.8,
        "reach": (),
        "seconds": 20.0,
    }
    return SelfTest(**{**usual, **changes})


def finding(subject: str, found: tuple[Finding, ...]) -> Finding:
    (only,) = [each for each in found if each.subject == subject]
    return only


def test_a_quiet_machine_is_fine_in_every_respect_and_has_nothing_to_do() -> None:
    found = findings(readings(), self_test())
    assert {each.level for each in found} == {Level.FINE}
    assert [each.subject for each in found] == [
        "pinning",
        "governor",
        "turbo",
        "SMT",
        "CPU quota",
        "other processes",
        "load",
        "steal",
        "clock",
        "telemetry",
        "A/A",
        "slowdown",
    ]
    assert not any(each.todo for each in found)


@pytest.mark.parametrize(
    ("subject", "level", "changes"),
    [
        ("pinning", Level.BAD, {"pinned": None}),
        ("pinning", Level.BAD, {"pinned": (0, 1)}),
        ("cores", Level.WARNING, {"parent": (1,)}),
        ("governor", Level.WARNING, {"machine": cpu(governor="powersave")}),
        ("governor", Level.UNKNOWN, {"machine": cpu(governor=None)}),
        ("turbo", Level.WARNING, {"machine": cpu(turbo=True)}),
        ("turbo", Level.UNKNOWN, {"machine": cpu(turbo=None)}),
        ("SMT", Level.WARNING, {"machine": cpu(smt=True)}),
        ("SMT", Level.UNKNOWN, {"machine": cpu(smt=None)}),
        ("CPU quota", Level.WARNING, {"machine": {**QUIET["machine"], "cpu_quota": 1.5}}),
        ("CPU quota", Level.FINE, {"machine": {**QUIET["machine"], "cpu_quota": 2.0}}),
        ("CPU quota", Level.BAD, {"throttled_periods": 3}),
        ("other processes", Level.WARNING, {"busy": {0: 0.0, 1: 0.06}}),
        ("other processes", Level.BAD, {"busy": {0: 0.0, 1: 0.9}}),
        ("other processes", Level.FINE, {"busy": {0: 0.9, 1: 0.0}}),
        ("load", Level.WARNING, {"load": (1.6, 0.0, 0.0)}),
        ("load", Level.FINE, {"load": (1.5, 9.0, 9.0)}),
        ("steal", Level.WARNING, {"steal_ratio": 0.01}),
        ("steal", Level.BAD, {"steal_ratio": 0.05}),
        ("steal", Level.UNKNOWN, {"steal_ratio": None}),
        ("clock", Level.WARNING, {"clock": {"name": "c", "overhead_ns": 5_000, "resolution_ns": 1}}),
        ("clock", Level.WARNING, {"clock": {"name": "c", "overhead_ns": 5, "resolution_ns": 4_000_000}}),
    ],
)
def test_each_disturbance_has_its_level_and_a_remedy(
    subject: str, level: Level, changes: dict[str, Any]
) -> None:
    found = finding(subject, findings(readings(**changes)))
    assert found.level is level
    assert bool(found.todo) == (level in (Level.BAD, Level.WARNING))


def test_the_worst_comes_first() -> None:
    found = findings(readings(pinned=None, machine=cpu(governor=None, turbo=True)))
    levels = [each.level for each in found]
    assert levels[:3] == [Level.BAD, Level.WARNING, Level.UNKNOWN]
    assert set(levels[3:]) == {Level.FINE}


def test_the_processes_that_take_the_core_are_named() -> None:
    busy = (Process(77, "stress", 0.9, 1),)
    found = finding("other processes", findings(readings(busy={1: 0.9}, processes=busy)))
    assert found.found == "90.00% of core 1 is taken by others: stress (77, 90.00% of core 1)"


def test_without_a_test_nothing_is_said_of_it() -> None:
    assert not {"A/A", "slowdown", "self-test"} & {each.subject for each in findings(readings())}


def test_a_control_that_fired_is_bad() -> None:
    fired = Decision(verdict=Change.REGRESSION, ratio=1.1, reason="+10.00%, shown to exceed 1.00%")
    found = finding("A/A", findings(readings(), self_test(fired=True, control=fired)))
    assert (found.level, "+10.00%" in found.found) == (Level.BAD, True)
    assert finding("A/A", findings(readings(), self_test(control=None))).level is Level.BAD


@pytest.mark.parametrize("verdict", [Change.INCONCLUSIVE, Change.REGRESSION, Change.IMPROVEMENT])
def test_a_control_that_shows_no_likeness_is_a_warning_with_a_remedy(verdict: Change) -> None:
    control = Decision(verdict=verdict, reason="5 blocks show nothing")
    found = finding("A/A", findings(readings(), self_test(control=control)))
    assert found.level is Level.WARNING
    assert found.found == f"a model is not shown to be like itself ({verdict}): 5 blocks show nothing"
    assert found.todo


@pytest.mark.parametrize("verdict", [Change.INCONCLUSIVE, Change.EQUIVALENT, Change.IMPROVEMENT])
def test_a_slowdown_that_is_not_seen_is_bad(verdict: Change) -> None:
    missed = Decision(verdict=verdict, reason="too noisy")
    found = finding("slowdown", findings(readings(), self_test(slowdown=missed)))
    assert found.level is Level.BAD
    assert found.found == f"2.00% more work is not seen ({verdict}): too noisy"


def test_a_self_test_that_failed_says_only_that() -> None:
    found = findings(readings(), self_test(failed="base crashed: SIGILL"))
    assert finding("self-test", found).found == "base crashed: SIGILL"
    assert not {"A/A", "slowdown"} & {each.subject for each in found}


def test_a_checkup_is_healthy_without_anything_bad() -> None:
    for changes, healthy in (({}, True), ({"load": (9.0, 9.0, 9.0)}, True), ({"pinned": None}, False)):
        seen = readings(**changes)
        assert Diagnosis(readings=seen, findings=findings(seen), test=None).healthy is healthy


def test_the_spread_is_pooled_within_groups() -> None:
    # SDs of 1 and 1 around levels far apart; a lone block tells nothing
    assert spread([(0.0, 1.0, 2.0), (100.0, 101.0, 102.0), (7.0,)]) == pytest.approx(1.0)
    assert spread([(0.0, 2.0), (5.0, 5.0, 5.0)]) == pytest.approx((2.0 / 3) ** 0.5)
    assert spread([(1.0,), ()]) is None


TERMS = ABSettings(metrics=("latency/p50",))


def test_the_reach_follows_from_the_blocks_that_a_budget_pays() -> None:
    found = reach(10.0, 0.8, 0.003, TERMS)
    shift = visible_shift(11, 0.01)
    assert shift is not None
    assert found.blocks == 11
    assert found.change == pytest.approx(0.01 + 1.01 * shift * 0.003, rel=1e-2)
    assert found.at_best == pytest.approx(0.001 + shift * 0.003, rel=1e-2)
    longer = reach(60.0, 0.8, 0.003, TERMS)
    assert longer.blocks == 74
    shift = visible_shift(74, 0.01, FirstLook(11))  # at the second look
    assert shift is not None
    assert longer.at_best == pytest.approx(0.001 + shift * 0.003, rel=1e-2)
    assert longer.change is not None
    assert longer.change < found.change


def test_more_metrics_share_alpha_and_reach_less_far() -> None:
    one, three = reach(10.0, 0.8, 0.003, TERMS), reach(10.0, 0.8, 0.003, ABSettings())
    assert one.change is not None
    assert three.change is not None
    assert one.change < three.change


def test_a_budget_that_pays_too_few_blocks_shows_nothing() -> None:
    found = reach(10.0, 3.0, 0.003, TERMS)
    assert (found.blocks, found.change, found.at_best) == (2, None, None)
