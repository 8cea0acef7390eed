"""Search an ordered list of versions for the first bad one, by halves.

Everything is read off the steps taken so far, so a search can be stopped and
taken up at any step. Ends first; then the untested version nearest to the
middle between the last good and the first bad one. A version that cannot be
tested is passed over: its neighbours are tested instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from harness.search import Finding, Mark, Outcome, Step
from harness.units import format_percent

MOST = 0.8
"""Share of the difference between the ends below which a single step does not explain it."""


def next_step(
    versions: Sequence[str], steps: Sequence[Step], *, confirm: bool = False
) -> tuple[str, str] | None:
    """Return which version to test next, and against which one; None where the search is over.

    Against nothing (``""``) means: whether it runs at all, to hold the others
    against it. With `confirm`, the last step holds the first bad version
    against the last good one directly.
    """
    base = base_of(steps)
    if base is None:
        tried = {step.version for step in steps}
        return next(((version, "") for version in versions[:-1] if version not in tried), None)
    marks = _marks(steps, base)
    end = _end(versions, marks, base)
    if end is None:
        return None
    if end not in marks:
        return end, base
    last = _held(steps, base)[end]
    if last.mark is not Mark.BAD or not last.sure:
        return None
    low, high = _bracket(versions, marks)
    untested = [at for at in range(low + 1, high) if versions[at] not in marks]
    if untested:
        return versions[min(untested, key=lambda at: abs(2 * at - low - high))], base
    if confirm and versions[low] != base and _confirmation(steps, base) is None:
        return versions[high], versions[low]
    return None


def base_of(steps: Sequence[Step]) -> str | None:
    """Return the version that the others are held against: the oldest that runs."""
    return next((step.version for step in steps if not step.against and step.mark is Mark.GOOD), None)


def limit(asked: float | None, least: float, versions: Sequence[str], steps: Sequence[Step]) -> float:
    """Return how much worse a version must be to count as bad.

    Where nothing is `asked`: half of what lies between the ends, so that the
    search ends at the step that makes up most of it; never below `least`.
    """
    if asked is not None:
        return asked
    base = base_of(steps)
    end = _end(versions, _marks(steps, base), base) if base else None
    last = _held(steps, base).get(end) if base and end else None
    return least if last is None or last.worse is None else max(least, last.worse / 2)


def conclude(versions: Sequence[str], steps: Sequence[Step]) -> Finding:
    """Say what the steps of a search that is over come to."""
    base = base_of(steps)
    if base is None:
        return _undecided(f"no version can be tested; the last reason: {steps[-1].reason}", steps)
    marks = _marks(steps, base)
    end = _end(versions, marks, base)
    if end is None or end not in marks:
        return _undecided(f"no version after {base} can be tested", steps)
    last = _held(steps, base)[end]
    if last.mark is Mark.GOOD and last.sure:
        reason = f"{end} is not worse than {base}: {last.reason}"
        return Finding(outcome=Outcome.NO_DIFFERENCE, last_good=end, reason=reason)
    if last.mark is not Mark.BAD or not last.sure:
        return _undecided(f"{end} against {base}: {last.reason}", steps)
    return _found(versions, steps, base, last)


def _found(versions: Sequence[str], steps: Sequence[Step], base: str, end: Step) -> Finding:
    low, high = _bracket(versions, _marks(steps, base))
    confirmation = _confirmation(steps, base)
    shown = confirmation is None or (confirmation.mark is Mark.BAD and confirmation.sure)
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
    if not shown and confirmation is not None:
        reasons.append(f"not confirmed: {versions[high]} against {versions[low]}: {confirmation.reason}")
    if share is not None and share < MOST:
        reasons.append(
            f"this step makes up {format_percent(share)} of what lies between {base} and {end.version}; "
            "search the rest with --good and --bad"
        )
    return Finding(
        outcome=Outcome.FOUND,
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


def _undecided(reason: str, steps: Sequence[Step]) -> Finding:
    return Finding(outcome=Outcome.UNDECIDED, last_good=base_of(steps), reason=reason)


def _held(steps: Sequence[Step], base: str) -> dict[str, Step]:
    """Return the steps that held a version against `base`."""
    return {step.version: step for step in steps if step.against == base}


def _marks(steps: Sequence[Step], base: str) -> dict[str, Mark]:
    return {base: Mark.GOOD} | {version: step.mark for version, step in _held(steps, base).items()}


def _end(versions: Sequence[str], marks: Mapping[str, Mark], base: str) -> str | None:
    """Return the newest version that is not known to be untestable; None where only the base is left."""
    later = versions[versions.index(base) + 1 :]
    return next((version for version in reversed(later) if marks.get(version) is not Mark.SKIPPED), None)


def _bracket(versions: Sequence[str], marks: Mapping[str, Mark]) -> tuple[int, int]:
    """Return the places of two neighbours among the tested ones: the last good, the first bad."""
    tested = [at for at, version in enumerate(versions) if marks.get(version) in (Mark.GOOD, Mark.BAD)]
    return next(
        (low, high)
        for low, high in pairwise(tested)
        if marks[versions[low]] is Mark.GOOD and marks[versions[high]] is Mark.BAD
    )


def _confirmation(steps: Sequence[Step], base: str) -> Step | None:
    return next((step for step in steps if step.against not in ("", base)), None)
