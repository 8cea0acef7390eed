"""The search itself: exact, with the versions' true state in a dictionary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from harness.bisect.halving import conclude, end_is_lost, limit, next_step
from harness.bisect.model import Scan, SearchOutcome, SearchResult, Step, StepVerdict, Window

VERSIONS = tuple("abcdefghijklmnop")  # 16


def search(
    levels: Mapping[str, float | None],
    versions: Sequence[str] = VERSIONS,
    *,
    least: float = 0.01,
    asked: float | None = None,
    confirm: bool = False,
    scan: Scan = Scan.HALVES,
) -> tuple[SearchResult, list[Step]]:
    """Search versions whose metric is at `levels`; None is a version that cannot be had."""
    steps: list[Step] = []
    while pair := next_step(versions, steps, confirm=confirm, scan=scan):
        version, against = pair
        bound = limit(asked, least, versions, steps)
        level = levels[version]
        if level is None:
            step = Step(version=version, against=against, mark=StepVerdict.SKIPPED, reason="no wheel")
        elif not against:
            step = Step(version=version, against="", mark=StepVerdict.GOOD)
        else:
            worse = level - (levels[against] or 0.0)
            mark = StepVerdict.BAD if worse > bound else StepVerdict.GOOD
            step = Step(version=version, against=against, mark=mark, worse=worse)
        steps.append(step)
        assert len(steps) < 40
    return conclude(versions, steps), steps


def step_at(first_bad: str, height: float = 0.3) -> dict[str, float | None]:
    return {version: height if version >= first_bad else 0.0 for version in VERSIONS}


@pytest.mark.parametrize("first_bad", VERSIONS[1:])
def test_every_single_step_is_found_in_no_more_than_log2_tests(first_bad: str) -> None:
    finding, steps = search(step_at(first_bad))
    assert finding.outcome is SearchOutcome.FOUND
    assert finding.first_bad == first_bad
    assert finding.last_good == VERSIONS[VERSIONS.index(first_bad) - 1]
    assert finding.suspects == (first_bad,)
    assert finding.share == pytest.approx(1.0)
    assert len(steps) <= 2 + 4  # both ends, then log2 of fifteen


def test_the_ends_come_first_then_the_middle() -> None:
    _, steps = search(step_at("f"))
    assert [(step.version, step.against) for step in steps[:4]] == [
        ("a", ""),
        ("p", "a"),
        ("h", "a"),
        ("d", "a"),
    ]


def test_ends_that_do_not_differ_end_the_search_at_once() -> None:
    finding, steps = search(dict.fromkeys(VERSIONS, 0.0))
    assert finding.outcome is SearchOutcome.NO_DIFFERENCE
    assert finding.reason == "p is not worse than a"
    assert len(steps) == 2


def test_an_improvement_is_no_difference_for_the_worse() -> None:
    finding, _ = search(step_at("f", height=-0.3))
    assert finding.outcome is SearchOutcome.NO_DIFFERENCE


def test_versions_that_cannot_be_had_are_passed_over_and_make_the_answer_a_range() -> None:
    levels = step_at("g") | {"f": None, "g": None, "h": None}
    finding, steps = search(levels)
    assert (finding.last_good, finding.first_bad) == ("e", "i")
    assert finding.suspects == ("f", "g", "h", "i")
    assert {step.version for step in steps if step.mark is StepVerdict.SKIPPED} == {"f", "g", "h"}


def test_holes_away_from_the_step_leave_it_exact() -> None:
    finding, _ = search(step_at("g") | {"b": None, "h": None, "l": None})
    assert finding.suspects == ("g",)


def test_ends_that_cannot_be_had_move_inwards() -> None:
    finding, steps = search(step_at("g") | {"a": None, "b": None, "p": None, "o": None})
    assert finding.suspects == ("g",)
    assert {step.version for step in steps if step.mark is StepVerdict.SKIPPED} == {"a", "b", "p", "o"}


@pytest.mark.parametrize("oldest", VERSIONS[:-2])
def test_the_oldest_version_that_runs_is_found_by_halves(oldest: str) -> None:
    levels = {version: (None if version < oldest else 0.0) for version in VERSIONS}
    finding, steps = search(levels | {"p": 0.3})
    assert (finding.last_good, finding.first_bad) == ("o", "p")
    alone = [step.version for step in steps if not step.against]
    assert alone[:2] == (["a"] if oldest == "a" else ["a", "p"])
    assert len(alone) <= 2 + 4
    assert {step.against for step in steps} == {"", oldest}


def test_where_nothing_can_be_had_a_few_are_tried_and_the_search_ends_undecided() -> None:
    finding, steps = search(dict.fromkeys(VERSIONS, None))
    assert finding.outcome is SearchOutcome.UNDECIDED
    assert [step.version for step in steps] == ["a", "p", "h", "l", "d", "f"]
    assert finding.reason == "none of a, p, h, l, d, f can be tested; the last reason: no wheel"
    assert len(search({"a": None, "b": None}, "ab")[1]) == 2


def test_a_newest_version_that_does_not_run_the_model_is_what_is_searched_by() -> None:
    steps = [Step(version="a", against="", mark=StepVerdict.GOOD)]
    assert end_is_lost(VERSIONS, steps) is None
    steps.append(Step(version="p", against="a", mark=StepVerdict.BAD, ran=False, reason="failed: boom"))
    assert end_is_lost(VERSIONS, steps) is True
    while pair := next_step(VERSIONS, steps, confirm=True):
        runs = pair[0] < "f"
        mark = StepVerdict.GOOD if runs else StepVerdict.BAD
        steps.append(Step(version=pair[0], against=pair[1], mark=mark, ran=runs))
    finding = conclude(VERSIONS, steps)
    assert (finding.last_good, finding.first_bad, finding.share) == ("e", "f", None)
    assert finding.reason.startswith("p does not run the model")
    assert {step.against for step in steps} == {"", "a"}  # there is nothing to confirm by an A/B


def test_where_only_one_version_can_be_had_the_search_ends_undecided() -> None:
    finding, _ = search(dict.fromkeys(VERSIONS, None) | {"d": 0.0})
    assert finding.outcome is SearchOutcome.UNDECIDED
    assert finding.reason == "no version after d can be tested"


def test_two_versions_take_two_steps() -> None:
    finding, steps = search({"a": 0.0, "b": 0.5}, "ab")
    assert (finding.first_bad, len(steps)) == ("b", 2)


def test_the_limit_is_half_of_what_lies_between_the_ends() -> None:
    levels = dict.fromkeys(VERSIONS, 0.0) | dict.fromkeys("def", 0.05) | dict.fromkeys("ghijklmnop", 0.5)
    finding, _ = search(levels)
    assert finding.first_bad == "g"  # not the small step at d
    assert finding.share == pytest.approx(0.9)


def test_a_limit_that_was_asked_for_is_kept() -> None:
    levels = dict.fromkeys(VERSIONS, 0.0) | dict.fromkeys("def", 0.05) | dict.fromkeys("ghijklmnop", 0.5)
    finding, _ = search(levels, asked=0.02)
    assert finding.first_bad == "d"
    assert finding.share == pytest.approx(0.1)
    assert "10.00% of what lies between a and p" in finding.reason


def test_the_limit_is_never_below_the_least() -> None:
    assert limit(None, 0.01, "ab", []) == 0.01
    ends = [
        Step(version="a", against="", mark=StepVerdict.GOOD),
        Step(version="b", against="a", mark=StepVerdict.BAD, worse=0.012),
    ]
    assert limit(None, 0.01, "ab", ends) == 0.01
    assert limit(0.3, 0.01, "ab", ends) == 0.3


def test_a_difference_without_a_number_leaves_the_limit_at_the_least() -> None:
    ends = [
        Step(version="a", against="", mark=StepVerdict.GOOD),
        Step(version="b", against="a", mark=StepVerdict.BAD),
    ]
    assert limit(None, 0.01, "ab", ends) == 0.01
    assert conclude("ab", ends).share is None


def test_the_confirmation_holds_the_neighbours_against_each_other() -> None:
    finding, steps = search(step_at("g"), confirm=True)
    assert (steps[-1].version, steps[-1].against) == ("g", "f")
    assert finding.suspects == ("g",)


def test_where_the_last_good_one_is_the_base_nothing_is_left_to_confirm() -> None:
    _, steps = search(step_at("b"), confirm=True)
    assert {step.against for step in steps} == {"", "a"}


def test_a_change_that_is_not_confirmed_widens_to_what_is_sure() -> None:
    marks = {
        "a": (StepVerdict.GOOD, True),
        "c": (StepVerdict.GOOD, False),
        "d": (StepVerdict.BAD, False),
        "e": (StepVerdict.BAD, True),
    }
    steps = [Step(version="a", against="", mark=StepVerdict.GOOD)]
    steps += [
        Step(version=version, against="a", mark=mark, sure=sure, worse=0.1)
        for version, (mark, sure) in marks.items()
        if version != "a"
    ]
    assert next_step("acde", steps, confirm=True) == ("d", "c")
    steps.append(Step(version="d", against="c", mark=StepVerdict.GOOD, worse=0.001, reason="+0.10%"))
    assert next_step("acde", steps, confirm=True) is None
    finding = conclude("acde", steps)
    assert finding.suspects == ("c", "d", "e")
    assert finding.reason.startswith("not confirmed: d against c: +0.10%")


@pytest.mark.parametrize("mark", [StepVerdict.UNDECIDED, StepVerdict.BAD])
def test_an_end_that_is_not_sure_ends_the_search_undecided(mark: StepVerdict) -> None:
    steps = [
        Step(version="a", against="", mark=StepVerdict.GOOD),
        Step(version="c", against="a", mark=mark, sure=False, worse=0.02, reason="too few blocks"),
    ]
    assert next_step("abc", steps) is None
    assert conclude("abc", steps) == SearchResult(
        outcome=SearchOutcome.UNDECIDED, last_good="a", unseen=("b",), reason="c against a: too few blocks"
    )


def test_a_middle_that_is_undecided_is_a_hole() -> None:
    steps = [
        Step(version="a", against="", mark=StepVerdict.GOOD),
        Step(version="c", against="a", mark=StepVerdict.BAD, worse=0.5),
        Step(version="b", against="a", mark=StepVerdict.UNDECIDED, reason="no outputs"),
    ]
    assert next_step("abc", steps) is None
    assert conclude("abc", steps).suspects == ("b", "c")


def window(first: str, last: str) -> dict[str, float | None]:
    return {version: 0.3 if first <= version <= last else 0.0 for version in VERSIONS}


def test_a_window_that_was_fixed_is_found_where_every_version_is_looked_at() -> None:
    finding, steps = search(window("f", "i"), scan=Scan.ALL)
    assert finding.outcome is SearchOutcome.FIXED
    assert (finding.last_good, finding.first_bad) == ("e", "f")
    assert finding.windows == (Window("e", "f", "i", "j"),)
    assert finding.reason == "p is good again: fixed in j"
    assert finding.unseen == ()
    assert sorted(step.version for step in steps) == list(VERSIONS)


RELEASES = (
    *("1.19.0", "1.19.2", "1.20.0", "1.20.1", "1.21.0", "1.21.1", "1.22.0", "1.22.1", "1.23.0", "1.23.1"),
    *("1.23.2", "1.24.1", "1.24.2", "1.24.3", "1.24.4", "1.25.0", "1.25.1", "1.26.0", "1.27.0", "1.28.0"),
    *("1.29.0", "1.30.0", "1.31.0", "1.31.1", "1.32.0"),
)


def test_the_window_of_a_pooling_that_was_wrong_is_found_among_the_releases() -> None:
    """AveragePool of opset 21 with padding that counts, fed with 0 to 63: largest errors as read."""
    wrong = RELEASES[RELEASES.index("1.21.0") : RELEASES.index("1.25.0")]
    levels = {version: 31.25 if version in wrong else 0.0 for version in RELEASES}
    finding, steps = search(levels, RELEASES, scan=Scan.ALL)
    assert finding.windows == (Window("1.20.1", "1.21.0", "1.24.4", "1.25.0"),)
    assert (finding.reason, len(steps)) == ("1.32.0 is good again: fixed in 1.25.0", len(RELEASES))


def test_halves_alone_do_not_see_a_window_and_count_what_they_did_not_look_at() -> None:
    finding, steps = search(window("f", "i"))
    assert finding.outcome is SearchOutcome.NO_DIFFERENCE
    assert len(finding.unseen) == len(VERSIONS) - len(steps) == 14


def test_of_two_windows_the_newest_counts_and_both_are_named() -> None:
    levels = {**window("c", "d"), **dict.fromkeys("nop", 0.3)}
    finding, _ = search(levels, scan=Scan.ALL)
    assert finding.outcome is SearchOutcome.FOUND
    assert (finding.last_good, finding.first_bad) == ("m", "n")
    assert finding.windows == (Window("b", "c", "d", "e"), Window("m", "n", "p", None))


def test_a_version_that_cannot_be_tested_ends_no_window() -> None:
    finding, _ = search({**window("f", "i"), "g": None}, scan=Scan.ALL)
    assert finding.windows == (Window("e", "f", "i", "j"),)


def test_a_scan_looks_at_the_newest_patch_of_every_minor_and_then_for_the_first_bad_one() -> None:
    versions = [f"1.{minor}.{patch}" for minor in range(20, 26) for patch in range(3)]
    levels: dict[str, float | None] = dict.fromkeys(versions, 0.0)
    levels |= {"1.22.1": 0.3, "1.22.2": 0.3, "1.23.0": 0.3, "1.23.1": 0.3, "1.23.2": 0.3}
    finding, steps = search(levels, versions, scan=Scan.MINORS)
    assert [step.version for step in steps[:7]] == [
        *("1.20.0", "1.25.2"),
        *("1.20.2", "1.21.2", "1.22.2", "1.23.2", "1.24.2"),
    ]
    assert finding.outcome is SearchOutcome.FIXED
    assert (finding.last_good, finding.first_bad) == ("1.22.0", "1.22.1")
    assert len(steps) < len(versions)


@pytest.mark.parametrize("first_bad", VERSIONS[1:])
def test_every_version_tells_the_same_step_as_halves(first_bad: str) -> None:
    finding, steps = search(step_at(first_bad), scan=Scan.ALL)
    assert (finding.first_bad, finding.suspects) == (first_bad, (first_bad,))
    assert len(steps) == len(VERSIONS)
