"""Search an ordered list of versions for the first bad one, by halves.

Everything is read off the steps taken so far, so a search can be stopped and
taken up at any step. The ends come first: the oldest version that runs, which
the others are compared with, and the newest. Then the untested version nearest
to the middle between the last good and the first bad one. A version that
cannot be tested is passed over: its neighbours are tested instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from harness.bisect.model import Scan, SearchOutcome, SearchResult, Step, StepVerdict, Window
from harness.bisect.windows import find_windows, to_scan
from harness.core.units import format_percent

TRIES = 6
"""Versions, spread over all, of which none runs the model: then none is taken to."""

MAIN_SHARE = 0.8
"""Share of the difference between the ends below which a single step does not explain it."""


def next_step(
    versions: Sequence[str], steps: Sequence[Step], *, confirm: bool = False, scan: Scan = Scan.HALVES
) -> tuple[str, str] | None:
    """Return which version to test next, and against which one; None where the search is over.

    Against nothing (``""``) means: whether it runs at all, so that the others can be
    compared with it. `scan` names the versions that are looked at whatever the newest
    shows. With `confirm`, the last step compares the first bad version with the last
    good one directly.
    """
    base = base_of(versions, steps)
    if base is None:
        version = _next_base(versions, steps)
        return None if version is None else (version, "")
    marks = _marks(steps, base)
    end = _end(versions, marks, base)
    if end is None:
        return None
    if end not in marks:
        return end, base
    later = versions[versions.index(base) :]
    if left := [version for version in to_scan(later, scan) if version not in marks]:
        return left[0], base
    last = _held(steps, base)[end]
    windows = find_windows(versions, marks)
    if scan is Scan.HALVES and (last.mark is not StepVerdict.BAD or not last.sure):
        return None
    if not windows:
        return None
    low, high = _bracket(versions, windows)
    if middle := _middle(versions, marks, low, high):
        return middle, base
    if confirm and last.ran and versions[low] != base and _confirmation(steps, base) is None:
        return versions[high], versions[low]
    return None


def end_is_lost(versions: Sequence[str], steps: Sequence[Step]) -> bool | None:
    """Return whether the newest version does not run the model: then that is what is searched by.

    None where it was not tested yet.
    """
    last = _end_step(versions, steps)
    return None if last is None else not last.ran


def base_of(versions: Sequence[str], steps: Sequence[Step]) -> str | None:
    """Return the oldest version that runs, once it is known."""
    marks = _alone(steps)
    running = [at for at, version in enumerate(versions) if marks.get(version) is StepVerdict.GOOD]
    if not running or _middle(versions, marks, _last_skipped(versions, marks, running[0]), running[0]):
        return None
    return versions[running[0]]


def _next_base(versions: Sequence[str], steps: Sequence[Step]) -> str | None:
    """Return where to look next for the oldest version that runs; None where there seems to be none."""
    marks = _alone(steps)
    running = [at for at, version in enumerate(versions) if marks.get(version) is StepVerdict.GOOD]
    if running:
        return _middle(versions, marks, _last_skipped(versions, marks, running[0]), running[0])
    if len(marks) >= min(TRIES, len(versions)):
        return None
    ends = [version for version in (versions[0], versions[-1]) if version not in marks]
    if ends:
        return ends[0]
    tested = [at for at, version in enumerate(versions) if version in marks]
    low, high = max(pairwise(tested), key=lambda gap: gap[1] - gap[0])
    return _middle(versions, marks, low, high)


def _alone(steps: Sequence[Step]) -> dict[str, StepVerdict]:
    """Return what is known of versions that were compared with nothing."""
    return {step.version: step.mark for step in steps if not step.against}


def _last_skipped(versions: Sequence[str], marks: Mapping[str, StepVerdict], before: int) -> int:
    """Return the place of the last version before `before` that does not run; -1 where there is none."""
    return max((at for at in range(before) if marks.get(versions[at]) is StepVerdict.SKIPPED), default=-1)


def _middle(versions: Sequence[str], marks: Mapping[str, StepVerdict], low: int, high: int) -> str | None:
    """Return the untested version nearest to the middle between two places, if any lies between."""
    untested = [at for at in range(low + 1, high) if versions[at] not in marks]
    return versions[min(untested, key=lambda at: abs(2 * at - low - high))] if untested else None


def limit(asked: float | None, least: float, versions: Sequence[str], steps: Sequence[Step]) -> float:
    """Return how much worse a version must be to count as bad.

    Where nothing is `asked`: half of what lies between the ends, so that the
    search ends at the step that makes up most of it; never below `least`.
    """
    if asked is not None:
        return asked
    last = _end_step(versions, steps)
    return least if last is None or last.worse is None else max(least, last.worse / 2)


def conclude(versions: Sequence[str], steps: Sequence[Step]) -> SearchResult:
    """Return what the steps of a search that is over come to."""
    base = base_of(versions, steps)
    if base is None:
        tried = ", ".join(step.version for step in steps)
        return _undecided(f"none of {tried} can be tested; the last reason: {steps[-1].reason}", None)
    marks = _marks(steps, base)
    known = {step.version for step in steps}
    unseen = tuple(version for version in versions if version not in known)
    sure = {version: step.mark for version, step in _held(steps, base).items() if step.sure}
    windows = find_windows(versions, {base: StepVerdict.GOOD, **sure})
    return replace(_concluded(versions, steps, base, marks), windows=windows, unseen=unseen)


def _concluded(
    versions: Sequence[str], steps: Sequence[Step], base: str, marks: Mapping[str, StepVerdict]
) -> SearchResult:
    end = _end(versions, marks, base)
    if end is None or end not in marks:
        return _undecided(f"no version after {base} can be tested", base)
    last = _held(steps, base)[end]
    windows = find_windows(versions, marks)
    if last.mark is StepVerdict.GOOD and last.sure:
        if windows:
            return _fixed(windows[-1], end)
        reason = f"{end} is not worse than {base}{f': {last.reason}' if last.reason else ''}"
        return SearchResult(outcome=SearchOutcome.NO_DIFFERENCE, last_good=end, reason=reason)
    if last.mark is not StepVerdict.BAD or not last.sure:
        return _undecided(f"{end} against {base}: {last.reason}", base)
    return _found(versions, steps, base, last)


def _fixed(window: Window, end: str) -> SearchResult:
    """Report versions that are bad though the newest is good."""
    return SearchResult(
        outcome=SearchOutcome.FIXED,
        first_bad=window.first_bad,
        last_good=window.last_good,
        reason=f"{end} is good again: fixed in {window.fixed_in}",
    )


def _found(versions: Sequence[str], steps: Sequence[Step], base: str, end: Step) -> SearchResult:
    low, high = _bracket(versions, find_windows(versions, _marks(steps, base)))
    confirmation = _confirmation(steps, base)
    shown = confirmation is None or (confirmation.mark is StepVerdict.BAD and confirmation.sure)
    held = _held(steps, base)
    share = _share(held.get(versions[low]), held[versions[high]], end)
    first, last = low, high
    if not shown:  # widen to what is certain
        unsure = {version for version, step in held.items() if not step.sure}
        while first > 0 and versions[first] in unsure:
            first -= 1
        while versions[last] in unsure:
            last += 1
    reasons = []
    if not end.ran:
        reasons.append(f"{end.version} does not run the model, so that is what was searched by: {end.reason}")
    if not shown and confirmation is not None:
        reasons.append(f"not confirmed: {versions[high]} against {versions[low]}: {confirmation.reason}")
    if share is not None and share < MAIN_SHARE:
        reasons.append(
            f"this step makes up {format_percent(share)} of what lies between {base} and {end.version}; "
            "search the rest with --good and --bad"
        )
    return SearchResult(
        outcome=SearchOutcome.FOUND,
        first_bad=versions[high],
        last_good=versions[low],
        suspects=tuple(versions[first + 1 : last + 1]),
        share=share,
        reason="; ".join(reasons),
    )


def _share(before: Step | None, after: Step, end: Step) -> float | None:
    """Return how much of the difference between the ends lies between two neighbours."""
    start = 0.0 if before is None else before.worse
    if start is None or after.worse is None or not end.worse:
        return None
    return (after.worse - start) / end.worse


def _undecided(reason: str, base: str | None) -> SearchResult:
    return SearchResult(outcome=SearchOutcome.UNDECIDED, last_good=base, reason=reason)


def _held(steps: Sequence[Step], base: str) -> dict[str, Step]:
    """Return the steps that held a version against `base`."""
    return {step.version: step for step in steps if step.against == base}


def _marks(steps: Sequence[Step], base: str) -> dict[str, StepVerdict]:
    return {base: StepVerdict.GOOD} | {version: step.mark for version, step in _held(steps, base).items()}


def _end(versions: Sequence[str], marks: Mapping[str, StepVerdict], base: str) -> str | None:
    """Return the newest version that is not known to be untestable; None where only the base is left."""
    later = versions[versions.index(base) + 1 :]
    return next(
        (version for version in reversed(later) if marks.get(version) is not StepVerdict.SKIPPED), None
    )


def _end_step(versions: Sequence[str], steps: Sequence[Step]) -> Step | None:
    """Return the step that held the newest version against the base, once it was taken."""
    base = base_of(versions, steps)
    end = _end(versions, _marks(steps, base), base) if base else None
    return _held(steps, base).get(end) if base and end else None


def _bracket(versions: Sequence[str], windows: Sequence[Window]) -> tuple[int, int]:
    """Return the places of two neighbours among the tested ones: the last good, the first bad.

    Of several stretches of bad versions the newest counts: it is what the newest version shows.
    """
    return versions.index(windows[-1].last_good), versions.index(windows[-1].first_bad)


def _confirmation(steps: Sequence[Step], base: str) -> Step | None:
    return next((step for step in steps if step.against not in ("", base)), None)
