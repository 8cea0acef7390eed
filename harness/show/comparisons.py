"""Rows of comparisons, as an A/B and a comparison of runs show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from harness.core.decision import Blame, Change, Decision, DecisionSource, MetricComparison, RunComparison
from harness.core.units import count, format_percent, format_span, format_value
from harness.show.cells import Cell, Delta, Line, interval_of, number, percent
from harness.show.fields import Field, lines_of
from harness.show.sections import Entry

MOODS = {
    Change.REGRESSION: "bad",
    Change.INCONCLUSIVE: "warning",
    Change.IMPROVEMENT: "good",
    Change.EQUIVALENT: "",
}


def fields(*, blocks: bool = False) -> tuple[Field[MetricComparison], ...]:
    """Give the fields of a table of comparisons; an A/B has one for its `blocks`."""
    counted: Field[MetricComparison] = Field("blocks", _blocks, number=True, drop=5)
    return (
        Field("case", lambda item: item.case),
        Field("metric", lambda item: item.metric),
        Field("base", lambda item: number(item.base, item.unit), number=True, drop=1),
        Field("head", lambda item: number(item.head, item.unit), number=True, drop=1),
        Field("change", change, number=True),
        Field("95% interval", lambda item: interval_of(item.decision), number=True, drop=3),
        Field("seen from", lambda item: percent(item.decision.mde), number=True, drop=4),
        *((counted,) if blocks else ()),
        Field("verdict", lambda item: str(item.decision.verdict)),
        Field("why", lambda item: _why(item, blocks), drop=2),
    )


def lines(items: Iterable[MetricComparison], *, blocks: bool = False) -> tuple[Line, ...]:
    """Write a line a comparison, colored by its verdict."""
    return lines_of(fields(blocks=blocks), items, lambda item: MOODS[item.decision.verdict])


def _why(item: MetricComparison, option: bool) -> str:
    calls = _calls(item.metric, item.decision, option) if item.decision.needed_calls else ""
    parts = (item.decision.beside_change, _levels(item), need(item.decision, option=option), calls)
    return "; ".join(filter(None, parts))


def _calls(metric: str, decision: Decision, option: bool) -> str:
    """Say what a metric that no block has would take."""
    calls = f"{decision.needed_calls:,} calls of each arm"
    if decision.needed_s is None:
        return f"{calls} would do"
    by = f"--metric {metric} --budget {decision.needed_s:g}" if option else format_span(decision.needed_s)
    return f"{calls} would do ({by})"


def _levels(item: MetricComparison) -> str:
    """Say between which levels a metric flips, and how often each arm is at the higher one."""
    levels = item.levels
    if levels is None:
        return ""
    base, head = (
        " or ".join(format_value(value, item.unit) for value in both if value is not None)
        for both in ((levels.base_low, levels.base_high), (levels.head_low, levels.head_high))
    )
    values = base if base == head else f"BASE {base}, HEAD {head}"
    return (
        f"two levels from process to process ({values}); at the higher one: BASE "
        f"{levels.base_at_high} of {levels.base_processes}, HEAD {levels.head_at_high} of "
        f"{levels.head_processes} (p = {levels.p:.2g})"
    )


def need(decision: Decision | None, *, option: bool = False) -> str:
    """Say which budget would show the effect that was asked for, as an `option` or in seconds; or nothing."""
    if decision is None or decision.asked is None:
        return ""
    asked = format_percent(decision.asked)
    by_ab = decision.source is DecisionSource.AB
    if by_ab and decision.mde is not None and decision.mde <= decision.asked:
        return f"{asked} would have shown"
    if decision.needed_s is None:
        return ""
    budget = f"--budget {decision.needed_s:g}" if option else f"{format_span(decision.needed_s)} of blocks"
    return f"{budget} would show {asked}"


def _blocks(item: MetricComparison) -> Cell:
    return str(item.decision.blocks) if item.decision.blocks else None


def count_verdicts(items: Iterable[MetricComparison]) -> str:
    """Count the verdicts: ``2 regressions, 1 equivalent``; "nothing was compared" where there are none.

    What is not comparable is no verdict, and counted by itself.
    """
    every = list(items)
    counts = Counter(item.decision.verdict for item in every if item.decision.comparable)
    unlike = sum(not item.decision.comparable for item in every)
    texts = [
        count(counts[verdict], verdict)
        if verdict in (Change.REGRESSION, Change.IMPROVEMENT)
        else f"{counts[verdict]:,} {verdict}"
        for verdict in Change
        if counts[verdict]
    ]
    texts += [f"{unlike:,} not comparable"] if unlike else []
    return ", ".join(texts) or "nothing was compared"


def change(item: MetricComparison) -> Delta | None:
    """Give how far HEAD is from BASE: shares in points, all else as a percentage."""
    if item.unit == "ratio" and item.base is not None and item.head is not None:
        return Delta(item.head - item.base, "ratio")
    ratio = item.decision.ratio
    return None if ratio is None else Delta(ratio - 1, "")


def blame_entries(contrasts: Iterable[RunComparison]) -> tuple[Entry, ...]:
    """Say what slowdowns are due to: runtimes, operators, region; of the others why nothing is named."""
    entries = []
    for contrast in contrasts:
        for blame in contrast.blames:
            runtimes = dict.fromkeys((blame.base_runtime, blame.head_runtime))
            lines = [
                f"{' -> '.join(runtimes)}: {_operators(blame)}, the region that ends at {blame.region!r}"
            ]
            lines.append(f"alone: {blame.decision.reason}{_counted(blame)}")
            entries.append(Entry(blame.case, tuple(lines)))
        entries += [Entry(case, (why,)) for case, why in contrast.unexplained.items()]
    return tuple(entries)


def _operators(blame: Blame) -> str:
    both = [
        "+".join(op if number == 1 else f"{op} ×{number}" for op, number in Counter(ops).items())
        for ops in (blame.base_ops, blame.head_ops)
    ]
    return " -> ".join(dict.fromkeys(both))


def _counted(blame: Blame) -> str:
    if blame.instructions_ratio is None:
        return ""
    return f"; instructions {format_percent(blame.instructions_ratio - 1, signed=True)}"
