"""What an A/B job comes to, out of blocks and records made up to the last digit."""

import math
from dataclasses import replace

import numpy as np
import pytest
from make import make_metric, make_record

from harness.ab import decide as trial
from harness.ab import looks
from harness.ab.model import ABSettings, BlockReading, CaseBlocks, Disagreement, Lost, split_metrics
from harness.ab.schedule import OnlyCase, SeveralCases, count_tests
from harness.core.decision import Change, Decision, DecisionSource, MetricComparison
from harness.core.record import Status
from harness.judge.outputs import Outputs
from harness.stats import signed_rank
from harness.stats.sequential import EARLY_SHARE, FirstLook

SETTINGS = ABSettings(min_effect=0.01, alpha=0.01, budget_s=10.0, seed=1)
P50, P95, PEAK = "latency/p50", "latency/p95", "memory/peak"
TWO_TESTS = SeveralCases.of(SETTINGS, count_tests([P50, P95]))
ONLY = OnlyCase.of(SETTINGS, [P50, P95, PEAK])


def block(**percent):
    """One block: metric -> change in percent, by the metric's short name."""
    names = {"p50": P50, "p95": P95, "peak": PEAK}
    return {
        names[name]: BlockReading(math.log1p(value / 100), 1.0, 1.0 + value / 100)
        for name, value in percent.items()
    }


def blocks(n, **percent):
    return tuple(block(**percent) for _ in range(n))


def seen(case="c", *, screening=(), fresh=(), candidates=(), **more):
    more.setdefault("planned", len(fresh) or 9)
    return CaseBlocks(case, tuple(screening), tuple(fresh), candidates=frozenset(candidates), **more)


def decided(*all_seen, settings=SETTINGS):
    return {(row.case, row.metric): row for row in trial.decide_blocks(all_seen, settings)}


def record(status=Status.OK, reason="", size=1000, bits=None):
    samples = {}
    if bits is not None:
        packed = np.packbits(np.asarray(bits, bool))
        samples = {"correct": {"n": len(bits), "bits": packed.tobytes().hex()}}
    return make_record({"model/size": float(size)}, case="x", status=status, reason=reason, samples=samples)


def test_candidates_are_named_metric_by_metric():
    assert looks.candidates(blocks(3, p50=2, p95=0.1, peak=-3), SETTINGS) == {P50, PEAK}
    assert looks.candidates(blocks(3, p50=0.7), SETTINGS) == {P50}
    assert looks.candidates(blocks(3, p50=0.7), SETTINGS, share=1.0) == frozenset()


def test_blocks_that_lack_a_metric_are_left_out_of_it():
    assert looks.candidates((*blocks(3, p50=0, p95=5), block(p50=0)), SETTINGS) == {P95}
    assert (
        looks.candidates((block(p95=5), *blocks(3, p50=0)), SETTINGS) == frozenset()
    )  # one block tells nothing
    row = decided(seen(fresh=(*blocks(8, p95=5), *blocks(2, p50=0)), candidates=[P95]))["c", P95]
    assert (row.decision.blocks, row.decision.verdict) == (8, Change.REGRESSION)


def test_a_screening_is_open_where_p50_is_neither_a_candidate_nor_shown_to_be_the_same():
    assert not looks.is_open(blocks(6, p50=0.1, p95=0.1), SETTINGS)
    assert not looks.is_open(blocks(6, p50=2, p95=0.1), SETTINGS)
    wild = (block(p50=9), block(p50=-9), block(p50=4), block(p50=-4), block(p50=2), block(p50=-2))
    assert looks.is_open(wild, SETTINGS)


def test_fresh_blocks_decide_and_the_screening_does_not():
    row = decided(seen(screening=blocks(3, p50=9), fresh=blocks(8, p50=2), candidates=[P50]))["c", P50]
    assert row.decision.verdict is Change.REGRESSION
    assert row.decision.ratio == pytest.approx(1.02)
    assert row.decision.p == 2**-8
    assert row.decision.blocks == 8
    assert (row.base, row.head) == (1.0, pytest.approx(1.02))
    assert row.worse == pytest.approx(math.log(1.02))


def test_holm_spans_every_candidate_of_the_job():
    """Eight blocks reach 1/256: enough for one candidate of two, not for one of three."""
    base = seen("a", fresh=blocks(8, p50=2), candidates=[P50])
    others = [seen(name, fresh=blocks(8, p50=0.1), candidates=[P50]) for name in ("b", "c")]
    assert decided(base, others[0])["a", P50].decision.verdict is Change.REGRESSION
    assert decided(base, *others)["a", P50].decision.verdict is Change.INCONCLUSIVE


def test_a_metric_that_is_no_candidate_is_decided_on_the_fresh_blocks_but_never_an_alarm():
    found = decided(seen(screening=blocks(3, p50=2, p95=0), fresh=blocks(8, p50=2, p95=0), candidates=[P50]))
    assert found["c", P95].decision.verdict is Change.EQUIVALENT
    assert found["c", P95].decision.blocks == 8
    found = decided(seen(screening=blocks(3, p50=2, p95=0), fresh=blocks(8, p50=2, p95=5), candidates=[P50]))
    assert found["c", P95].decision.verdict is Change.INCONCLUSIVE


def test_a_case_that_is_no_candidate_keeps_the_verdict_of_its_screening():
    row = decided(seen(screening=blocks(6, p50=0.1)))["c", P50]
    assert row.decision.verdict is Change.EQUIVALENT
    assert row.decision.blocks == 6
    assert row.decision.mde == pytest.approx(0.01)  # blocks without spread: the minimum effect itself


def test_a_candidate_that_was_not_confirmed_is_inconclusive_and_says_why():
    row = decided(seen(screening=blocks(3, p50=2), candidates=[P50], unconfirmed="no budget"))["c", P50]
    assert row.decision.verdict is Change.INCONCLUSIVE
    assert row.decision.reason == "+2.00% on 3 screening blocks, not confirmed: no budget"
    assert row.decision.ratio == pytest.approx(1.02)


def test_an_unfinished_confirmation_decides_nothing():
    half = seen(
        screening=blocks(3, p50=2),
        fresh=blocks(7, p50=2),
        planned=9,
        candidates=[P50],
        unconfirmed="interrupted after 7 of 9 blocks",
    )
    assert decided(half)["c", P50].decision.verdict is Change.INCONCLUSIVE


def test_a_confirmation_cut_short_says_what_it_spared():
    row = decided(seen(fresh=blocks(20, p50=5), planned=22, candidates=[P50]))["c", P50]
    assert row.decision.reason.endswith("2 of 22 blocks spared: they could not change it")


def test_a_metric_that_blocks_cannot_have_says_why():
    found = seen(screening=blocks(6, p50=0), missing={P95: "12 calls", P50: "of one block"})
    assert decided(found)["c", P50].decision.verdict is Change.EQUIVALENT
    row = decided(found)["c", P95]
    assert (row.decision.verdict, row.decision.reason) == (Change.INCONCLUSIVE, "12 calls")
    assert row.base is None


def test_memory_is_a_row_only_where_it_was_asked_for():
    assert ("c", PEAK) not in decided(seen(screening=blocks(6, p50=0)))
    assert ("c", PEAK) in decided(seen(screening=blocks(6, p50=0, peak=0)))


def test_a_case_without_any_block_is_inconclusive_in_speed():
    row = decided(seen(unconfirmed="head crashed in block 4"))["c", P50]
    assert (row.decision.verdict, row.decision.reason) == (Change.INCONCLUSIVE, "head crashed in block 4")


def test_the_fewest_blocks_grow_with_the_family_and_one_may_stray():
    case = seen(screening=blocks(3, p50=5), candidates=[P50])
    schedules = {tests: SeveralCases.of(SETTINGS, tests) for tests in (1, 2, 10)}
    assert [looks.blocks_to_confirm(case, each, 60) for each in schedules.values()] == [8, 9, 12]
    assert looks.blocks_to_confirm(case, schedules[2], 8) == 8  # what can be paid


def test_a_job_is_settled_when_every_candidate_is():
    clear = seen(fresh=blocks(22, p50=5, p95=5), planned=24, candidates=[P50, P95])
    assert looks.is_final(clear, TWO_TESTS)
    open_p95 = seen(
        fresh=[*blocks(10, p50=5, p95=5), *blocks(10, p50=5, p95=-5)], planned=60, candidates=[P95]
    )
    assert not looks.is_final(open_p95, TWO_TESTS)


def test_a_case_is_decided_when_every_candidate_has_a_verdict_at_the_first_look():
    both = {"planned": 9, "first": FirstLook(9), "candidates": [P50, P95]}
    assert looks.is_decided(seen(fresh=blocks(9, p50=5, p95=5), **both), TWO_TESTS)
    strays = [*blocks(7, p50=5, p95=5), *blocks(2, p50=5, p95=-9)]
    assert not looks.is_decided(seen(fresh=strays, **both), TWO_TESTS)


CHOSEN = OnlyCase.of(replace(SETTINGS, most_s=30.0), [P50, P95])


@pytest.mark.parametrize("first", [FirstLook(13), FirstLook(13, EARLY_SHARE)])
def test_a_change_of_p50_that_was_asked_for_answers_a_job_that_chose_its_budget(first):
    open_p95 = [*blocks(7, p50=5, p95=5), *blocks(6, p50=5, p95=1)]
    look = {"planned": 13, "first": first, "fresh": open_p95}
    assert looks.is_answered(seen(**look, candidates=[P50, P95]), CHOSEN)
    assert not looks.is_answered(seen(**look, candidates=[P95]), CHOSEN)
    assert not looks.is_answered(seen(**look, candidates=[P50, P95]), ONLY)


def test_an_early_look_that_leaves_p50_open_is_no_answer_though_it_looks_like_no_change():
    swing = [block(p50=4 * (-1) ** n, p95=0) for n in range(13)]
    still = [block(p50=0, p95=4 * (-1) ** n) for n in range(13)]
    both, alone = [P50, P95], [P95]
    for fresh, early, asked, answered in (
        (swing, True, both, False),
        (swing, False, both, True),
        (still, True, both, True),
        (still, True, alone, False),
        (swing, True, alone, True),
    ):
        first = FirstLook(13, EARLY_SHARE) if early else FirstLook(13)
        case = seen(fresh=fresh, planned=13, first=first, candidates=asked)
        assert looks.is_answered(case, CHOSEN) is answered
        assert looks.is_decided(case, CHOSEN)


def test_a_second_look_is_taken_on_all_fresh_blocks_at_its_own_share():
    strays = [*blocks(2, p50=-9), *blocks(28, p50=5)]
    row = decided(seen(fresh=strays, planned=30, first=FirstLook(9), candidates=[P50]))["c", P50]
    assert row.decision.verdict is Change.REGRESSION
    p = signed_rank.p_above(looks.column(strays, P50), math.log(1.01))
    assert row.decision.p == pytest.approx(p / 0.2)


def imprecise(block_, error):
    return {metric: replace(reading, error=error) for metric, reading in block_.items()}


def test_a_block_weighs_the_less_the_larger_its_error_is():
    some = [block(p50=2), imprecise(block(p50=2, p95=1), 0.0015), imprecise(block(p50=2), 0.2)]
    assert looks.weights(some, P50) == pytest.approx([500, 400, 5], rel=1e-3)
    assert looks.weights(some, P95) == pytest.approx([400])


def test_a_wild_block_that_is_imprecise_hides_no_change_and_makes_none():
    """In every place where blocks are judged: candidates, openness, settled, decided, the control."""
    wild = imprecise(block(p50=-40, p95=-40), 0.5)
    slow = [wild, *blocks(11, p50=2, p95=2)]
    assert looks.candidates(slow[:3], SETTINGS, share=1.0) == {P50, P95}
    case = seen(fresh=slow, planned=12, candidates=[P50, P95])
    assert decided(case)["c", P50].decision.verdict is Change.REGRESSION
    assert looks.is_final(case, SeveralCases.of(SETTINGS, 2))
    first = seen(fresh=slow, planned=12, first=FirstLook(12), candidates=[P50, P95])
    assert looks.is_decided(first, SeveralCases.of(SETTINGS, 2))
    assert trial.judge_control("c", slow, ONLY).fired
    flat = [wild, *blocks(9, p50=0.1, p95=0.1)]
    assert not looks.is_open(flat, SETTINGS)
    assert decided(seen(screening=flat))["c", P50].decision.verdict is Change.EQUIVALENT


def test_in_an_only_case_what_looks_like_no_change_keeps_nothing_open():
    swing = [block(p50=5, peak=4 * (-1) ** n) for n in range(13)]
    both = seen(fresh=swing, planned=13, first=FirstLook(13), candidates=[P50, PEAK])
    assert looks.is_decided(both, ONLY)
    assert not looks.is_decided(both, TWO_TESTS)


def test_metrics_share_alpha_by_what_they_are():
    """Of 1%, 0.7%, 0.25% and 0.05%; what one does not need any more goes to the others (Holm)."""
    assert count_tests([P50, P95, PEAK]) == pytest.approx(10 / 7)
    fresh = blocks(8, p50=2, p95=2, peak=2)
    found = decided(seen(fresh=fresh, candidates=[P50, P95, PEAK]))
    verdicts = {metric: found["c", metric].decision.verdict for metric in (P50, P95, PEAK)}
    # 1/256 is 0.39%: enough for p50, then for p95 of what is left, and the peak of memory is alone at last
    assert set(verdicts.values()) == {Change.REGRESSION}
    for count, verdict in ((10, Change.INCONCLUSIVE), (11, Change.REGRESSION)):  # 1/1024 and 1/2048
        flat = blocks(count, p50=0, p95=0, peak=2)
        found = decided(seen(fresh=flat, candidates=[P50, P95, PEAK]))
        assert found["c", PEAK].decision.verdict is verdict


def test_the_control_fires_when_the_base_arm_differs_from_itself():
    control = trial.judge_control("c", blocks(8, p50=2, p95=0), ONLY)
    assert control.fired
    assert control.reason == "latency/p50: +2.00%, shown to exceed 1.00% (p = 0.0039)"
    faster = trial.judge_control("c", blocks(8, p50=0, p95=-2), ONLY)
    assert faster.fired
    assert faster.reason.startswith("latency/p95: -2.00%")


def test_a_quiet_control_says_what_it_saw():
    control = trial.judge_control("c", blocks(8, p50=0.1, p95=0.2), ONLY)
    assert not control.fired
    assert control.reason.startswith("latency/p50: +0.10%, shown to be within ±1.00%")
    assert set(control.decisions) == {P50, P95}


def test_a_control_of_too_few_blocks_could_not_have_fired_and_says_so():
    assert ONLY.control == 8
    control = trial.judge_control("c", blocks(7, p50=9, p95=9), ONLY)
    assert not control.fired
    assert control.reason == "too few blocks to show anything (7 of 8)"
    assert trial.judge_control("c", (), ONLY).reason == "too few blocks to show anything (0 of 8)"
    lost = trial.judge_control("c", (), ONLY, "base crashed")
    assert lost.reason == "base crashed; too few blocks to show anything (0 of 8)"


def test_records_give_the_size_and_nothing_that_blocks_decide():
    (row,) = trial.compare_records("pair", record(), record(size=1100), SETTINGS)
    assert (row.case, row.metric, row.decision.verdict) == ("pair", "model/size", Change.REGRESSION)
    assert row.decision.ratio == pytest.approx(1.1)


def test_labelled_answers_are_compared_sample_by_sample():
    base, head = [True] * 100, [True] * 80 + [False] * 20
    rows = {
        row.metric: row for row in trial.compare_records("c", record(bits=base), record(bits=head), SETTINGS)
    }
    assert rows["accuracy/top1"].decision.verdict is Change.REGRESSION
    assert rows["accuracy/top1"].decision.p == 2**-20


@pytest.mark.parametrize(
    "base, head, verdict, reason",
    [
        (
            record(),
            record(Status.CRASHED, "the worker died"),
            Change.REGRESSION,
            "ok in base, crashed in head: the worker died",
        ),
        (record(Status.FAILED, "bad"), record(), Change.IMPROVEMENT, "failed in base, ok in head"),
        (
            record(Status.FAILED, "bad"),
            record(Status.UNSUPPORTED, "opset"),
            Change.INCONCLUSIVE,
            "failed in base: bad; unsupported in head: opset",
        ),
    ],
)
def test_a_case_that_ends_unlike_in_the_arms_is_a_row_of_its_own(base, head, verdict, reason):
    (row,) = trial.compare_records("c", base, head, SETTINGS)
    assert (row.metric, row.decision.verdict, row.decision.reason) == ("status", verdict, reason)


def test_losing_head_is_a_regression_and_losing_base_is_not():
    assert (
        trial.judge_lost("c", Lost("head", Status.CRASHED, "SIGSEGV")).decision.verdict is Change.REGRESSION
    )
    assert (
        trial.judge_lost("c", Lost("base", Status.CRASHED, "SIGSEGV")).decision.verdict is Change.INCONCLUSIVE
    )


def outputs(array):
    return Outputs(("y",), (array,), classes={"y": -1})


def test_outputs_that_agree_are_equivalent_in_every_metric_there_is():
    scores = np.random.default_rng(0).standard_normal((50, 5)).astype(np.float32)
    rows = trial.compare_answers("c", outputs(scores), outputs(scores + np.float32(1e-5)))
    assert {row.metric for row in rows} == {
        "accuracy/agreement",
        "accuracy/sqnr_db",
        "accuracy/max_abs_error",
    }
    assert {row.decision.verdict for row in rows} == {Change.EQUIVALENT}
    assert {row.metric: row.head for row in rows}["accuracy/agreement"] == 1.0


def test_outputs_that_disagree_or_are_not_finite_are_a_regression():
    scores = np.random.default_rng(0).standard_normal((50, 5)).astype(np.float32)
    for wrong in (-scores, np.full_like(scores, np.nan)):
        rows = trial.compare_answers("c", outputs(scores), outputs(wrong))
        assert {row.decision.verdict for row in rows} == {Change.REGRESSION}


def test_outputs_of_other_inputs_are_not_compared():
    scores = np.random.default_rng(0).standard_normal((50, 5)).astype(np.float32)
    (row,) = trial.compare_answers("c", outputs(scores), outputs(-scores), unlike="other inputs")
    assert (row.decision.verdict, row.decision.reason) == (Change.INCONCLUSIVE, "other inputs")
    (row,) = trial.compare_answers("c", outputs(scores), outputs(scores * np.nan), unlike="other inputs")
    assert (row.decision.verdict, row.decision.reason) == (
        Change.REGRESSION,
        "250 NaN or Inf, none in base; other inputs",
    )


def test_labelled_cases_share_alpha():
    base, head = [True] * 100, [True] * 92 + [False] * 8  # p = 2**-8

    def verdict(labelled):
        rows = trial.compare_records("c", record(bits=base), record(bits=head), SETTINGS, labelled)
        return next(row.decision.verdict for row in rows if row.metric == "accuracy/top1")

    assert (verdict(1), verdict(2), verdict(3)) == (Change.REGRESSION, Change.REGRESSION, Change.INCONCLUSIVE)


def test_the_worst_comes_first():
    rows = trial.decide_blocks(
        [
            seen("same", screening=blocks(6, p50=0.1)),
            seen("bad", fresh=blocks(9, p50=2), candidates=[P50]),
            seen("worse", fresh=blocks(9, p50=7), candidates=[P50]),
            seen("better", fresh=blocks(9, p50=-7), candidates=[P50]),
        ],
        SETTINGS,
    )
    rows = [row for row in rows if row.metric == P50]
    assert [row.case for row in trial.conclude(rows, None)] == ["worse", "bad", "same", "better"]


def test_a_control_that_fired_marks_every_row():
    rows = trial.decide_blocks([seen(screening=blocks(6, p50=0.1))], SETTINGS)
    fired = trial.judge_control("c", blocks(8, p50=2, p95=0), ONLY)
    assert all(row.decision.reason.startswith("untrusted: ") for row in trial.conclude(rows, fired))
    quiet = trial.judge_control("c", blocks(8, p50=0, p95=0), ONLY)
    assert not any("untrusted" in row.decision.reason for row in trial.conclude(rows, quiet))


def counting(value, reason=""):
    counted = {"how": "callgrind", "tool": "valgrind-3.19.0", "threads": 1, "calls": 4}
    metric = make_metric("instructions/call", value, reason=reason)
    return replace(record(), metrics={"instructions/call": metric}, effective={"instructions": counted})


def test_a_count_that_was_asked_for_has_a_row_with_and_without_a_value():
    asked = replace(SETTINGS, metrics=(), counted=("instructions/call",), min_effect=0.001)
    (row,) = trial.compare_records("c", counting(1000.0), counting(1002.0), asked)
    assert (row.metric, row.decision.verdict) == ("instructions/call", Change.REGRESSION)
    assert row.decision.source is DecisionSource.EXACT
    (row,) = trial.compare_records("c", counting(1000.0), counting(None, "no valgrind"), asked)
    assert (row.decision.verdict, row.decision.reason) == (Change.INCONCLUSIVE, "head: no valgrind")


def test_metrics_are_those_of_blocks_and_those_that_are_counted():
    assert split_metrics(["instructions/call", P50, P50]) == ((P50,), ("instructions/call",))


def peaks(*pairs):
    return tuple({PEAK: BlockReading(math.log(head / base), base * 1e6, head * 1e6)} for base, head in pairs)


def test_memory_that_flips_between_two_levels_has_them_and_no_budget_is_named():
    fresh = peaks((83, 91), (91, 83), (83, 83), (91, 91), (83, 91), (83, 83), (91, 83), (83, 83))
    row = decided(seen(fresh=fresh, candidates=[PEAK], block_s=0.5))["c", PEAK]
    assert row.decision.verdict is Change.INCONCLUSIVE
    assert (row.decision.asked, row.decision.needed_s) == (None, None)
    assert (row.levels.base_low, row.levels.head_high) == (83e6, 91e6)
    assert (row.levels.base_at_high, row.levels.head_at_high, row.levels.base_processes) == (3, 3, 8)
    assert row.levels.p == 1.0


def test_memory_that_moved_has_no_levels():
    row = decided(seen(fresh=peaks(*[(83, 91)] * 12), candidates=[PEAK]))["c", PEAK]
    assert row.decision.verdict is Change.REGRESSION
    assert row.levels is None


@pytest.mark.parametrize(
    ("counted", "timed", "unlike"),
    [
        (Change.REGRESSION, Change.EQUIVALENT, True),
        (Change.EQUIVALENT, Change.REGRESSION, True),
        (Change.IMPROVEMENT, Change.REGRESSION, True),
        (Change.REGRESSION, Change.REGRESSION, False),
        (Change.REGRESSION, Change.INCONCLUSIVE, False),
    ],
)
def test_instructions_and_times_that_were_shown_to_differ_are_named(counted, timed, unlike):
    rows = [
        MetricComparison("c", metric, None, None, Decision(verdict=verdict, ratio=ratio))
        for metric, verdict, ratio in (("instructions/call", counted, 1.02), (P50, timed, 1.0))
    ]
    found = trial.find_disagreements(rows)
    assert found == ((Disagreement("c", counted, 1.02, timed, 1.0),) if unlike else ())
