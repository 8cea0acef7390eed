"""The search on grids whose answer is known: design, fit, race."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from harness.tune.design import design, size_of_design
from harness.tune.fit import BLOCK, Fit, Seen
from harness.tune.model import Limit, Objective, Space
from harness.tune.race import Ask, Costs, Race, Step

P50, PEAK = "latency/p50", "memory/peak"
COSTS = Costs(0.8, 1.0, 5.0)
Make = Callable[..., Space]


def truth_of(space: Space, seed: int = 0) -> np.ndarray:
    """An additive grid in logarithms, with one pair that matters."""
    rng = np.random.default_rng(seed)
    table = np.array(space.cells)
    sizes = [0.3, 0.1, 0.05, 0.02, 0.0][: table.shape[1]]
    truth = sum(
        size * rng.standard_normal(len(space.levels[axis]))[table[:, axis]] for axis, size in enumerate(sizes)
    )
    return np.asarray(truth + 0.1 * rng.standard_normal((9, 9))[table[:, 0], table[:, 1]])


def drive(race: Race, truth: np.ndarray, noise: float = 0.0, peaks: np.ndarray | None = None) -> list[Ask]:
    """Answer the race until it ends."""
    rng = np.random.default_rng(1)
    asked = []
    while (ask := race.ask()) is not None:
        asked.append(ask)
        values = {PEAK: float(peaks[ask.cell])} if peaks is not None else {}
        value = truth[ask.cell] + noise * rng.standard_normal()
        if ask.base is None:
            values[P50] = math.exp(value)
        else:
            values = {P50: value - truth[ask.base]}
        race.tell(ask, values, COSTS.of(ask.step))
    return asked


def make_race(space: Space, limits: tuple[Limit, ...] = (), budget_s: float = 35.0) -> Race:
    return Race(space, Objective(P50, False), limits, budget_s, COSTS)


def test_a_design_has_every_value_of_every_axis_alike(space: Make) -> None:
    made = space(4, 3, 2, 2, 2)
    chosen = design(made, 12, Random(0))
    assert chosen[0] == made.default and len(set(chosen)) == 12
    for axis, values in enumerate(made.levels):
        counts = Counter(made.cells[cell][axis] for cell in chosen)
        assert set(counts) == set(range(len(values)))
        assert max(counts.values()) - min(counts.values()) <= 1


def test_a_design_covers_every_group_and_leaves_out_what_is_barred(space: Make) -> None:
    made = space(4, 3, 2, groups=4)
    barred = {cell for cell, values in enumerate(made.cells) if values[1] == 2}
    chosen = design(made, size_of_design(made), Random(3), barred)
    assert {made.groups[cell] for cell in chosen[:4]} == {0, 1, 2, 3}
    assert not barred & set(chosen)


def test_a_fit_of_a_fraction_knows_cells_that_were_never_measured(space: Make) -> None:
    made = space(4, 3, 2, 2)
    table = np.array(made.cells)
    truth = 0.3 * table[:, 0] - 0.2 * table[:, 1] + 0.1 * table[:, 2]
    fit = Fit(made)
    chosen = design(made, 14, Random(0))
    fit.seen.extend(Seen(cell, float(truth[cell])) for cell in chosen)
    fit.refit()
    left = [cell for cell in range(len(made.cells)) if cell not in chosen]
    mean, sd = fit.estimate(left)
    assert np.abs(mean - truth[left]).max() < 0.01
    assert (np.abs(mean - truth[left]) < 4 * sd).all()


def test_blocks_sharpen_the_difference_of_two_cells(space: Make) -> None:
    fit = Fit(space(2, 2))
    fit.seen.extend(Seen(cell, 1.0) for cell in range(4))
    before = fit.believe([0, 3]).covariance
    fit.seen.extend(Seen(3, 0.02, BLOCK, 0) for _ in range(6))
    after = fit.believe([0, 3])
    apart = [cover[0, 0] + cover[1, 1] - 2 * cover[0, 1] for cover in (before, after.covariance)]
    assert apart[1] < apart[0] / 2
    assert after.mean[1] - after.mean[0] > 0.005


@pytest.mark.parametrize(("noise", "seed"), [(0.0, 0), (0.0025, 1), (0.0025, 2), (0.01, 3)])
def test_a_race_finds_a_cell_within_one_percent_in_a_fraction_of_the_time(
    space: Make, noise: float, seed: int
) -> None:
    made = space(4, 3, 2, 2, 2)
    truth = truth_of(made, seed)
    race = make_race(made, budget_s=0.15 * 2.2 * 96)
    drive(race, truth, noise)
    (winner,) = race.fresh
    assert truth[winner] - truth.min() <= math.log(1.01)
    assert race.spent_s <= race.budget_s


def test_the_same_facts_give_the_same_questions(space: Make) -> None:
    made = space(4, 3, 2, 2)
    truth = truth_of(made)
    assert drive(make_race(made), truth, 0.01) == drive(make_race(made), truth, 0.01)


def test_the_winner_is_measured_afresh_last_and_meets_its_limits(space: Make) -> None:
    made = space(4, 3, 2, 2)
    truth = truth_of(made)
    fast = made.cells[int(np.argmin(truth))][0]
    peaks = np.where(np.array(made.cells)[:, 0] == fast, 300e6, 100e6)  # the fastest value takes most
    race = make_race(made, (Limit(PEAK, True, 200e6, "memory"),), budget_s=60.0)
    asked = drive(race, truth, 0.0025, peaks)
    assert asked[-1].step is Step.FRESH
    assert peaks[asked[-1].cell] < 200e6
    assert truth[asked[-1].cell] - truth[peaks < 200e6].min() <= math.log(1.01)


def test_a_winner_that_breaks_a_limit_afresh_is_out_and_the_next_one_is_measured(space: Make) -> None:
    made = space(3, 2)
    truth = np.linspace(0.0, 0.5, 6)
    race = make_race(made, (Limit(PEAK, True, 200e6, "memory"),))
    first: int | None = None
    while (ask := race.ask()) is not None:
        if ask.base is not None:
            race.tell(ask, {P50: float(truth[ask.cell] - truth[ask.base])}, 1.0)
            continue
        bad = ask.step is Step.FRESH and first in (None, ask.cell)
        first = ask.cell if bad else first
        race.tell(ask, {P50: math.exp(truth[ask.cell]), PEAK: 300e6 if bad else 100e6}, 1.0)
    assert first == 0 and race.broke.keys() == {0}
    assert race.winner() not in (None, 0)
    assert "afresh" in race.barred[0]


def test_no_cell_is_recommended_where_none_meets_the_limits(space: Make) -> None:
    made = space(3, 2, 2)
    race = make_race(made, (Limit(PEAK, True, 1e6, "memory"),))
    asked = drive(race, truth_of(made), peaks=np.full(12, 1e8))
    assert race.winner() is None and not race.fresh
    assert all(ask.step is Step.PROBE for ask in asked)


def test_cells_that_are_out_are_never_asked_for(space: Make) -> None:
    made = space(4, 3)
    race = make_race(made)
    for cell in range(6):
        race.bar(cell, "unsupported")
    assert {ask.cell for ask in drive(race, truth_of(made))} <= set(range(6, 12))


def test_of_cells_shown_equal_the_one_of_least_memory_wins(space: Make) -> None:
    made = space(2, 2)
    truth = np.array([0.0, 0.001, 0.5, 0.5])
    race = make_race(made, budget_s=100.0)
    drive(race, truth, 0.0005, peaks=np.array([2e8, 1e8, 1e8, 1e8]))
    assert race.equivalents(1) == (0,)
    assert set(race.fresh) == {1}


def test_the_defaults_are_kept_where_no_better_cell_is_shown(space: Make) -> None:
    """Half a percent is no gain; a tenth is, however the noise has it."""
    made = space(4, 3, 2, 2)
    for gain, kept in ((0.005, True), (0.1, False)):
        table = np.array(made.cells)
        truth = 0.2 * (table[:, 0] > 0) - gain * (table[:, 2] == 1)
        race = make_race(made, budget_s=60.0)
        drive(race, truth, 0.01)
        assert (list(race.fresh) == [made.default]) is kept


@pytest.mark.parametrize("seed", range(3))
def test_of_cells_that_are_all_alike_the_defaults_win(space: Make, seed: int) -> None:
    made = space(3, 2, 2, 2)
    rng = np.random.default_rng(seed)
    peaks = 6e7 * (1 + 0.001 * rng.standard_normal(len(made.cells)))  # no difference: within the margin
    race = Race(made, Objective(P50, False), (), 40.0, COSTS, seed)
    drive(race, np.zeros(len(made.cells)), noise=0.003, peaks=peaks)
    assert race.winner() == made.default


def test_without_time_the_first_cell_is_measured_all_the_same(space: Make) -> None:
    race = make_race(space(4, 3), budget_s=0.1)
    assert [ask.step for ask in drive(race, truth_of(space(4, 3)))] == [Step.PROBE, Step.FRESH]


def test_one_disturbed_measurement_does_not_move_the_fit(space: Make) -> None:
    made = space(4, 3, 2, 2, 2)
    effects = np.random.default_rng(0).standard_normal((5, 4)) * 0.1
    truth = np.array([sum(effects[axis, value] for axis, value in enumerate(cell)) for cell in made.cells])
    fit, chosen = Fit(made), design(made, 32, Random(0))
    slowed = chosen[7]
    fit.seen += [Seen(cell, float(truth[cell]) + (0.4 if cell == slowed else 0.0)) for cell in chosen]
    fit.refit()
    assert fit.trust(slowed) < 0.2 < 0.7 < min(fit.trust(cell) for cell in chosen if cell != slowed)
    believed = fit.believe([slowed])
    assert abs(float(believed.mean[0]) - truth[slowed]) < 0.05
    assert math.sqrt(believed.covariance[0, 0]) < 0.1


def test_a_cell_whose_only_measurement_was_disturbed_is_measured_again_and_wins(space: Make) -> None:
    made = space(4, 3, 2, 2, 2)
    race, truth = make_race(made, budget_s=60.0), truth_of(made)
    best = int(np.argmin(truth))
    slowed = 0
    while (ask := race.ask()) is not None:
        values = {P50: math.exp(truth[ask.cell])}
        if ask.base is not None:
            values = {P50: truth[ask.cell] - truth[ask.base]}
        elif ask.cell == best and not slowed:
            slowed, values = 1, {P50: 1.2 * values[P50]}
        race.tell(ask, values, COSTS.of(ask.step))
    assert slowed and list(race.fresh) == [best] and len(race.probes[best]) >= 2


def test_cells_that_break_a_limit_do_not_crowd_out_those_that_meet_it(space: Make) -> None:
    made = space(4, 4, 4, 2, 2)  # 256 cells, 192 of which are faster and too large
    meets = np.array(made.cells)[:, 0] == 3
    race = make_race(made, (Limit(PEAK, True, 150.0, "memory/peak <= 150 B"),), budget_s=60.0)
    for cell in design(made, 16, Random(0)):
        values = {P50: 8.0 if meets[cell] else 1.0, PEAK: 100.0 if meets[cell] else 200.0}
        race.tell(Ask(Step.PROBE, cell), values, COSTS.probe_s)
    drawn = race.draws().cells
    assert len(drawn) < 192 and set(np.flatnonzero(meets)) <= set(drawn)
