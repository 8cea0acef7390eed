"""How blocks are planned from what the first ones showed, whichever arm is faster in them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.ab import lengths
from harness.ab.model import ABSettings, BlockReading, Components
from harness.ab.schedule import OnlyCase

SCHEDULE = OnlyCase.of(ABSettings(), ("latency/p50",))
ROUND_S = 0.025
SPANS_S = [0.25] * 6


def block(ratio: float, *rounds: float) -> BlockReading:
    return BlockReading(ratio, 1.0, math.exp(ratio), 0.0, rounds, ROUND_S)


def drawn(count: int, within: float, between: float, seed: int, rounds: int = 10) -> list[BlockReading]:
    """Blocks of a known spread."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        each = rng.normal(rng.normal(0, between), within, rounds)
        found.append(block(float(np.median(each)), *each))
    return found


def parts(**changed: float) -> Components:
    known = {"start_s": 0.45, "round_s": ROUND_S, "within": 0.03, "correlation": 0.0, "between": 0.01}
    return Components(**{**known, **changed}, rounds=60, control_blocks=6)  # type: ignore[arg-type]


def test_the_parts_of_a_known_spread_are_found() -> None:
    found = lengths.components(drawn(300, 0.03, 0.01, 1), drawn(300, 0.03, 0.01, 2), 0.4)
    assert found is not None
    assert found.within == pytest.approx(0.03, rel=0.1)  # a median is nearer to its own values
    assert found.between == pytest.approx(0.01, rel=0.2)
    assert found.correlation == pytest.approx(0, abs=0.06)
    assert (found.start_s, found.round_s, found.rounds) == (0.4, ROUND_S, 6000)


def test_abbas_that_follow_each_other_are_known_to_say_less() -> None:
    steps = np.random.default_rng(3).normal(0, 0.02, (200, 40))
    for column in range(1, 40):
        steps[:, column] += 0.6 * steps[:, column - 1]
    found = lengths.components([block(0.0, *row) for row in steps], drawn(6, 0.03, 0, 2), 0.4)
    assert found is not None
    assert found.correlation == pytest.approx(0.6, abs=0.08)
    assert lengths.variance(found, 0.2) > 2 * lengths.variance(
        parts(between=found.between, within=found.within), 0.2
    )


@pytest.mark.parametrize("effect", [0.0, 0.01, -0.01, 0.5])
def test_a_block_mirrored_about_any_effect_leaves_the_plan_as_it_is(effect: float) -> None:
    own, control = drawn(6, 0.03, 0.02, 4), drawn(6, 0.03, 0.01, 5)
    mirrored = [
        block(2 * effect - each.ratio, *(2 * effect - ratio for ratio in each.rounds)) if number % 2 else each
        for number, each in enumerate(own)
    ]
    before, after = (lengths.components(blocks, control, 0.4) for blocks in (own, mirrored))
    assert before is not None
    assert after is not None
    for name in ("within", "between", "correlation"):
        assert getattr(after, name) == pytest.approx(getattr(before, name), rel=1e-9)


def test_blocks_that_tell_nothing_of_their_spread_are_not_planned_by() -> None:
    steady = [block(0.0, 0.0, 0.0)] * 6
    spread = drawn(6, 0.03, 0.01, 6)
    assert lengths.components(steady, steady, 0.4) is None  # none spreads
    assert lengths.components([block(0.0, 0.1)] * 6, [block(0.0, 0.1)] * 6, 0.4) is None  # one ABBA each
    assert lengths.components(spread, spread[:2], 0.4) is None  # too few of the control
    assert lengths.components(spread, [*spread, block(math.nan, 0.0)], 0.4) is None


def plan(found: Components, left_s: float = 6.0) -> tuple[int, float]:
    made = lengths.plan_blocks(found, SCHEDULE, SPANS_S, left_s, 0.1)
    assert made is not None
    assert made.span_s == pytest.approx(left_s / (made.blocks - 6) - found.start_s)
    return made.blocks, made.span_s


def test_what_starts_cost_and_calls_spread_makes_blocks_longer_and_what_processes_differ_by_shorter() -> None:
    usual, _ = plan(parts())
    assert plan(parts(between=0.05))[0] > usual
    assert plan(parts(within=0.1))[0] < usual
    assert plan(parts(start_s=0.9))[0] < usual
    assert plan(parts(start_s=0.1))[0] > usual


def test_no_fewer_blocks_are_planned_than_have_a_fair_chance() -> None:
    assert plan(parts(between=0.0, within=0.5))[0] >= SCHEDULE.fair
    assert lengths.plan_blocks(parts(), SCHEDULE, SPANS_S, 1.0, 0.1) is None  # the budget pays fewer


def test_the_plan_shows_a_smaller_change_than_any_other_number_of_blocks() -> None:
    made = lengths.plan_blocks(parts(), SCHEDULE, SPANS_S, 12.0, 0.1)
    assert made is not None
    assert made.visible is not None
    others = [lengths._plan(parts(), SCHEDULE, SPANS_S, 12.0, n).visible for n in range(9, 25)]
    assert made.visible <= 1.02 * min(other for other in others if other is not None)


def test_the_smallest_budget_in_which_a_change_is_visible_is_found() -> None:
    def seen(budget_s: float) -> float | None:
        return None if budget_s < 20 else 1 / budget_s

    assert lengths.budget_needed(seen, 0.05, 10.0) == pytest.approx(20, rel=lengths.BUDGET_STEP - 1)
    assert lengths.budget_needed(seen, 0.02, 10.0) == pytest.approx(50, rel=lengths.BUDGET_STEP - 1)
    assert lengths.budget_needed(seen, 0.1, 30.0) == 30  # the least will do
    assert lengths.budget_needed(seen, 1e-9, 10.0) is None
